import { fromUtf8 } from '@salus/crypto';
import { type FhirTree, parseFhirJson } from '@salus/fhir';
import { inlineAttachments, mayHoldAttachments } from '../attachment-reference.ts';
import type { Attachments } from '../attachments.ts';
import { BoundedCache } from '../bounded-cache.ts';
import { RecordsError } from '../records-error.ts';
import type { CiphertextReader, StoredRecord } from '../vault-types.ts';
import type { FoundRecord } from './search-types.ts';

/** Resources kept opened, and the longest of them: whoever looks at a patient looks again. */
const OPENED_MAX = 8_000;
const OPENED_TEXT_MAX = 16 * 1024;

export interface Opened {
  readonly record: StoredRecord;
  readonly tree: FhirTree;
  readonly text: string;
}

/** Decrypts and parses records for searches. What it keeps is asked for only by a row that is still there. */
export class OpenedRecords {
  readonly #ciphertext: CiphertextReader;
  readonly #attachments: Attachments;
  readonly #known = new BoundedCache<Opened>(OPENED_MAX);

  constructor(parts: { readonly ciphertext: CiphertextReader; readonly attachments: Attachments }) {
    this.#ciphertext = parts.ciphertext;
    this.#attachments = parts.attachments;
  }

  /** What is kept of the version with this leaf, which its row has just vouched for. */
  find(leafHash: string): Opened | undefined {
    return this.#known.find(leafHash);
  }

  async open(record: StoredRecord): Promise<Opened> {
    // An erased version has no row; one that is written again has another hash.
    const name = record.leafHash;
    const known = this.#known.find(name);
    if (known !== undefined) return known;
    const text = fromUtf8(await this.#ciphertext.readPlaintext(record));
    const opened = { record, tree: parseFhirJson(text), text };
    if (text.length <= OPENED_TEXT_MAX) this.#known.put(name, opened);
    return opened;
  }

  /** With large content put back into the text. */
  async found(record: StoredRecord): Promise<FoundRecord> {
    const { tree, text } = await this.open(record);
    if (!mayHoldAttachments(text)) return { record, tree, text };
    try {
      return { record, tree, text: await inlineAttachments(this.#attachments, text) };
    } catch (error) {
      if (error instanceof RecordsError && error.code === 'too-large') return { record, tree, text: null };
      throw error;
    }
  }
}
