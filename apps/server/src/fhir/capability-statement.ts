import {
  type FhirTree,
  isSupportedParameter,
  RESOURCE_TYPES,
  type ResourceType,
  rowOf,
  type SearchParameter,
  searchParametersOf,
} from '@salus/fhir';
import { type FhirOperation, OPERATIONS } from './operations/operation-list.ts';
import { AUDIT_PARAMETERS } from './projections/audit-events.ts';
import { CONSENT_PARAMETERS } from './projections/consents.ts';

/** What a client may do with a type. */
type Interaction =
  | 'read'
  | 'vread'
  | 'update'
  | 'patch'
  | 'delete'
  | 'history-instance'
  | 'history-type'
  | 'create'
  | 'search-type';

const STORED: readonly Interaction[] = [
  ...(['read', 'vread', 'update', 'patch', 'delete'] as const),
  ...(['history-instance', 'history-type', 'create', 'search-type'] as const),
];

/** Subscriptions have a door of their own. */
const SUBSCRIBED: readonly Interaction[] = ['read', 'update', 'delete', 'create', 'search-type'];

/** Projections: what the ledger and the audit log hold, shown as resources. */
const PROJECTED: ReadonlyMap<ResourceType, readonly Interaction[]> = new Map<ResourceType, readonly Interaction[]>([
  ['AuditEvent', ['read', 'search-type']],
  ['Consent', ['read', 'search-type', 'create']],
]);

/** The parameters that each projection answers to. */
const PROJECTED_PARAMETERS: ReadonlyMap<ResourceType, readonly string[]> = new Map<ResourceType, readonly string[]>([
  ['AuditEvent', AUDIT_PARAMETERS],
  ['Consent', CONSENT_PARAMETERS],
]);

export interface Capabilities {
  /** Base of the organisation's API, without a slash at the end. */
  readonly baseUrl: string;
  readonly organisation: string;
  readonly version: string;
  /** Since when the node has answered like this. */
  readonly dateMs: number;
}

/**
 * What the node can do, from what it is made of: the resource table, the standard's search parameters and the list of
 * operations (FHIR R4 §5.2, capabilitystatement.html).
 */
export function capabilityStatement({ baseUrl, organisation, version, dateMs }: Capabilities): FhirTree {
  return {
    resourceType: 'CapabilityStatement',
    url: `${baseUrl}/metadata`,
    name: 'Salus',
    title: `Salus at ${organisation}`,
    status: 'active',
    date: new Date(dateMs).toISOString(),
    publisher: organisation,
    kind: 'instance',
    instantiates: ['http://hl7.org/fhir/uv/bulkdata/CapabilityStatement/bulk-data'],
    software: { name: 'Salus', version },
    implementation: { description: 'A node of a consortium that shares health records.', url: baseUrl },
    fhirVersion: '4.0.1',
    format: ['json', 'xml', 'application/fhir+json', 'application/fhir+xml'],
    patchFormat: ['application/json-patch+json'],
    rest: [
      {
        mode: 'server',
        documentation:
          'Every answer, total and include holds only what the caller may see now: by role and care relationship, by the patient’s grants and denials, and by the scopes of the token. Every access is logged where the patient sees it.',
        security: securityOf(),
        resource: RESOURCE_TYPES.filter((type) => rowOf(type).owner !== 'refused').map(resourceOf),
        interaction: [{ code: 'transaction' }, { code: 'batch' }, { code: 'history-system' }],
        operation: OPERATIONS.filter(({ level }) => level === 'system').map(operationOf),
      },
    ],
  };
}

/** SMART App Launch 2: where apps log in stands in `.well-known/smart-configuration`. */
function securityOf(): FhirTree {
  return {
    cors: true,
    service: [
      {
        coding: [
          {
            system: 'http://terminology.hl7.org/CodeSystem/restful-security-service',
            code: 'SMART-on-FHIR',
            display: 'SMART-on-FHIR',
          },
        ],
      },
    ],
  };
}

function resourceOf(type: ResourceType): FhirTree {
  const projected = PROJECTED.get(type);
  const interactions = type === 'Subscription' ? SUBSCRIBED : (projected ?? STORED);
  const operations = OPERATIONS.filter(({ types }) => types.includes(type));
  const parameters = parametersOf(type);
  const references = parameters.filter((parameter) => parameter.type === 'reference');
  return {
    type,
    profile: `http://hl7.org/fhir/StructureDefinition/${type}`,
    interaction: interactions.map((code) => ({ code })),
    versioning: projected === undefined ? 'versioned' : 'no-version',
    ...(projected === undefined ? writing() : {}),
    referencePolicy: ['literal', 'local'],
    ...(references.length === 0 || projected !== undefined
      ? {}
      : { searchInclude: ['*', ...references.map(({ code }) => `${type}:${code}`)] }),
    ...(projected === undefined ? reverseIncludes(type) : {}),
    searchParam: parameters.map(({ code, url, type: kind }) => ({ name: code, definition: url, type: kind })),
    ...(operations.length === 0 ? {} : { operation: operations.map(operationOf) }),
  };
}

/** Ids are the node's own: no update creates (DESIGN §5). */
function writing(): FhirTree {
  return {
    readHistory: true,
    updateCreate: false,
    conditionalCreate: true,
    conditionalRead: 'full-support',
    conditionalUpdate: true,
    conditionalDelete: 'single',
  };
}

function parametersOf(type: ResourceType): readonly SearchParameter[] {
  const all = [...searchParametersOf(type).values()].filter(isSupportedParameter);
  const projected = PROJECTED_PARAMETERS.get(type);
  return projected === undefined ? all : all.filter(({ code }) => projected.includes(code));
}

let sources: ReadonlyMap<ResourceType, readonly string[]> | undefined;

/** `_revinclude`: whose reference parameters lead to the type. */
function reverseIncludes(type: ResourceType): FhirTree {
  sources ??= referencesByTarget();
  const found = sources.get(type) ?? [];
  return found.length === 0 ? {} : { searchRevInclude: found };
}

function referencesByTarget(): ReadonlyMap<ResourceType, readonly string[]> {
  const byTarget = new Map<ResourceType, string[]>();
  for (const source of RESOURCE_TYPES) {
    if (rowOf(source).owner === 'refused' || PROJECTED.has(source)) continue;
    for (const { code, targets, type } of parametersOf(source)) {
      if (type !== 'reference') continue;
      for (const target of targets) byTarget.set(target, [...(byTarget.get(target) ?? []), `${source}:${code}`]);
    }
  }
  return byTarget;
}

function operationOf({ name, definition }: FhirOperation): FhirTree {
  return { name, definition };
}
