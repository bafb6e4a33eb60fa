import { fromBase64url, toBase64url } from '@salus/crypto';
import { type FhirTree, type FhirValue, isTree } from '@salus/fhir';
import { type AttachmentName, type Attachments, contentBytesOf } from './attachments.ts';
import { RecordsError } from './records-error.ts';
import type { WrittenAttachment } from './write-order.ts';

/** Inline content above this becomes an attachment of its own (DESIGN §5). */
export const INLINE_BYTES_MAX = 256 * 1024;
/** Attachments that one read puts back into a resource's text; larger ones are streamed. */
export const INLINED_BYTES_MAX = 64 * 1024 * 1024;

/**
 * How a record's text names an attachment, in the place of `data`. A colon is no base64, so that no `data` of a valid
 * resource looks like this. `base64`: the content is what the base64 says; `text`: the content is the very text, because
 * encoding its bytes again would give another one.
 */
const REFERENCE = /"data":"salus-attachment:v1:([\w-]{22}):([\w-]{43}):([\w-]{43}):(\d{1,10}):(base64|text)"/g;
const PREFIX = 'salus-attachment:';

type Form = 'base64' | 'text';

export interface AttachmentReference extends AttachmentName {
  readonly form: Form;
}

/** False for the text of a resource that is too small to hold large content and holds no reference: nothing to look for. */
export function mayHoldAttachments(text: string): boolean {
  return text.length > INLINE_BYTES_MAX || text.includes(PREFIX);
}

/** Moves large inline content of a resource into files. The tree is returned as it was when there is none. */
export async function extractAttachments(
  attachments: Attachments,
  tree: FhirTree,
): Promise<{ readonly tree: FhirTree; readonly written: readonly WrittenAttachment[] }> {
  const written: WrittenAttachment[] = [];
  const walk = async (value: FhirValue, name: string): Promise<FhirValue> => {
    if (name === 'data' && typeof value === 'string') return extractData(attachments, value, written);
    if (Array.isArray(value)) return mapChanged(value as readonly FhirValue[], (item) => walk(item, ''));
    return isTree(value) ? walkTree(value) : value;
  };
  const walkTree = async (node: FhirTree): Promise<FhirTree> => {
    let copy: Record<string, FhirValue | undefined> | undefined;
    for (const [name, child] of Object.entries(node)) {
      if (child === undefined) continue;
      const changed = await walk(child, name);
      if (changed === child) continue;
      copy ??= { ...node };
      copy[name] = changed;
    }
    return copy ?? node;
  };
  try {
    return { tree: await walkTree(tree), written };
  } catch (error) {
    for (const { attachmentId } of written) await attachments.remove(attachmentId);
    throw error;
  }
}

/** Puts the content of attachments back into a record's text. `too-large` beyond `INLINED_BYTES_MAX`: stream it. */
export async function inlineAttachments(attachments: Pick<Attachments, 'read'>, text: string): Promise<string> {
  if (!text.includes(PREFIX)) return text;
  const references = findReferences(text);
  const total = references.reduce((sum, reference) => sum + contentBytesOf(reference), 0);
  if (total > INLINED_BYTES_MAX) {
    throw new RecordsError('too-large', `attachments above ${INLINED_BYTES_MAX} bytes are read as a stream`);
  }
  const contents: string[] = [];
  for (const reference of references) {
    const content = await readWhole(attachments, reference);
    contents.push(content.toString(reference.form === 'base64' ? 'base64' : 'utf8'));
  }
  let at = 0;
  return text.replace(REFERENCE, () => `"data":${JSON.stringify(contents[at++])}`);
}

/** The attachments that a record's text names, in the order of the text. */
export function findReferences(text: string): readonly AttachmentReference[] {
  return [...text.matchAll(REFERENCE)].map(([, attachmentId = '', key = '', fileHash = '', fileBytes = '', form]) => ({
    attachmentId,
    key: fromBase64url(key),
    fileHash,
    fileBytes: Number(fileBytes),
    form: form as Form,
  }));
}

/** What stands in the place of `data`. */
export function referenceText({ attachmentId, key, fileHash, fileBytes, form }: AttachmentReference): string {
  return `${PREFIX}v1:${attachmentId}:${toBase64url(key)}:${fileHash}:${fileBytes}:${form}`;
}

async function extractData(attachments: Attachments, data: string, written: WrittenAttachment[]): Promise<string> {
  if (data.startsWith(PREFIX)) throw new RecordsError('bad-input', 'data must be base64');
  if (Buffer.byteLength(data, 'base64') <= INLINE_BYTES_MAX) return data;
  const decoded = Buffer.from(data, 'base64');
  const form: Form = decoded.toString('base64') === data ? 'base64' : 'text';
  const name = await attachments.write([form === 'base64' ? decoded : Buffer.from(data, 'utf8')]);
  const { attachmentId, fileBytes, fileHash } = name;
  written.push({ attachmentId, fileBytes, fileHash });
  return referenceText({ ...name, form });
}

async function mapChanged(
  items: readonly FhirValue[],
  change: (item: FhirValue) => Promise<FhirValue>,
): Promise<readonly FhirValue[]> {
  const changed: FhirValue[] = [];
  for (const item of items) changed.push(await change(item));
  return changed.every((item, index) => item === items[index]) ? items : changed;
}

async function readWhole(attachments: Pick<Attachments, 'read'>, reference: AttachmentReference): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of attachments.read(reference)) chunks.push(chunk);
  return Buffer.concat(chunks);
}
