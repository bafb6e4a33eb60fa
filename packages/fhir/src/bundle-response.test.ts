import { describe, expect, it } from 'vitest';
import { responseLinks, transactionResponse } from './bundle-response.ts';
import { issueOf } from './error-outcome.ts';
import { FHIR_ERROR_CODES, FhirError } from './fhir-error.ts';
import { hasErrors, operationOutcome } from './issue.ts';
import { validateForWrite } from './validate.ts';

describe('transactionResponse', () => {
  it('answers each entry with 201 or 200, version and place', () => {
    const common = { versionId: '1', lastUpdatedMs: 0 };
    const response = transactionResponse([
      { kind: 'created', type: 'Patient', id: 'a', ...common },
      { kind: 'matched', type: 'Practitioner', id: 'b', ...common },
    ]);
    expect(response).toMatchObject({
      resourceType: 'Bundle',
      type: 'transaction-response',
      entry: [
        {
          response: {
            status: '201 Created',
            location: 'Patient/a/_history/1',
            etag: 'W/"1"',
            lastModified: '1970-01-01T00:00:00.000Z',
          },
        },
        {
          response: {
            status: '200 OK',
            location: 'Practitioner/b/_history/1',
            outcome: { resourceType: 'OperationOutcome' },
          },
        },
      ],
    });
    expect(validateForWrite(response)).toEqual([]);
  });

  it('is valid without entries', () => {
    expect(validateForWrite(transactionResponse([]))).toEqual([]);
  });
});

describe('responseLinks', () => {
  it('names what each fullUrl became', () => {
    const transaction = {
      entry: [{ fullUrl: 'urn:uuid:a' }, {}, { fullUrl: 'urn:uuid:c' }, { fullUrl: 'urn:uuid:d' }, 'odd'],
    };
    const location = 'https://example.org/fhir/Practitioner/2/_history/1';
    const response = {
      entry: [
        { response: { location: 'Patient/1/_history/1' } },
        { response: { location: 'Patient/9/_history/1' } },
        { response: { location } },
        { response: { location: 'nowhere' } },
      ],
    };
    expect([...responseLinks(transaction, response)]).toEqual([
      ['urn:uuid:a', 'Patient/1'],
      ['urn:uuid:c', 'Practitioner/2'],
    ]);
    expect(responseLinks({}, {}).size).toBe(0);
  });
});

describe('operationOutcome', () => {
  it('is a valid resource for every refusal', () => {
    for (const code of FHIR_ERROR_CODES) {
      for (const expression of [undefined, 'Bundle.entry[0]']) {
        const outcome = operationOutcome([issueOf(new FhirError(code, 'reason', expression))]);
        expect(validateForWrite(outcome), code).toEqual([]);
        expect(outcome).toMatchObject({
          issue: [
            { severity: 'error', details: { text: 'reason' }, ...(expression ? { expression: [expression] } : {}) },
          ],
        });
      }
    }
  });

  it('says that all is well when nothing was found', () => {
    expect(operationOutcome([])).toMatchObject({ issue: [{ severity: 'information' }] });
    expect(validateForWrite(operationOutcome([]))).toEqual([]);
  });

  it('tells errors from warnings', () => {
    const issue = (severity: 'fatal' | 'error' | 'warning' | 'information') => ({
      severity,
      code: 'invalid' as const,
      text: 'x',
    });
    expect([hasErrors([issue('fatal')]), hasErrors([issue('warning'), issue('error')])]).toEqual([true, true]);
    expect([hasErrors([]), hasErrors([issue('warning'), issue('information')])]).toEqual([false, false]);
  });
});
