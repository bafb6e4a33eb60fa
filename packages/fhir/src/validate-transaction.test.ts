import { describe, expect, it } from 'vitest';
import { parseFhirJson } from './parse-json.ts';
import { ISSUES_MAX } from './structure.ts';
import { validateTransaction } from './validate-transaction.ts';

function found(entries: string, rest = ''): readonly string[] {
  const text = `{"resourceType":"Bundle","type":"transaction"${rest},"entry":[${entries}]}`;
  return validateTransaction(parseFhirJson(text)).map(({ expression, text }) => `${expression}: ${text}`);
}

const post = (type: string, elements = '', entry = '') =>
  `{"resource":{"resourceType":"${type}"${elements}},"request":{"method":"POST","url":"${type}"}${entry}}`;

describe('validateTransaction', () => {
  it('accepts valid resources in a valid bundle', () => {
    expect(found(post('Patient'))).toEqual([]);
    expect(validateTransaction({ resourceType: 'Bundle', type: 'transaction' })).toEqual([]);
  });

  it('says in which entry and where', () => {
    expect(
      found([post('Patient'), post('Patient', ',"birthDate":"x"'), post('Patient', ',"id":"a_b"')].join()),
    ).toEqual([
      'Bundle.entry[1].resource.birthDate: a date is YYYY, YYYY-MM or YYYY-MM-DD',
      'Bundle.entry[2].resource.id: a resource id has 1 to 64 letters, digits, "-" and "."',
    ]);
  });

  it('checks the bundle itself', () => {
    expect(found(post('Patient', '', ',"unknown":1'), ',"total":"1"')).toEqual([
      'Bundle.total: a JSON number was expected',
      'Bundle.entry[0].unknown: unknown element',
    ]);
    expect(() => found(post('Patient'), ',"type":"batch"')).toThrow(expect.objectContaining({ code: 'duplicate-key' }));
    expect(() => found('1')).toThrow(expect.objectContaining({ code: 'bundle-invalid' }));
  });

  it('knows the types of what a resource refers to in the same transaction', () => {
    const observation = (subject: string) =>
      post('Observation', `,"status":"final","code":{"text":"x"},"subject":{"reference":"${subject}"}`);
    const patient = post('Patient', '', ',"fullUrl":"urn:uuid:0c6a4a3e-0000-4000-8000-000000000001"');
    const place = post('Organization', ',"name":"x"', ',"fullUrl":"urn:uuid:0c6a4a3e-0000-4000-8000-000000000002"');
    expect(found([patient, observation('urn:uuid:0c6a4a3e-0000-4000-8000-000000000001')].join())).toEqual([]);
    expect(found([place, observation('urn:uuid:0c6a4a3e-0000-4000-8000-000000000002')].join())).toEqual([
      'Bundle.entry[1].resource.subject: the reference is to a resource of a type that is not allowed here',
    ]);
  });

  it('is not blinded by any number of remarks', () => {
    const remark = post(
      'Observation',
      ',"status":"final","code":{"text":"x"},"subject":{"reference":"https://a.example/Practitioner/1"}',
    );
    const many = Array.from({ length: 2 * ISSUES_MAX }, () => remark);
    expect(found([...many, post('Patient', ',"birthDate":"x"')].join())).toEqual([
      `Bundle.entry[${2 * ISSUES_MAX}].resource.birthDate: a date is YYYY, YYYY-MM or YYYY-MM-DD`,
    ]);
  });

  it('reports a bounded number of findings', () => {
    expect(
      found(Array.from({ length: 2 * ISSUES_MAX }, () => post('Patient', ',"birthDate":"x"')).join()),
    ).toHaveLength(ISSUES_MAX);
  });
});
