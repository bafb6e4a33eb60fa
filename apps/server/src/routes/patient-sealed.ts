import { toBase64url } from '@salus/crypto';
import { createAttachmentPieces, KeyedLocks, releaseRecord, type StoredRecord } from '@salus/records';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { patientOf } from '../http/access.ts';
import { addRoute } from '../http/route.ts';
import * as schema from '../http/schemas.ts';
import { type HostedOrganisation, type Node, patientReaderOf, readHosted } from '../node.ts';
import { ServerError } from '../server-error.ts';

/** Records of one request: opening them costs the device about as long as asking for them. */
const SEALED_MAX = 200;
/** Ciphertext of one answer; the rest is asked for again. */
const SEALED_BYTES_MAX = 16 * 1024 * 1024;
const PROOF_MAX = 64;
/** Records below 256 kB of content, and what grows around them; larger content is an attachment of its own. */
const CIPHERTEXT_TEXT_MAX = 64 * 1024 * 1024;
const WRAP_TEXT_MAX = 200;
const PIECE_TEXT_MAX = 1_500_000;
const READING = { kind: 'session', who: ['patient'], guardian: ['read'] } as const;

const { base64url, count, digits, hash, id, list, object } = schema;

interface InOrganisation {
  readonly org: string;
}
interface OfAttachment extends InOrganisation {
  readonly recordId: string;
  readonly attachmentId: string;
  readonly piece: string;
}

/** One answer of a patient at a time: each takes memory. */
const locks = new KeyedLocks();

/** A patient's own records as they lie here: the device opens them with its own key, the node opens nothing. */
export function addPatientSealedRoutes(app: FastifyInstance, node: Node): void {
  const sealed = object({
    ...{ recordId: id, version: count, keyId: id, callId: hash, leafIndex: count, proof: list(hash, PROOF_MAX) },
    ...{ ciphertextHash: hash, contentHash: hash, salt: hash },
    ciphertext: base64url(CIPHERTEXT_TEXT_MAX),
    wrap: base64url(WRAP_TEXT_MAX),
  });
  addRoute<InOrganisation, unknown, { readonly records: readonly string[] }>(app, {
    method: 'POST',
    url: '/api/v1/orgs/:org/patient/records/sealed',
    access: READING,
    summary:
      'Records of the patient as ciphertext, with the wrapped key and the place of the leaf; what is hidden, erased or of somebody else is left out. `next` names those that did not fit: ask for them again.',
    params: schema.org,
    body: object({ records: list(id, SEALED_MAX, 1) }),
    answer: object({ records: list(sealed, SEALED_MAX), next: list(id, SEALED_MAX) }),
    handle: async ({ params, body, request }) => {
      const { vault } = readHosted(node, params.org);
      const unlock = await locks.acquire([`${params.org}/${patientOf(request).pid}`]);
      try {
        const { fitting, next } = await chooseFitting(vault, [...new Set(body.records)]);
        const parts = { network: node.network, rows: vault.rows, keyRing: vault.keys, ciphertexts: vault.ciphertext };
        const records = [];
        for (const record of fitting) {
          if (!(await isReleased(vault, request, record))) continue;
          records.push(await releaseRecord(parts, record, { withProofs: true }));
        }
        return { records, next };
      } finally {
        unlock();
      }
    },
  });
  addRoute<OfAttachment>(app, {
    method: 'GET',
    url: '/api/v1/orgs/:org/patient/records/:recordId/attachments/:attachmentId/:piece',
    access: READING,
    summary: 'A sealed piece, of 1 MiB but for the last, of a large attachment that a record of the patient names.',
    params: object({ org: schema.organisation, recordId: id, attachmentId: id, piece: digits }),
    answer: object({ piece: base64url(PIECE_TEXT_MAX) }),
    handle: async ({ params, request }) => {
      const { vault } = readHosted(node, params.org);
      const record = await vault.rows.findRecord(params.recordId);
      if (record === undefined || !(await isReleased(vault, request, record)))
        throw new ServerError('not-found', 'There is no such record.');
      const pieces = createAttachmentPieces(vault.store, vault.attachments);
      return { piece: toBase64url(await pieces.readPiece(record, params.attachmentId, Number(params.piece))) };
    },
  });
}

/** The current versions of the first records whose ciphertexts fit one answer, at least one, and what is left. */
async function chooseFitting(
  { rows }: HostedOrganisation['vault'],
  ids: readonly string[],
): Promise<{ readonly fitting: readonly StoredRecord[]; readonly next: readonly string[] }> {
  const fitting: StoredRecord[] = [];
  let bytes = 0;
  for (const [at, recordId] of ids.entries()) {
    const record = await rows.findRecord(recordId);
    if (record === undefined) continue;
    bytes += record.packLength;
    if (fitting.length > 0 && bytes > SEALED_BYTES_MAX) return { fitting, next: ids.slice(at) };
    fitting.push(record);
  }
  return { fitting, next: [] };
}

/** Is it one of the patient's own, that may be read? The reading is in the log then. */
async function isReleased(
  { repository }: HostedOrganisation['vault'],
  request: FastifyRequest,
  record: StoredRecord,
): Promise<boolean> {
  return (await repository.release(patientReaderOf(request), record)).kind === 'released';
}
