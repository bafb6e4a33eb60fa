import fc from 'fast-check';
import { expect, it } from 'vitest';
import { frame, MllpReader } from './mllp.ts';

const SIZE_MAX = 1_000;

it('gives back the blocks that were framed, however the stream is cut', () => {
  const block = fc.uint8Array({ minLength: 1, maxLength: 50 }).filter((bytes) => !bytes.includes(0x1c));
  fc.assert(
    fc.property(
      fc.array(block, { maxLength: 5 }),
      fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1 }),
      (blocks, cuts) => {
        const stream = Buffer.concat(blocks.map((bytes) => frame(bytes)));
        const reader = new MllpReader(SIZE_MAX);
        const read: string[] = [];
        for (let at = 0, turn = 0; at < stream.length; turn += 1) {
          const size = cuts[turn % cuts.length]!;
          const { blocks: found, failure } = reader.push(stream.subarray(at, at + size));
          expect(failure).toBeUndefined();
          read.push(...found.map((bytes) => bytes.toString('hex')));
          at += size;
        }
        expect(read).toEqual(blocks.map((bytes) => Buffer.from(bytes).toString('hex')));
      },
    ),
  );
});

it('ends with what is no block, and with a block beyond the bound, also one that never ends', () => {
  expect(new MllpReader(SIZE_MAX).push(Buffer.from('GET / HTTP/1.1\r\n')).failure).toBe('not-framed');
  expect(new MllpReader(SIZE_MAX).push(frame(Buffer.alloc(SIZE_MAX + 1, 65))).failure).toBe('too-large');
  const reader = new MllpReader(SIZE_MAX);
  expect(reader.push(Buffer.of(0x0b)).failure).toBeUndefined();
  const failures = Array.from({ length: 11 }, () => reader.push(Buffer.alloc(100, 65)).failure);
  expect(failures.at(-1)).toBe('too-large');
});

it('passes white space between blocks', () => {
  const reader = new MllpReader(SIZE_MAX);
  const stream = Buffer.concat([frame(Buffer.from('a')), Buffer.from('\r\n '), frame(Buffer.from('b'))]);
  expect(reader.push(stream).blocks.map(String)).toEqual(['a', 'b']);
});
