import type { FhirTree } from '@salus/fhir';
import type { StoredRecord } from '@salus/records';
import { MEMBER_SYSTEM, ORGANISATION_SYSTEM } from './consent-of.ts';

/** `meta.source` of what is made from the ledger, to tell it from a Provenance that somebody wrote. */
export const LEDGER_SOURCE = 'urn:salus:ledger';
const PARTICIPANT = 'http://terminology.hl7.org/CodeSystem/provenance-participant-type';
const ID = /^ledger-([0-9a-f]{32})-([1-9][0-9]{0,8})$/;

/** A version as the ledger holds it: who wrote it, in which organisation, when the block came, and where its proof is. */
export function provenanceOf(
  { recordId, version, meta }: Pick<StoredRecord, 'recordId' | 'version' | 'meta'>,
  facts: { readonly organisation: string; readonly baseUrl: string; readonly committedMs: number },
): FhirTree {
  const place = `${meta.type}/${meta.id}/_history/${version}`;
  const organisation = { identifier: { system: ORGANISATION_SYSTEM, value: facts.organisation } };
  return {
    resourceType: 'Provenance',
    id: `ledger-${Buffer.from(recordId, 'base64url').toString('hex')}-${version}`,
    meta: { source: LEDGER_SOURCE },
    target: [{ reference: place }],
    recorded: new Date(facts.committedMs).toISOString(),
    activity: {
      coding: [
        {
          system: 'http://terminology.hl7.org/CodeSystem/v3-DataOperation',
          code: version === 1 ? 'CREATE' : 'UPDATE',
        },
      ],
    },
    agent: [
      {
        type: { coding: [{ system: PARTICIPANT, code: 'author' }] },
        who: { identifier: { system: MEMBER_SYSTEM, value: meta.author } },
        onBehalfOf: organisation,
      },
      { type: { coding: [{ system: PARTICIPANT, code: 'custodian' }] }, who: organisation },
    ],
    entity: [
      {
        role: 'source',
        what: { identifier: { system: 'urn:salus:proof', value: `${facts.baseUrl}/${place}/$proof` } },
      },
    ],
  };
}

/** Record and version that an id of `provenanceOf` names. */
export function versionNamed(id: string): { readonly recordId: string; readonly version: number } | undefined {
  const [, hex, version] = ID.exec(id) ?? [];
  if (hex === undefined || version === undefined) return undefined;
  return { recordId: Buffer.from(hex, 'hex').toString('base64url'), version: Number(version) };
}
