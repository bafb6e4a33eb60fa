import { CONTRACT_CODES, ContractError } from '@salus/contracts';
import { CryptoError } from '@salus/crypto';
import { FHIR_ERROR_CODES } from '@salus/fhir';
import { RecordsError } from '@salus/records';
import { describe, expect, it } from 'vitest';
import { ServerError } from '../server-error.ts';
import { problemOf, statusOf } from './problem.ts';

describe('problem', () => {
  it('gives no refusal of a contract or of FHIR a status that blames the node', () => {
    const codes = [...Object.keys(CONTRACT_CODES), ...FHIR_ERROR_CODES];
    expect(codes.length).toBeGreaterThan(120);
    expect(codes.filter((code) => statusOf(code) >= 500)).toEqual([]);
    expect(codes.filter((code) => statusOf(code) < 400)).toEqual([]);
  });

  it.each([
    ['grant-revoked', 403],
    ['role-missing', 403],
    ['signer-unknown', 403],
    ['grant-unknown', 404],
    ['request-used', 409],
    ['stale-epoch', 409],
    ['args-invalid', 400],
    ['private-mismatch', 400],
    ['too-large', 413],
    ['multiple-matches', 412],
    ['structure-invalid', 422],
    ['erased', 410],
    ['omitted-record', 502],
    ['rollback-unnamed', 503],
    ['corrupt', 500],
  ])('answers %s with %i', (code, status) => {
    expect(statusOf(code)).toBe(status);
  });

  it('tells a contract’s code through the vault, and hides what is wrong inside', () => {
    expect(problemOf(new RecordsError('ledger-refused', 'refused', { detail: 'grant-revoked' }))).toMatchObject({
      code: 'grant-revoked',
      status: 403,
    });
    expect(problemOf(new ContractError('call-malformed', 'signer'))).toMatchObject({
      code: 'call-malformed',
      status: 400,
      detail: 'signer',
    });
    expect(problemOf(new CryptoError('bad-json', 'no JSON'))).toMatchObject({ code: 'bad-json', status: 400 });
    for (const error of [
      new RecordsError('corrupt', 'row 7'),
      new ServerError('bad-setting', 'x'),
      new TypeError('y'),
      'thrown text',
      null,
    ]) {
      expect(problemOf(error)).toEqual({
        type: 'urn:salus:error:internal',
        title: 'internal',
        status: 500,
        code: 'internal',
      });
    }
  });
});
