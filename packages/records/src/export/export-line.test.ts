import { expect, test } from 'vitest';
import type { StoredRecord } from '../vault-types.ts';
import { openLine, parseLine, sealLine } from './export-line.ts';

const recordOf = (version: number, salt: string) => ({ recordId: 'r1', version, meta: { salt } }) as StoredRecord;
const WRITTEN = recordOf(2, 'A'.repeat(43));
const TEXT = '{"resourceType":"Observation","valueQuantity":{"value":1.50}}';

test('a line gives its text back, number literals too, on one line, to whoever has the salt of its version', () => {
  const line = sealLine(WRITTEN, TEXT.replace('{"value"', '{\n"value"'));
  expect(line).not.toContain('\n');
  expect(parseLine(line)).toMatchObject({ recordId: 'r1', version: 2 });
  expect(openLine(WRITTEN, parseLine(line))).toBe(TEXT);
});

test('once the salt is destroyed the file that is left tells nothing', () => {
  const line = sealLine(WRITTEN, TEXT);
  expect(line).not.toContain('Observation');
  expect(Buffer.from(parseLine(line).sealed, 'base64url').includes('Observation')).toBe(false);
  for (const other of [recordOf(2, 'B'.repeat(43)), recordOf(3, WRITTEN.meta.salt)]) {
    expect(() => openLine(other, parseLine(line))).toThrow(expect.objectContaining({ code: 'decryption-failed' }));
  }
});
