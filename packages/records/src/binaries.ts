import type { ByteSource } from '@salus/crypto';
import { fromUtf8, utf8 } from '@salus/crypto';
import { classify, type FhirTree, pairIndex, parseFhirJson, stringifyFhirJson, withVersion } from '@salus/fhir';
import { type AttachmentReference, findReferences, referenceText } from './attachment-reference.ts';
import { type Attachments, contentBytesOf } from './attachments.ts';
import type { RecordWriter } from './commit.ts';
import { textOf } from './fhir-values.ts';
import { findOwners } from './find-owners.ts';
import { auditsOf, removePrepared, versionOf } from './new-versions.ts';
import type { Patients } from './patients.ts';
import { FIRST_VERSION } from './prepared-bundle.ts';
import { RecordsError } from './records-error.ts';
import type { VaultCaller, VaultRepository, WritingCaller } from './repository.ts';
import type { CiphertextReader, Clock, Owner, RecordRows } from './vault-types.ts';

/** RFC 6838 media type with parameters, as R4 `code` allows it. */
const CONTENT_TYPE = /^[A-Za-z0-9!#$&^_.+-]{1,127}\/[A-Za-z0-9!#$&^_.+-]{1,127}(?:; ?[\w-]{1,64}=[\w.+-]{1,128}){0,4}$/;
const SECURITY_CONTEXT = /^[A-Z][A-Za-z]{1,63}\/[A-Za-z0-9\-.]{1,64}$/;

export interface NewBinary {
  readonly contentType: string;
  /** `Type/id` of a resource here: its owner is the binary's (R4 Binary.securityContext). */
  readonly securityContext: string;
}

export type BinaryRead =
  | {
      readonly kind: 'found';
      readonly contentType: string;
      readonly sizeBytes: number;
      readonly versionId: string;
      readonly content: AsyncIterable<Uint8Array>;
    }
  | { readonly kind: 'gone' | 'not-found' }
  | { readonly kind: 'refused'; readonly code: string };

type Parts = {
  readonly organisation: string;
  readonly repository: VaultRepository;
  readonly writer: RecordWriter;
  readonly rows: RecordRows;
  readonly patients: Patients;
  readonly ciphertext: CiphertextReader;
  readonly attachments: Attachments;
  readonly clock: Clock;
};

/** Binary resources of up to 1 GiB, streamed in and out; nothing holds one in memory whole. */
export class Binaries {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Acknowledged when committed, as every write. Throws `bad-input`, `not-found`, crypto's `too-large`, and what a write throws. */
  async create(
    caller: WritingCaller,
    { contentType, securityContext }: NewBinary,
    source: ByteSource,
  ): Promise<{ readonly id: string; readonly callId: string }> {
    if (!CONTENT_TYPE.test(contentType)) throw new RecordsError('bad-input', 'expected a media type');
    if (!SECURITY_CONTEXT.test(securityContext)) throw new RecordsError('bad-input', 'expected Type/id');
    const owners = await findOwners(this.#parts, [securityContext]);
    const owner = await this.#ownerOf(securityContext);
    const name = await this.#parts.attachments.write(source);
    const { key: _key, ...written } = name;
    try {
      const nowMs = this.#parts.clock();
      const id = crypto.randomUUID();
      const reference = { reference: securityContext };
      const tree: FhirTree = { resourceType: 'Binary', id, contentType, securityContext: reference };
      const { category, labelClass } = classify(tree, (named) => owners.get(named));
      const data = referenceText({ ...name, form: 'base64' });
      const stored = withVersion({ ...tree, data }, { versionId: String(FIRST_VERSION), lastUpdatedMs: nowMs });
      const create = {
        kind: 'create',
        type: 'Binary',
        id,
        plaintext: utf8(stringifyFhirJson(stored)),
        pair: pairIndex(category, labelClass),
        subject: null,
        dataFromMs: null,
        dataToMs: null,
        references: [securityContext],
        identifiers: [],
        terms: [],
        relationships: [],
        attachments: [written],
      } as const;
      const versions = [versionOf(create, owner, nowMs)];
      const audits = auditsOf(caller.writer.who, caller.purpose, versions, nowMs);
      const order = { writer: caller.writer, versions, patients: [], bundleToken: null, audits };
      const { callId } = await this.#parts.writer.write(order);
      return { id, callId };
    } catch (error) {
      const isOpen = error instanceof RecordsError && error.code === 'ledger-unavailable';
      if (!isOpen) await removePrepared(this.#parts.attachments, [{ attachments: [written] }]);
      throw error;
    }
  }

  /**
   * Decides and logs as every read; the content then comes chunk by chunk, each checked before it is yielded. A file that
   * was cut throws `attachment-truncated`.
   */
  async read(caller: VaultCaller, id: string): Promise<BinaryRead> {
    const record = await this.#parts.rows.findResource('Binary', id);
    if (record === undefined) return { kind: 'not-found' };
    const allowed = await this.#parts.repository.release(caller, record);
    if (allowed.kind !== 'released') return allowed;
    const text = fromUtf8(await this.#parts.ciphertext.readPlaintext(record));
    const [reference] = findReferences(text);
    const { contentType, data } = parseFhirJson(text);
    const common = { kind: 'found', contentType: textOf(contentType), versionId: String(record.version) } as const;
    if (reference === undefined) {
      const content = Buffer.from(textOf(data), 'base64');
      return { ...common, sizeBytes: content.length, content: onePiece(content) };
    }
    return { ...common, ...this.#stream(reference) };
  }

  #stream(reference: AttachmentReference): { readonly sizeBytes: number; readonly content: AsyncIterable<Uint8Array> } {
    if (reference.form === 'text')
      throw new RecordsError('bad-input', 'this content is not base64 and cannot be streamed');
    return { sizeBytes: contentBytesOf(reference), content: this.#parts.attachments.read(reference) };
  }

  async #ownerOf(reference: string): Promise<Owner> {
    const [type = '', id = ''] = reference.split('/');
    const record = await this.#parts.rows.findResource(type, id);
    if (record === undefined) throw new RecordsError('not-found', 'the security context names no resource here');
    return record.meta.owner;
  }
}

async function* onePiece(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
