import { describe, expect, it } from 'vitest';
import { randomBytes, utf8 } from './bytes.ts';
import { openPasswordBox, PASSWORD_COST_MIN, sealPasswordBox } from './password-box.ts';

const code = (name: string): unknown => expect.objectContaining({ name: 'CryptoError', code: name });
const seal = (passphrase: string, text: string): Promise<Uint8Array> =>
  sealPasswordBox(passphrase, utf8(text), PASSWORD_COST_MIN);

describe('a password box', () => {
  it('opens with its passphrase, at the default cost of 64 MiB and three passes', async () => {
    const box = await sealPasswordBox('correct horse', utf8('content'));
    expect(new DataView(box.buffer).getUint32(7)).toBe(64 * 1024);
    expect([box[11], box[12]]).toEqual([3, 1]);
    expect(await openPasswordBox('correct horse', box)).toEqual(utf8('content'));
  });

  it('refuses a wrong passphrase with its own code', async () => {
    const box = await seal('correct horse', 'content');
    for (const wrong of ['correct  horse', 'Correct horse', 'x']) {
      await expect(openPasswordBox(wrong, box)).rejects.toThrow(code('wrong-passphrase'));
    }
  });

  it('takes a passphrase however its accents were typed', async () => {
    const box = await seal('caf\u00e9', 'content');
    expect(await openPasswordBox('cafe\u0301', box)).toEqual(utf8('content'));
  });

  it('draws a new salt and nonce each time', async () => {
    const boxes = await Promise.all([seal('p', 'same'), seal('p', 'same')]);
    expect(boxes[0]?.subarray(13, 41)).not.toEqual(boxes[1]?.subarray(13, 41));
  });

  it('refuses a box in which a byte of salt, nonce, content or tag was changed', async () => {
    const box = await seal('p', 'content');
    for (const byte of [13, 28, 29, 40, 41, box.length - 1]) {
      const changed = box.slice();
      changed[byte]! ^= 1;
      await expect(openPasswordBox('p', changed), `byte ${byte}`).rejects.toThrow(code('wrong-passphrase'));
    }
  });

  it('refuses another format, and a cost out of bounds before any work', async () => {
    const box = await seal('p', 'content');
    const change = (at: number, value: number): Uint8Array => box.map((byte, index) => (index === at ? value : byte));
    const malformed = [
      box.subarray(0, 56),
      new Uint8Array(0),
      randomBytes(100),
      ...[0, 4, 5, 6].map((at) => change(at, 99)),
      change(7, 255),
      change(9, 0),
      change(11, 11),
      change(11, 0),
      change(12, 5),
      change(12, 0),
    ];
    for (const bytes of malformed) await expect(openPasswordBox('p', bytes)).rejects.toThrow(code('bad-format'));
  });

  it('is not made with an empty or endless passphrase or an unsafe cost', async () => {
    await expect(seal('', 'x')).rejects.toThrow(code('bad-argument'));
    await expect(seal('x'.repeat(1025), 'x')).rejects.toThrow(code('bad-argument'));
    const weak = { ...PASSWORD_COST_MIN, memoryKib: PASSWORD_COST_MIN.memoryKib - 1 };
    for (const cost of [weak, { ...weak, memoryKib: 2 ** 31 }, { ...PASSWORD_COST_MIN, passes: 2.5 }]) {
      await expect(sealPasswordBox('p', utf8('x'), cost)).rejects.toThrow(code('bad-argument'));
    }
    await expect(sealPasswordBox('p', new Uint8Array(16 * 1024 * 1024 + 1))).rejects.toThrow(code('too-large'));
  });
});
