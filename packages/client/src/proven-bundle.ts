import { fromBase64url, fromUtf8, utf8 } from '@salus/crypto';
import {
  type FhirTree,
  type FhirValue,
  isTree,
  listOf,
  parseFhirJson,
  stringifyFhirJson,
  stringOf,
} from '@salus/fhir/parse';
import { encodeBase64 } from './attachments.ts';
import { ClientError } from './client-error.ts';
import type { OwnRecord } from './own-records.ts';
import { joinProofs, splitProofs } from './proof-collection.ts';
import { isAsProven } from './proven-text.ts';
import type { RecordProof } from './record-proof.ts';
import type { NodeSession } from './session.ts';

/** The media type of the Binary that holds the proofs of a bundle. */
export const PROOFS_TYPE = 'application/vnd.salus.record-proofs+json';
/** Resources, their proofs beside them, and a third more for base64. */
export const BUNDLE_BYTES_MAX = 512 * 1024 * 1024;
const DEPTH_MAX = 80;

/**
 * The proof of an own record, with the text that this device opened: the node gives the rest and opens nothing. Undefined
 * where the node keeps it back, because the committing call names other patients.
 */
export async function proveOwnRecord(
  { api, organisation, token }: NodeSession,
  { recordId, plaintext }: Pick<OwnRecord, 'recordId' | 'plaintext'>,
): Promise<RecordProof | undefined> {
  const path = `/api/v1/orgs/${organisation}/patient/records/${encodeURIComponent(recordId)}/proof`;
  try {
    const { proof } = await api.send<{ proof: RecordProof }>({ method: 'GET', path, token });
    return { ...proof, record: { ...proof.record, plaintext } };
  } catch (error) {
    if (error instanceof ClientError && error.code === 'not-permitted') return undefined;
    throw error;
  }
}

/** A resource as its author wrote it, under its address. */
export interface BundledResource {
  readonly fullUrl: string;
  readonly text: string;
}

/**
 * The text of a FHIR R4 collection of the resources, each byte for byte as it was written, with their proofs in a Binary
 * that a Provenance of all of them names (R4 §6.3).
 */
export function provenBundle({
  network,
  resources,
  proofs,
  madeMs,
  drawId,
}: {
  readonly network: string;
  readonly resources: readonly BundledResource[];
  readonly proofs: readonly RecordProof[];
  readonly madeMs: number;
  /** Draws a random UUID. */
  drawId(): string;
}): string {
  const made = new Date(madeMs).toISOString();
  const binaryUrl = `urn:uuid:${drawId()}`;
  const binary = {
    resourceType: 'Binary',
    contentType: PROOFS_TYPE,
    data: encodeBase64(utf8(JSON.stringify(joinProofs(network, proofs)))),
  };
  const provenance = {
    resourceType: 'Provenance',
    target: resources.map(({ fullUrl }) => ({ reference: fullUrl })),
    recorded: made,
    agent: [{ who: { display: 'The patient, on a device of their own' } }],
    entity: [{ role: 'source', what: { reference: binaryUrl } }],
  };
  const last = [
    { fullUrl: binaryUrl, text: JSON.stringify(binary) },
    ...(resources.length === 0 ? [] : [{ fullUrl: `urn:uuid:${drawId()}`, text: JSON.stringify(provenance) }]),
  ];
  // Joined as text: parsing and printing would change what the proofs are about.
  const entries = [...resources, ...last].map(
    ({ fullUrl, text }) => `{"fullUrl":${JSON.stringify(fullUrl)},"resource":${text}}`,
  );
  return `{"resourceType":"Bundle","type":"collection","timestamp":"${made}","entry":[${entries.join(',\n')}]}`;
}

/** What a bundle brings to check. */
export interface BroughtProofs {
  readonly proofs: readonly RecordProof[];
  /** How many resources the bundle holds, besides the proofs themselves and the Provenance that names them. */
  readonly resources: number;
  /** `<type>/<id>` of those that no proof is about. */
  readonly without: readonly string[];
}

/**
 * The proofs that a bundle brings, each about a resource that stands in it unchanged, number literals too, and what it holds
 * without one. That every step of them holds says `checkRecordProof`. Of a large attachment the proof covers the name, not
 * the content beside it.
 *
 * @throws ClientError `proof-invalid` for a bundle without proofs, or a proof without its resource
 */
export function proofsIn(bundle: string): BroughtProofs {
  const entries = entriesIn(bundle);
  const binary = entries.find(({ resource }) => resource.contentType === PROOFS_TYPE);
  const data = binary?.resource.data;
  if (typeof data !== 'string') throw new ClientError('proof-invalid', 'The bundle brings no proofs.');
  const proofs = splitProofs(parseProofs(data));
  const named = entries.find((entry) => isNaming(entry.resource, binary?.fullUrl));
  const resources = entries.filter((entry) => entry !== binary && entry !== named).map(({ resource }) => resource);
  const open = new Set(resources);
  const alike = Map.groupBy(resources, (resource) => withoutData(stringifyFhirJson(resource)));
  for (const { record } of proofs) {
    const proven = parse(record.plaintext);
    const same = alike.get(withoutData(stringifyFhirJson(proven)))?.filter((held) => isAsProven(held, proven)) ?? [];
    if (same.length === 0) {
      throw new ClientError('proof-invalid', 'The bundle does not hold a resource as its proof has it.');
    }
    for (const held of same) open.delete(held);
  }
  return { proofs, resources: resources.length, without: [...open].map(nameOf) };
}

interface Entry {
  readonly fullUrl: FhirValue | undefined;
  readonly resource: FhirTree;
}

function entriesIn(bundle: string): readonly Entry[] {
  const tree = parse(bundle);
  if (tree.resourceType !== 'Bundle') throw new ClientError('proof-invalid', 'The file is no FHIR bundle.');
  return listOf(tree.entry).flatMap((entry) =>
    isTree(entry) && isTree(entry.resource) ? [{ fullUrl: entry.fullUrl, resource: entry.resource }] : [],
  );
}

/** The Provenance that `provenBundle` writes: it says nothing but where the proofs are. */
function isNaming({ resourceType, entity }: FhirTree, binaryUrl: FhirValue | undefined): boolean {
  if (resourceType !== 'Provenance' || typeof binaryUrl !== 'string') return false;
  return listOf(entity).some((one) => isTree(one) && isTree(one.what) && one.what.reference === binaryUrl);
}

function nameOf({ resourceType, id }: FhirTree): string {
  return `${stringOf(resourceType) ?? '?'}/${stringOf(id) ?? '?'}`;
}

function parse(text: string): FhirTree {
  try {
    return parseFhirJson(text, { sizeBytesMax: BUNDLE_BYTES_MAX, depthMax: DEPTH_MAX });
  } catch (cause) {
    throw new ClientError('proof-invalid', 'The file is no FHIR JSON.', { cause });
  }
}

function parseProofs(data: string): unknown {
  try {
    return JSON.parse(fromUtf8(fromBase64url(data.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', ''))));
  } catch (cause) {
    throw new ClientError('proof-invalid', 'The proofs of the bundle are malformed.', { cause });
  }
}

function withoutData(text: string): string {
  return text.replaceAll(/"data":"[^"]*"/g, '"data":""');
}
