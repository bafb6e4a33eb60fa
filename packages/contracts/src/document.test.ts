import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { contracts, findTransaction } from './catalogue.ts';
import { CONTRACT_CODES, RUNTIME_CODES } from './codes.ts';
import { renderContracts } from './document.ts';

describe('the catalogue', () => {
  it('names each transaction once and finds it by its name', () => {
    const names = contracts.map(({ contract, name }) => `${contract}.${name}`);
    expect(new Set(names).size).toBe(names.length);
    expect(names.length).toBeGreaterThanOrEqual(30);
    for (const transaction of contracts) {
      expect(findTransaction(transaction.contract, transaction.name)).toBe(transaction);
    }
    for (const name of ['toString', '__proto__', 'useRequest'])
      expect(findTransaction('consent', name)).toBeUndefined();
  });

  it('says of every transaction who signs, what is checked, what is written and which codes it gives', () => {
    for (const transaction of contracts) {
      const name = `${transaction.contract}.${transaction.name}`;
      expect(transaction.signers.length, name).toBeGreaterThan(0);
      expect(transaction.signers.includes('id'), name).toBe(transaction.memberKinds !== undefined);
      expect(transaction.roles === undefined || transaction.signers.includes('id'), name).toBe(true);
      expect(transaction.summary, name).toMatch(/\.$/);
      expect(transaction.checks.length, name).toBeGreaterThan(0);
      expect(transaction.writes.length, name).toBeGreaterThan(0);
      // A revocation always wins: nothing of its own refuses it.
      expect(transaction.errors.length > 0, name).toBe(name !== 'consent.revoke');
      expect(transaction.private === undefined, name).toBe(transaction.parsePrivate === undefined);
    }
  });

  it('has no code that nothing gives, and gives each only for a reason that is written down', () => {
    const given = new Set<string>([...Object.keys(RUNTIME_CODES), ...contracts.flatMap(({ errors }) => errors)]);
    expect([...given].sort()).toEqual(Object.keys(CONTRACT_CODES).sort());
    expect(given.size).toBeGreaterThan(100);
    for (const meaning of Object.values(CONTRACT_CODES)) expect(meaning).toMatch(/^\S.*\.$/);
  });
});

describe('docs/CONTRACTS.md', () => {
  it('is what `node packages/contracts/scripts/write-document.ts` writes', () => {
    const committed = readFileSync(new URL('../../../docs/CONTRACTS.md', import.meta.url), 'utf8');
    expect(committed).toBe(renderContracts(contracts));
  });
});
