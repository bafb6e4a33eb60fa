import { randomBytes } from '@salus/crypto';
import { formatRecoveryCode } from '@salus/wallet';
import { describe, expect, it } from 'vitest';
import { formatSheet, parseSheet } from './recovery-sheet.ts';
import { combineShares, splitAmong } from './trustees.ts';

const sheet = () => ({
  organisation: 'hospital-a',
  pid: 'p'.repeat(22),
  recoveryCode: formatRecoveryCode(randomBytes(32)),
});
const refused = { code: 'bad-share' };

describe('shares of a recovery code', () => {
  it('give it back from any of them that are enough, in any order, also when one is shown twice', async () => {
    const given = sheet();
    const shares = await splitAmong(given, { people: 5, needed: 3 });
    expect(new Set(shares).size).toBe(5);
    for (const some of [
      [0, 1, 2],
      [4, 2, 0],
      [3, 1, 4, 0],
      [0, 1, 2, 3, 4],
      [1, 1, 2, 3],
    ]) {
      expect(await combineShares(some.map((index) => `  ${shares[index]!}\n`))).toEqual(given);
    }
  });

  it('give nothing where there are too few, or the same one twice', async () => {
    const shares = await splitAmong(sheet(), { people: 3, needed: 2 });
    await expect(combineShares([])).rejects.toMatchObject(refused);
    await expect(combineShares([shares[0]!])).rejects.toMatchObject(refused);
    await expect(combineShares([shares[0]!, shares[0]!])).rejects.toMatchObject(refused);
  });

  it('are refused where one is misread, of another set, or made up', async () => {
    const given = sheet();
    const shares = await splitAmong(given, { people: 3, needed: 2 });
    const others = await splitAmong({ ...given, recoveryCode: sheet().recoveryCode }, { people: 3, needed: 2 });
    const anew = await splitAmong(given, { people: 3, needed: 2 });
    await expect(combineShares([shares[0]!, others[1]!])).rejects.toMatchObject(refused);
    // Of the same code, but of two polynomials: only the check value notices.
    await expect(combineShares([shares[0]!, anew[1]!])).rejects.toMatchObject(refused);
    const body = shares[1]!.split(':');
    body[6] = `${body[6]!.startsWith('A') ? 'B' : 'A'}${body[6]!.slice(1)}`;
    await expect(combineShares([shares[0]!, body.join(':')])).rejects.toMatchObject(refused);
    await expect(combineShares([shares[0]!, 'SALUS-SHARE:1:2'])).rejects.toMatchObject(refused);
  });

  it.each([
    { people: 3, needed: 1 },
    { people: 2, needed: 3 },
    { people: 10, needed: 2 },
  ])('are not made for %o', async (among) => {
    await expect(splitAmong(sheet(), among)).rejects.toMatchObject(refused);
  });
});

describe('the line of a recovery sheet', () => {
  it('is read back, and refused where a character was misread', () => {
    const given = sheet();
    const line = formatSheet(given);
    expect(parseSheet(` ${line}\n`)).toEqual(given);
    const last = line.endsWith('0') ? '1' : '0';
    for (const wrong of ['', line.slice(0, -1), `${line.slice(0, -1)}${last}`, line.replace('hospital-a', '')]) {
      expect(() => parseSheet(wrong), wrong).toThrow(expect.objectContaining({ code: 'bad-recovery-code' }));
    }
  });
});
