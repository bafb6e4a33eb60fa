import { fromBase64url, fromUtf8, utf8 } from '@salus/crypto';
import { type FhirTree, isTree, listOf, parseFhirJson, stringifyFhirJson } from '@salus/fhir/parse';
import { encodeBase64 } from './attachments.ts';
import { ClientError } from './client-error.ts';
import type { OwnRecord } from './own-records.ts';
import { joinProofs, splitProofs } from './proof-collection.ts';
import type { RecordProof } from './record-proof.ts';
import type { NodeSession } from './session.ts';

/** The media type of the Binary that holds the proofs of a bundle. */
export const PROOFS_TYPE = 'application/vnd.salus.record-proofs+json';
/** Resources, their proofs beside them, and a third more for base64. */
export const BUNDLE_BYTES_MAX = 512 * 1024 * 1024;
const DEPTH_MAX = 80;
/** How a plaintext names a large attachment, in the place of `data` (docs/record-proof.md). */
const ATTACHMENT = /"data":"salus-attachment:[^"]{1,200}"/;

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

/**
 * The proofs that a bundle brings, each about a resource that stands in it unchanged, number literals too. That every step
 * of them holds says `checkRecordProof`. Of a large attachment the proof covers the name, not the content beside it.
 *
 * @throws ClientError `proof-invalid` for a bundle without proofs, or a proof without its resource
 */
export function proofsIn(bundle: string): readonly RecordProof[] {
  const resources = resourcesIn(bundle);
  const data = resources.find(({ contentType }) => contentType === PROOFS_TYPE)?.data;
  if (typeof data !== 'string') throw new ClientError('proof-invalid', 'The bundle brings no proofs.');
  const proofs = splitProofs(parseProofs(data));
  const held = resources.map(stringifyFhirJson);
  const whole = new Set(held);
  const bare = new Set(held.map(withoutData));
  for (const { record } of proofs) {
    const text = stringifyFhirJson(parse(record.plaintext));
    const isHeld = ATTACHMENT.test(text) ? bare.has(withoutData(text)) : whole.has(text);
    if (!isHeld) throw new ClientError('proof-invalid', 'The bundle does not hold a resource as its proof has it.');
  }
  return proofs;
}

function resourcesIn(bundle: string): readonly FhirTree[] {
  const tree = parse(bundle);
  if (tree.resourceType !== 'Bundle') throw new ClientError('proof-invalid', 'The file is no FHIR bundle.');
  return listOf(tree.entry).flatMap((entry) => (isTree(entry) && isTree(entry.resource) ? [entry.resource] : []));
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
