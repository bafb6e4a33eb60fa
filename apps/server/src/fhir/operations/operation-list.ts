import { RESOURCE_TYPES, type ResourceType, rowOf } from '@salus/fhir';

export interface FhirOperation {
  /** Without the dollar sign. */
  readonly name: string;
  /** Canonical URL of the OperationDefinition. */
  readonly definition: string;
  readonly level: 'system' | 'type';
  /** The types below which it stands; empty at system level. */
  readonly types: readonly ResourceType[];
}

const STORED_TYPES = RESOURCE_TYPES.filter((type) => rowOf(type).owner !== 'refused');
const R4 = 'http://hl7.org/fhir/OperationDefinition';
const BULK = 'http://hl7.org/fhir/uv/bulkdata/OperationDefinition';

/** Every operation of the node's FHIR interface; the CapabilityStatement is made from it, and a test calls each. */
export const OPERATIONS: readonly FhirOperation[] = [
  { name: 'everything', definition: `${R4}/Patient-everything`, level: 'type', types: ['Patient'] },
  { name: 'match', definition: `${R4}/Patient-match`, level: 'type', types: ['Patient'] },
  {
    name: 'summary',
    definition: 'http://hl7.org/fhir/uv/ips/OperationDefinition/summary',
    level: 'type',
    types: ['Patient'],
  },
  { name: 'export', definition: `${BULK}/patient-export`, level: 'type', types: ['Patient'] },
  { name: 'export', definition: `${BULK}/group-export`, level: 'type', types: ['Group'] },
  { name: 'graphql', definition: `${R4}/Resource-graphql`, level: 'system', types: [] },
  { name: 'graphql', definition: `${R4}/Resource-graphql`, level: 'type', types: STORED_TYPES },
  { name: 'validate', definition: `${R4}/Resource-validate`, level: 'type', types: STORED_TYPES },
  { name: 'expand', definition: `${R4}/ValueSet-expand`, level: 'type', types: ['ValueSet'] },
  { name: 'validate-code', definition: `${R4}/ValueSet-validate-code`, level: 'type', types: ['ValueSet'] },
  { name: 'validate-code', definition: `${R4}/CodeSystem-validate-code`, level: 'type', types: ['CodeSystem'] },
  { name: 'lookup', definition: `${R4}/CodeSystem-lookup`, level: 'type', types: ['CodeSystem'] },
  { name: 'proof', definition: 'urn:salus:operation:proof', level: 'type', types: STORED_TYPES },
];
