import { fromBase64url, fromUtf8, openChunks, sha256, toBase64url } from '@salus/crypto';
import { ClientError } from './client-error.ts';
import type { NodeSession } from './session.ts';

/** How a record's text names a large attachment, in the place of `data`: id, key, hash and size of the sealed file, form. */
const REFERENCE = /"data":"salus-attachment:v1:([\w-]{22}):([\w-]{43}):([\w-]{43}):(\d{1,10}):(base64|text)"/g;
/** Bytes of a sealed file that travel at once. */
const PIECE_BYTES = 1024 * 1024;
/** Content that is put back into a resource's text on a device; larger ones stay references. */
export const INLINED_BYTES_MAX = 64 * 1024 * 1024;

/** Puts the content of large attachments back into a text; each is opened on this device, with the key that the text holds. */
export async function inlineAttachments(session: NodeSession, text: string, recordId: string): Promise<string> {
  const references = [...text.matchAll(REFERENCE)];
  const total = references.reduce((sum, [, , , , bytes]) => sum + Number(bytes), 0);
  if (references.length === 0 || total > INLINED_BYTES_MAX) return text;
  const contents: string[] = [];
  for (const [, id = '', key = '', hash = '', bytes = '0', form] of references) {
    const sealed = await readSealed(session, recordId, { id, hash, bytes: Number(bytes) });
    const content = await openWhole(sealed, id, fromBase64url(key));
    contents.push(form === 'base64' ? encodeBase64(content) : fromUtf8(content));
  }
  let at = 0;
  return text.replace(REFERENCE, () => `"data":${JSON.stringify(contents[at++])}`);
}

async function readSealed(
  { api, organisation, token }: NodeSession,
  recordId: string,
  { id, hash, bytes }: { readonly id: string; readonly hash: string; readonly bytes: number },
): Promise<Uint8Array> {
  const sealed = new Uint8Array(bytes);
  for (let index = 0; index * PIECE_BYTES < bytes; index += 1) {
    const path = `/api/v1/orgs/${organisation}/patient/records/${recordId}/attachments/${id}/${index}`;
    const { piece } = await api.send<{ piece: string }>({ method: 'GET', path, token });
    const part = fromBase64url(piece);
    const from = index * PIECE_BYTES;
    if (part.length !== Math.min(PIECE_BYTES, bytes - from)) {
      throw new ClientError('proof-invalid', 'An attachment is shorter than it should be.');
    }
    sealed.set(part, from);
  }
  if (toBase64url(sha256(sealed)) !== hash) {
    throw new ClientError('proof-invalid', 'An attachment is not the one that its record names.');
  }
  return sealed;
}

async function openWhole(sealed: Uint8Array, id: string, key: Uint8Array): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of openChunks({ key, context: ['salus:attachment:v1', id], source: [sealed] }))
    pieces.push(piece);
  const whole = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

/** RFC 4648 §4, as FHIR's base64Binary has it. */
export function encodeBase64(bytes: Uint8Array): string {
  const text = toBase64url(bytes).replaceAll('-', '+').replaceAll('_', '/');
  return text.padEnd(Math.ceil(text.length / 4) * 4, '=');
}
