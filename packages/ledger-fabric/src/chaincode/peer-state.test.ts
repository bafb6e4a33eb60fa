import type { Json } from '@salus/contracts';
import { describe, expect, it } from 'vitest';
import { MemoryPeer } from '../../test/memory-peer.ts';
import { FabricError } from '../fabric-error.ts';
import { PeerState, READS_MAX } from './peer-state.ts';

const state = new Map<string, Json>(
  Array.from({ length: 50 }, (_, at) => [`key/${String(at).padStart(2, '0')}`, { at }]),
);

describe('the state of a peer', () => {
  it('asks once for what is wanted at the same time, and never twice for one key', async () => {
    const peer = new MemoryPeer(state);
    const read = new PeerState(peer);
    const both = await Promise.all([read.get('key/01'), read.get('key/02'), read.get('key/01'), read.get('absent')]);
    expect(both).toEqual([{ at: 1 }, { at: 2 }, { at: 1 }, undefined]);
    expect(peer.questions).toBe(1);
    // What is known is there at once: no promise.
    expect(read.get('key/02')).toEqual({ at: 2 });
    expect(read.get('absent')).toBeUndefined();
    expect(peer.questions).toBe(1);
  });

  it('asks beforehand for what will be read', async () => {
    const peer = new MemoryPeer(state);
    const read = new PeerState(peer);
    read.prefetch(['key/01', 'key/02', 'key/03']);
    expect(await read.get('key/03')).toEqual({ at: 3 });
    expect([...peer.reads]).toEqual(['key/01', 'key/02', 'key/03']);
    expect(peer.questions).toBe(1);
  });

  it('asks again for what is wanted while an answer is under way', async () => {
    const peer = new MemoryPeer(state);
    const read = new PeerState(peer);
    const first = read.get('key/01');
    await new Promise((resolve) => setImmediate(resolve));
    expect(await read.get('key/02')).toEqual({ at: 2 });
    expect(await first).toEqual({ at: 1 });
    expect(peer.questions).toBe(2);
  });

  it('answers a range from a longer one, or from one that came to its end', async () => {
    const peer = new MemoryPeer(state);
    const read = new PeerState(peer);
    expect((await read.range('key/', 'key0', 10)).map(({ key }) => key)).toHaveLength(10);
    expect(await read.range('key/', 'key0', 3)).toHaveLength(3);
    expect(peer.ranges).toEqual(['key/ key0 10']);
    expect(await read.range('key/', 'key0', 60)).toHaveLength(50);
    expect(await read.range('key/', 'key0', 1000)).toHaveLength(50);
    expect(peer.ranges).toEqual(['key/ key0 10', 'key/ key0 60']);
  });

  it('fails for everybody who waits when the peer fails, and for nobody who does not', async () => {
    const peer = new MemoryPeer(state);
    peer.getStates = async () => Promise.reject(new FabricError('peer-failed', 'away'));
    const read = new PeerState(peer);
    read.prefetch(['key/05']);
    const answers = await Promise.allSettled([read.get('key/01'), read.get('key/02')]);
    expect(answers.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  });

  it('has a bound', () => {
    const read = new PeerState(new MemoryPeer(state));
    read.prefetch(Array.from({ length: READS_MAX }, (_, at) => `key/${at}`));
    expect(() => read.prefetch(['one more'])).toThrow('at most');
    expect(() => read.prefetch(['key/1'])).not.toThrow();
  });
});
