import { describe, expect, it } from 'vitest';
import { EventFrames } from './event-frames.ts';

describe('the frames of an event stream', () => {
  it('are the same wherever the network cut the text', () => {
    const text = 'event: ready\ndata: {"height":7}\n\n: still here\n\nevent: grant\ndata: {"kind":"grant"}\n\n';
    const whole = new EventFrames().take(text);
    expect(whole).toEqual([
      { kind: 'ready', data: '{"height":7}' },
      { kind: 'grant', data: '{"kind":"grant"}' },
    ]);
    for (let cut = 0; cut <= text.length; cut += 1) {
      const frames = new EventFrames();
      expect([...frames.take(text.slice(0, cut)), ...frames.take(text.slice(cut))]).toEqual(whole);
    }
  });

  it('join data of several lines and leave out what has none', () => {
    expect(new EventFrames().take('data: a\ndata:b\n\nevent: x\n\n')).toEqual([{ kind: 'message', data: 'a\nb' }]);
  });

  it('refuse one that does not end', () => {
    const frames = new EventFrames();
    expect(() => {
      for (let sent = 0; sent < 40; sent += 1) frames.take('data: 0123456789'.repeat(64));
    }).toThrow(RangeError);
  });
});
