import {
  batchResponse,
  type EntryAnswer,
  entriesOf,
  type FhirTree,
  parseFhirJson,
  parseFhirXml,
  type ResourceBody,
} from '@salus/fhir';
import { ServerError } from '../server-error.ts';
import { type AskEntry, refused, requestOf } from './entry-request.ts';

/** Entries of one batch that are answered at once. */
const ENTRIES_AT_ONCE = 4;
/** A batch is parsed on the thread that serves everybody: what is larger comes as several, and XML takes longer. */
const BATCH_BYTES_MAX = { json: 4 * 1024 * 1024, xml: 512 * 1024 } as const;
const BATCH_TYPE = /"type"\s*:\s*"batch"|<type\s+value\s*=\s*["']batch["']/;

/**
 * The batch in a body; undefined for everything else, which is parsed where it is written. Only bodies that look like one are
 * parsed here, since a transaction may be large.
 *
 * @throws ServerError `body-too-large`
 * @throws FhirError the codes of parsing
 */
export function findBatch({ bytes, format }: ResourceBody): FhirTree | undefined {
  const text = typeof bytes === 'string' ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (!BATCH_TYPE.test(text.toString())) return undefined;
  const bytesMax = BATCH_BYTES_MAX[format];
  if (bytes.length > bytesMax) {
    throw new ServerError('body-too-large', `A bundle that is a batch or holds one has at most ${bytesMax} bytes.`);
  }
  const tree = format === 'xml' ? parseFhirXml(bytes) : parseFhirJson(bytes);
  return tree.resourceType === 'Bundle' && tree.type === 'batch' ? tree : undefined;
}

/**
 * Answers a batch (R4 §3.1.0.11.1): each entry for itself, a refused one beside the others.
 *
 * @throws FhirError `bundle-invalid`, `too-many-entries`
 */
export async function answerBatch(ask: AskEntry, batch: FhirTree): Promise<FhirTree> {
  const entries = entriesOf(batch);
  const answers: EntryAnswer[] = [];
  for (let at = 0; at < entries.length; at += ENTRIES_AT_ONCE) {
    const some = entries.slice(at, at + ENTRIES_AT_ONCE);
    answers.push(...(await Promise.all(some.map((entry) => answerEntry(ask, entry)))));
  }
  return batchResponse(answers);
}

function answerEntry(ask: AskEntry, entry: FhirTree): Promise<EntryAnswer> | EntryAnswer {
  const request = requestOf(entry);
  return request === undefined ? refused('400 Bad Request', 'an entry of a batch needs a request') : ask(request);
}
