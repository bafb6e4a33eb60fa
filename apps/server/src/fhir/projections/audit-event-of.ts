import type { FhirTree } from '@salus/fhir';
import type { AuditEvent, AuditKind, AuditLine, Who } from '@salus/records';

/** What a line of the log refers to, found by the caller: FHIR names instead of pids and record ids. */
export interface AuditNames {
  readonly organisation: string;
  readonly baseUrl: string;
  /** FHIR id of the Patient resource of a pid, where it is registered here. */
  readonly patients: ReadonlyMap<string, string>;
  /** `<type>/<id>/_history/<version>` of `<recordId>/<version>`; erased versions have none. */
  readonly records: ReadonlyMap<string, string>;
}

const BALP = 'https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit';
const EVENT_TYPE = 'http://terminology.hl7.org/CodeSystem/audit-event-type';
const DCM = 'http://dicom.nema.org/resources/ontology/DCM';
const ENTITY_TYPE = 'http://terminology.hl7.org/CodeSystem/audit-entity-type';
const ROLE = 'http://terminology.hl7.org/CodeSystem/object-role';
const REST = { system: EVENT_TYPE, code: 'rest', display: 'RESTful Operation' };
const INTERACTION = 'http://hl7.org/fhir/restful-interaction';
const SYSTEM_OBJECT = { system: ENTITY_TYPE, code: '2', display: 'System Object' };
const UNKNOWN = {
  extension: [{ url: 'http://hl7.org/fhir/StructureDefinition/data-absent-reason', valueCode: 'unknown' }],
};

interface Kind {
  readonly type: FhirTree;
  readonly subtype?: string;
  readonly action: 'C' | 'R' | 'U' | 'D' | 'E';
  /** Name of the BALP profile without `Patient`. */
  readonly profile?: 'Create' | 'Read' | 'Update' | 'Delete' | 'Query';
}

const other = (code: string): Kind => ({ type: { system: 'urn:salus:audit-kind', code }, action: 'E' });

/** BALP 1.1.4 has patterns for what a RESTful server does; the rest names its own kind. */
const KINDS: { readonly [kind in AuditKind]: Kind } = {
  read: { type: REST, subtype: 'read', action: 'R', profile: 'Read' },
  write: { type: REST, subtype: 'create', action: 'C', profile: 'Create' },
  tombstone: { type: REST, subtype: 'delete', action: 'D', profile: 'Delete' },
  search: { type: REST, subtype: 'search', action: 'E', profile: 'Query' },
  export: { type: { system: DCM, code: '110106', display: 'Export' }, action: 'R' },
  login: { type: { system: DCM, code: '110114', display: 'User Authentication' }, action: 'E' },
  refusal: { type: REST, action: 'E' },
  erasure: { ...other('erasure'), action: 'D' },
  session: other('session'),
  delivery: other('delivery'),
  emergency: { type: { system: DCM, code: '110127', display: 'Emergency Override Started' }, action: 'E' },
  registration: other('registration'),
  slip: other('slip'),
  denial: other('denial'),
  delegation: other('delegation'),
};

/** A line of the audit log as an R4 AuditEvent, by IHE BALP 1.1.4 where one of its patterns fits; it names no pid. */
export function auditEventOf({ seq, event }: Pick<AuditLine, 'seq' | 'event'>, names: AuditNames): FhirTree {
  const kind = kindOf(event);
  const patient = event.pid === null ? undefined : names.patients.get(event.pid);
  const purpose = event.purpose === null ? undefined : purposeOf(event.purpose);
  const profile = profileOf(kind, event, patient);
  const entity = entitiesOf(event, patient, names);
  return {
    resourceType: 'AuditEvent',
    id: `audit-${seq}`,
    ...(profile === undefined ? {} : { meta: { profile: [profile] } }),
    type: kind.type,
    ...(kind.subtype === undefined ? {} : { subtype: [{ system: INTERACTION, code: kind.subtype }] }),
    action: kind.action,
    recorded: new Date(event.atMs).toISOString(),
    outcome: event.outcome === 'ok' ? '0' : '4',
    ...(event.outcome === 'ok' ? {} : { outcomeDesc: event.outcome }),
    ...(purpose === undefined ? {} : { purposeOfEvent: [purpose] }),
    agent: agentsOf(kind, event, names),
    source: {
      site: names.organisation,
      observer: { identifier: { system: 'urn:salus:organisation', value: names.organisation } },
      type: [
        {
          system: 'http://terminology.hl7.org/CodeSystem/security-source-type',
          code: '4',
          display: 'Application Server',
        },
      ],
    },
    ...(entity.length === 0 ? {} : { entity }),
  };
}

/** What is written anew, and what replaces a version, are one kind in the log. */
function kindOf({ kind, records }: AuditEvent): Kind {
  const isUpdate = kind === 'write' && records.length > 0 && records.every(({ version }) => version > 1);
  return isUpdate ? { type: REST, subtype: 'update', action: 'U', profile: 'Update' } : KINDS[kind];
}

/** A pattern of BALP is of one successful interaction with one resource, or of one search with its query. */
function profileOf(
  { profile }: Kind,
  { records, outcome, query }: AuditEvent,
  patient: string | undefined,
): string | undefined {
  const fits = profile === 'Query' ? query !== undefined : records.length === 1;
  if (profile === undefined || outcome !== 'ok' || !fits) return undefined;
  return `${BALP}.${patient === undefined ? '' : 'Patient'}${profile}`;
}

function agentsOf({ action }: Kind, event: AuditEvent, names: AuditNames): readonly FhirTree[] {
  // DICOM's words: data flows from the source to the destination.
  const flowsIn = action === 'C' || action === 'U' || action === 'E' || action === 'D';
  const [client, server] = flowsIn ? [SOURCE, DESTINATION] : [DESTINATION, SOURCE];
  const user = event.who === null ? [] : [userOf(event.who, event.purpose, names)];
  return [
    ...user,
    {
      type: { coding: [client] },
      who: { display: event.exchange === undefined ? 'a session of the node' : `the node of ${event.exchange.peer}` },
      requestor: user.length === 0,
      // Addresses of clients are not logged.
      network: UNKNOWN,
    },
    {
      type: { coding: [server] },
      who: { identifier: { system: 'urn:salus:organisation', value: names.organisation } },
      requestor: false,
      network: { address: names.baseUrl, type: '5' },
    },
  ];
}

const SOURCE = { system: DCM, code: '110153', display: 'Source Role ID' };
const DESTINATION = { system: DCM, code: '110152', display: 'Destination Role ID' };

function userOf(who: Who, purpose: string | null, { patients }: AuditNames): FhirTree {
  const type = {
    coding: [
      {
        system: 'http://terminology.hl7.org/CodeSystem/v3-ParticipationType',
        code: 'IRCP',
        display: 'information recipient',
      },
    ],
  };
  const purposeOfUse = purpose === null ? {} : { purposeOfUse: [purposeOf(purpose)] };
  if (who.kind === 'member') {
    const role = who.roles.map((code) => ({ coding: [{ system: 'urn:salus:role', code }] }));
    return {
      type,
      ...(role.length === 0 ? {} : { role }),
      who: { identifier: { system: 'urn:salus:member', value: who.id } },
      requestor: true,
      ...purposeOfUse,
    };
  }
  if (who.guardian === true) {
    // HL7 v3 RoleCode: who it is stands nowhere but with the organisation that keeps the appointment.
    const role = [{ coding: [{ system: 'http://terminology.hl7.org/CodeSystem/v3-RoleCode', code: 'GUARD' }] }];
    const identifier = { system: 'urn:salus:guardian', value: who.kid };
    return { type, role, who: { identifier, display: 'a guardian of the patient' }, requestor: true, ...purposeOfUse };
  }
  const fhirId = patients.get(who.pid);
  return {
    type,
    who: fhirId === undefined ? { display: 'the patient' } : { reference: `Patient/${fhirId}` },
    requestor: true,
    ...purposeOfUse,
  };
}

function entitiesOf(event: AuditEvent, patient: string | undefined, { records }: AuditNames): readonly FhirTree[] {
  const about =
    patient === undefined
      ? []
      : [
          {
            what: { reference: `Patient/${patient}` },
            type: { system: ENTITY_TYPE, code: '1', display: 'Person' },
            role: { system: ROLE, code: '1', display: 'Patient' },
          },
        ];
  const query =
    event.query === undefined
      ? []
      : [
          {
            type: SYSTEM_OBJECT,
            role: { system: ROLE, code: '24', display: 'Query' },
            query: Buffer.from(event.query).toString('base64'),
          },
        ];
  // In the pattern of a search the system object is the query: what it found is beside it.
  const type = event.query === undefined ? SYSTEM_OBJECT : { system: ENTITY_TYPE, code: '4', display: 'Other' };
  const data = event.records.map(({ recordId, version }) => {
    const name = records.get(`${recordId}/${version}`);
    return {
      what: name === undefined ? { display: 'a version that was erased' } : { reference: name },
      type,
      role: { system: ROLE, code: '4', display: 'Domain Resource' },
    };
  });
  return [...about, ...query, ...data];
}

function purposeOf(code: string): FhirTree {
  return { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/v3-ActReason', code }] };
}
