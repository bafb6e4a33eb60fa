import { randomUUID } from 'node:crypto';
import type { FhirTree } from '../tree.ts';

export const SYSTEM = 'https://salus.example/conformance';

export function urn(): string {
  return `urn:uuid:${randomUUID()}`;
}

export function post(resource: FhirTree, fullUrl: string, request: FhirTree = {}): FhirTree {
  return { fullUrl, resource, request: { method: 'POST', url: resource.resourceType, ...request } };
}

export function request(
  method: string,
  { type, id }: { type: string; id: string },
  resource?: FhirTree,
  more: FhirTree = {},
) {
  return { ...(resource === undefined ? {} : { resource }), request: { method, url: `${type}/${id}`, ...more } };
}

export function transaction(...entry: readonly FhirTree[]): FhirTree {
  return { resourceType: 'Bundle', type: 'transaction', entry };
}

/** Every bundle differs from every other: an engine may refuse the same one twice. */
export function newPatient(): FhirTree {
  return { resourceType: 'Patient', identifier: [{ system: SYSTEM, value: randomUUID() }] };
}

export function newPractitioner(value: string): FhirTree {
  return { resourceType: 'Practitioner', identifier: [{ system: SYSTEM, value }], name: [{ family: randomUUID() }] };
}

export function observation(subject: string): FhirTree {
  return {
    resourceType: 'Observation',
    meta: { tag: [{ system: SYSTEM, code: 'conformance' }] },
    status: 'final',
    code: { coding: [{ system: 'http://loinc.org', code: '29463-7' }] },
    subject: { reference: subject },
    valueQuantity: { value: JSON.rawJSON('72.50'), unit: 'kg' },
  };
}
