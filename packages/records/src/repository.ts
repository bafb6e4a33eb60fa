import { fromUtf8 } from '@salus/crypto';
import type {
  ChangeOptions,
  HistoryQuery,
  HistoryResult,
  HistoryScope,
  ReadResult,
  Repository,
  ResourceBody,
  ResourceType,
  TransactionOptions,
  WriteResult,
  WriteTarget,
} from '@salus/fhir';
import { inlineAttachments } from './attachment-reference.ts';
import type { AppUse } from './exchange/app-reading.ts';
import { History } from './history.ts';
import { FIRST_VERSION, type SingleRequest } from './prepared-bundle.ts';
import { pidOf } from './recipients.ts';
import { RecordsError } from './records-error.ts';
import { type Narrowing, type Sight, sightedOf, sightOf } from './sight.ts';
import type { AuditEvent, AuditKind, StoredRecord, Who, Writer } from './vault-types.ts';
import { type RepositoryParts, type WriteBody, type WriteRun, Writes } from './writes.ts';

/** Who asks: a member of staff through the node, with purpose; a patient whose device logged in; or a patient's app. */
export type VaultCaller = (
  | { readonly kind: 'member'; readonly who: Who & { readonly kind: 'member' }; readonly purpose: string }
  | { readonly kind: 'writer'; readonly writer: Writer; readonly purpose: string }
  | { readonly kind: 'patient'; readonly who: Who & { readonly kind: 'patient' } }
  | {
      readonly kind: 'app';
      readonly who: Who & { readonly kind: 'member' };
      readonly purpose: string;
      /** An app sees as patients' grantee; a back-end service besides as its roles have it. */
      readonly sight: Sight;
      /** The one grant that it reads by; null for a service, which several patients may have granted something. */
      readonly grant: string | null;
      /** As what a patient's app reads of the same patient at other organisations; not of a service. */
      readonly elsewhere?: AppUse;
    }
) & {
  /** What is left of it: every door asks it too. */
  readonly narrow?: Narrowing;
};

export type WritingCaller = Extract<VaultCaller, { readonly kind: 'writer' }>;

export interface VaultTransactionOptions extends TransactionOptions {
  /** Take a bundle that was imported before. */
  readonly again?: boolean;
  /** What the bundle is recognised by, instead of its content: made by `importToken`. */
  readonly importToken?: string;
}

export type VaultTransactionResult = WriteRun;

export type Release =
  | { readonly kind: 'released' }
  | { readonly kind: 'gone' }
  | { readonly kind: 'refused'; readonly code: string };

/** The vault as a FHIR repository: home reads with their decision and audit, and transactions. */
export class VaultRepository implements Repository<VaultCaller> {
  readonly #parts: RepositoryParts;
  readonly #writes: Writes;
  readonly #history: History;

  constructor(parts: RepositoryParts) {
    this.#parts = parts;
    this.#writes = new Writes(parts);
    this.#history = new History(parts);
  }

  transaction(
    caller: VaultCaller,
    bundle: Uint8Array | string,
    options: VaultTransactionOptions & Partial<Pick<ResourceBody, 'format'>> = {},
  ): Promise<VaultTransactionResult> {
    return this.#writes.run(caller, bodyOf({ bytes: bundle, format: options.format ?? 'json' }), null, options);
  }

  create(
    caller: VaultCaller,
    type: ResourceType,
    body: ResourceBody,
    { ifNoneExist }: { readonly ifNoneExist?: string } = {},
  ): Promise<WriteResult> {
    const condition = ifNoneExist === undefined ? {} : { ifNoneExist };
    return this.#write(caller, body, { method: 'POST', url: type, ...condition });
  }

  update(
    caller: VaultCaller,
    target: WriteTarget,
    body: ResourceBody,
    options: ChangeOptions = {},
  ): Promise<WriteResult> {
    return this.#write(caller, body, { method: 'PUT', url: urlOf(target), ...conditionOf(options) });
  }

  patch(
    caller: VaultCaller,
    target: WriteTarget,
    body: ResourceBody,
    options: ChangeOptions = {},
  ): Promise<WriteResult> {
    return this.#write(caller, body, { method: 'PATCH', url: urlOf(target), ...conditionOf(options) });
  }

  remove(caller: VaultCaller, target: WriteTarget, options: ChangeOptions = {}): Promise<WriteResult> {
    const request = { method: 'DELETE', url: urlOf(target), ...conditionOf(options) } as const;
    return this.#write(caller, { bytes: new Uint8Array(), format: 'json' }, request);
  }

  history(caller: VaultCaller, scope: HistoryScope, query: HistoryQuery): Promise<HistoryResult> {
    return this.#history.list(caller, scope, query);
  }

  async #write(caller: VaultCaller, body: ResourceBody, single: SingleRequest): Promise<WriteResult> {
    const result = await this.#writes.run(caller, bodyOf(body), single);
    if (result.kind === 'refused') return result;
    const [outcome] = result.outcomes;
    if (outcome === undefined) throw new Error('broken invariant: a single request has one outcome');
    const { text } = result;
    return text === undefined ? { kind: 'committed', outcome } : { kind: 'committed', outcome, text };
  }

  read(caller: VaultCaller, type: ResourceType, id: string): Promise<ReadResult> {
    return this.#read(caller, () => this.#parts.rows.findResource(type, id));
  }

  async vread(caller: VaultCaller, type: ResourceType, id: string, versionId: string): Promise<ReadResult> {
    const version = Number(versionId);
    if (!Number.isSafeInteger(version) || version < FIRST_VERSION || String(version) !== versionId) {
      return { kind: 'not-found' };
    }
    return this.#read(caller, () => this.#parts.rows.findResource(type, id, version));
  }

  /** As `read`, by record id: for a patient's own list. */
  readRecord(caller: VaultCaller, recordId: string): Promise<ReadResult> {
    return this.#read(caller, () => this.#parts.rows.findRecord(recordId));
  }

  /**
   * Decides about one record and logs the decision; `released` once the event is durable. Whoever calls this may show
   * the record then, and not before.
   */
  async release(caller: VaultCaller, record: StoredRecord): Promise<Release> {
    const decision = await this.#decide(caller, record);
    if (decision.kind === 'released') await this.#log(caller, record, 'read', 'ok');
    return decision;
  }

  async #read(caller: VaultCaller, find: () => Promise<StoredRecord | undefined>): Promise<ReadResult> {
    try {
      const record = await find();
      if (record === undefined) return { kind: 'not-found' };
      const decision = await this.#decide(caller, record);
      if (decision.kind !== 'released') return decision;
      // The event becomes durable while the record is decrypted; nothing leaves before both are done.
      const [text] = await Promise.all([this.#textOf(record), this.#log(caller, record, 'read', 'ok')]);
      return { kind: 'found', text, versionId: String(record.version), lastUpdatedMs: record.meta.lastUpdatedMs };
    } catch (error) {
      if (!(error instanceof RecordsError) || error.code === 'corrupt') throw error;
      return { kind: 'refused', code: error.code };
    }
  }

  async #decide(caller: VaultCaller, record: StoredRecord): Promise<Release> {
    this.#parts.demandReleasing();
    const refusal = await this.#refusalOf(caller, record);
    if (refusal !== undefined) {
      await this.#log(caller, record, 'refusal', refusal);
      return { kind: 'refused', code: 'denied' };
    }
    return record.status === 'tombstoned' ? { kind: 'gone' } : { kind: 'released' };
  }

  async #log(caller: VaultCaller, record: StoredRecord, kind: 'read' | 'refusal', outcome: string): Promise<void> {
    await this.#parts.audit.append(readEvent(caller, record, kind, outcome, this.#parts.clock()));
  }

  async #textOf(record: StoredRecord): Promise<string> {
    const text = fromUtf8(await this.#parts.ciphertext.readPlaintext(record));
    return inlineAttachments(this.#parts.attachments, text);
  }

  async #refusalOf(caller: VaultCaller, record: StoredRecord): Promise<string | undefined> {
    const decision = await sightOf(this.#parts, caller).decide(sightedOf(record));
    return decision.kind === 'denied' ? decision.reason : undefined;
  }
}

function whoOf(caller: Exclude<VaultCaller, { readonly kind: 'patient' }>): Who & { readonly kind: 'member' } {
  return caller.kind === 'writer' ? caller.writer.who : caller.who;
}

function readEvent(
  caller: VaultCaller,
  { recordId, version, meta }: StoredRecord,
  kind: Extract<AuditKind, 'read' | 'refusal'>,
  outcome: string,
  atMs: number,
): AuditEvent {
  return {
    kind,
    atMs,
    pid: pidOf(meta.owner) ?? null,
    who: caller.kind === 'patient' ? caller.who : whoOf(caller),
    purpose: caller.kind === 'patient' ? 'PATRQT' : caller.purpose,
    grant: caller.kind === 'app' ? caller.grant : null,
    session: null,
    records: [{ recordId, version }],
    outcome,
    request: null,
  };
}

function bodyOf({ bytes, format }: ResourceBody): WriteBody {
  return { bytes: typeof bytes === 'string' ? new TextEncoder().encode(bytes) : bytes, format };
}

function urlOf(target: WriteTarget): string {
  return 'query' in target ? `${target.type}?${target.query}` : `${target.type}/${target.id}`;
}

function conditionOf({ ifMatch }: ChangeOptions): { readonly ifMatch?: string } {
  return ifMatch === undefined ? {} : { ifMatch: `W/"${ifMatch}"` };
}
