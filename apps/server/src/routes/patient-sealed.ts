import { toBase64url } from '@salus/crypto';
import { createAttachmentPieces, releaseRecord, type StoredRecord } from '@salus/records';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { addRoute } from '../http/route.ts';
import * as schema from '../http/schemas.ts';
import { type HostedOrganisation, type Node, patientReaderOf, readHosted } from '../node.ts';
import { ServerError } from '../server-error.ts';

/** Records of one request: opening them costs the device about as long as asking for them. */
const SEALED_MAX = 200;
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
      'Records of the patient as ciphertext, with the wrapped key and the place of the leaf; what is hidden, erased or of somebody else is left out.',
    params: schema.org,
    body: object({ records: list(id, SEALED_MAX, 1) }),
    answer: object({ records: list(sealed, SEALED_MAX) }),
    handle: async ({ params, body, request }) => {
      const { vault } = readHosted(node, params.org);
      const released = await Promise.all(
        [...new Set(body.records)].map(async (recordId) => findReleased(vault, request, recordId)),
      );
      const parts = { network: node.network, rows: vault.rows, keyRing: vault.keys, ciphertexts: vault.ciphertext };
      const records = released.flatMap((record) => (record === undefined ? [] : [record]));
      return {
        records: await Promise.all(records.map((record) => releaseRecord(parts, record, { withProofs: true }))),
      };
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
      const record = await findReleased(vault, request, params.recordId);
      if (record === undefined) throw new ServerError('not-found', 'There is no such record.');
      const pieces = createAttachmentPieces(vault.store, vault.attachments);
      return { piece: toBase64url(await pieces.readPiece(record, params.attachmentId, Number(params.piece))) };
    },
  });
}

/** The current version of one of the patient's own records, once its reading is in the log; undefined for any other. */
async function findReleased(
  { repository, rows }: HostedOrganisation['vault'],
  request: FastifyRequest,
  recordId: string,
): Promise<StoredRecord | undefined> {
  const record = await rows.findRecord(recordId);
  if (record === undefined) return undefined;
  const release = await repository.release(patientReaderOf(request), record);
  return release.kind === 'released' ? record : undefined;
}
