import { type BatchFact, batchKey, type LeafFact, leafKey, type Terms } from '@salus/contracts';
import { fromBase64url, type Json, sha256, toBase64url, utf8, verifyInclusion } from '@salus/crypto';
import type { Documents } from '../documents.ts';
import { KeyedLocks } from '../keyed-locks.ts';
import type { LedgerView } from '../ledger-view.ts';
import { recordLeafHash } from '../record-tree.ts';
import { RecordsError } from '../records-error.ts';
import type { AuditLog, Clock, Who } from '../vault-types.ts';
import type { ReleasedRecord } from './exchange-peer.ts';
import { isHolder } from './grant-tokens.ts';
import type { ReadRecord } from './reading.ts';

export const KEPT_VERSION = 'salus:kept:v1';
/** Copies of one patient's records. */
export const KEPT_PER_PID_MAX = 10_000;

type Member = Who & { readonly kind: 'member' };

/** What proves a copy: the leaf that its author committed, and where. */
export type KeptProof = Pick<
  ReleasedRecord,
  'keyId' | 'callId' | 'leafIndex' | 'ciphertextHash' | 'contentHash' | 'proof' | 'salt'
>;

/** A copy of another organisation's record, kept because the terms of a grant allowed it. */
export interface KeptFacts {
  readonly pid: string;
  readonly author: string;
  readonly recordId: string;
  readonly version: number;
  readonly type: string;
  readonly grant: string;
  readonly keptMs: number;
  /** Who kept it. */
  readonly by: string;
}

export interface KeptRecord extends KeptFacts {
  /** The record's own text, byte for byte; attachments that were objects of their own stand as references. */
  readonly text: string;
  readonly proof: KeptProof;
  /** What the ledger says of this version now. */
  readonly status: 'current' | LeafFact['status'];
}

interface Stored extends KeptFacts {
  readonly format: typeof KEPT_VERSION;
  readonly terms: Pick<Terms, 'grantee' | 'exceptActors'>;
  readonly text: string;
  readonly proof: KeptProof;
}

/** What a reader brings to be kept. */
export interface Keeping {
  readonly record: ReadRecord;
  readonly released: ReleasedRecord;
  readonly type: string;
}

const locks = new KeyedLocks();

/**
 * Copies that stand alone: each with the proof that its author committed exactly this text, so that it can be read and
 * proven when the author's node is gone. What was kept stays when the grant ends (DESIGN §5); every look is logged.
 */
export class KeptRecords {
  readonly #parts: {
    readonly documents: Documents;
    readonly ledger: LedgerView;
    readonly audit: AuditLog;
    readonly clock: Clock;
  };

  constructor(parts: {
    readonly documents: Documents;
    readonly ledger: LedgerView;
    readonly audit: AuditLog;
    readonly clock: Clock;
  }) {
    this.#parts = parts;
  }

  /** Keeps what was read to be kept, once each proof has been verified: else `proof-invalid`, `content-mismatch`. */
  async keep(
    { author, terms, who }: { readonly author: string; readonly terms: Terms; readonly who: Member },
    keepings: readonly Keeping[],
  ): Promise<readonly KeptFacts[]> {
    const { documents, clock } = this.#parts;
    const { pid, grant, grantee, exceptActors } = terms;
    const release = await locks.acquire([pid]);
    try {
      const index = new Map((await this.#index(pid)).map((facts) => [facts.recordId, facts]));
      for (const { record, released, type } of keepings) {
        const { recordId, version } = record;
        const proof = proofOf(released);
        await this.#demandProven({ recordId, version, text: record.text, proof });
        const facts: KeptFacts = { pid, author, recordId, version, type, grant, keptMs: clock(), by: who.id };
        const stored: Stored = {
          ...{ format: KEPT_VERSION, ...facts, terms: { grantee, exceptActors } },
          ...{ text: record.text, proof },
        };
        await documents.put('kept-record', `${pid}/${recordId}`, stored as unknown as Json);
        index.set(recordId, facts);
      }
      if (index.size > KEPT_PER_PID_MAX) {
        throw new RecordsError('overloaded', `at most ${KEPT_PER_PID_MAX} records of one patient are kept`);
      }
      const kept = [...index.values()];
      await documents.put('kept-record', pid, kept as unknown as Json);
      return kept;
    } finally {
      release();
    }
  }

  /** Is there a copy of the patient that this person may read? Nothing of it is shown, and nothing logged. */
  async isReader(pid: string, who: Member): Promise<boolean> {
    for (const { recordId } of await this.#index(pid)) {
      const stored = await this.#find(pid, recordId);
      if (stored !== undefined && isReader(stored, who)) return true;
    }
    return false;
  }

  /** What this person may read of what was kept of a patient; logged. */
  async list(pid: string, who: Member): Promise<readonly KeptFacts[]> {
    const kept: KeptFacts[] = [];
    for (const facts of await this.#index(pid)) {
      const stored = await this.#find(pid, facts.recordId);
      if (stored !== undefined && isReader(stored, who)) kept.push(facts);
    }
    if (kept.length > 0) await this.#log('search', { who, pid, records: kept, grant: null });
    return kept;
  }

  /** One copy with its proof, verified again by this organisation's own ledger. `not-found` where there is none for this person. */
  async read(pid: string, recordId: string, who: Member): Promise<KeptRecord> {
    const stored = await this.#find(pid, recordId);
    if (stored === undefined || !isReader(stored, who)) {
      throw new RecordsError('not-found', 'no such copy is kept here for this person');
    }
    const { format: _format, terms: _terms, ...kept } = stored;
    const status = await this.#demandProven(kept);
    await this.#log('read', { who, pid, records: [kept], grant: kept.grant });
    return { ...kept, status };
  }

  async #index(pid: string): Promise<readonly KeptFacts[]> {
    return ((await this.#parts.documents.find('kept-record', pid)) ?? []) as unknown as readonly KeptFacts[];
  }

  async #find(pid: string, recordId: string): Promise<Stored | undefined> {
    return (await this.#parts.documents.find('kept-record', `${pid}/${recordId}`)) as unknown as Stored | undefined;
  }

  async #demandProven(kept: {
    readonly recordId: string;
    readonly version: number;
    readonly text: string;
    readonly proof: KeptProof;
  }): Promise<KeptRecord['status']> {
    const { proof, text, recordId, version } = kept;
    const content = sha256(Buffer.concat([fromBase64url(proof.salt), utf8(text)]));
    if (toBase64url(content) !== proof.contentHash) {
      throw new RecordsError('content-mismatch', 'a kept text is not the one that its leaf names');
    }
    const leafHash = recordLeafHash({ ...proof, recordId, version });
    const [batch, state] = (await Promise.all([
      this.#parts.ledger.get(batchKey(proof.keyId, proof.callId)),
      this.#parts.ledger.get(leafKey(proof.keyId, leafHash)),
    ])) as [BatchFact | undefined, LeafFact | undefined];
    const holds =
      batch !== undefined &&
      verifyInclusion({
        ...{ leafHash, index: proof.leafIndex, size: batch.count, proof: proof.proof, root: batch.root },
      });
    if (!holds) throw new RecordsError('proof-invalid', 'the ledger holds no such record of its author');
    return state?.status ?? 'current';
  }

  async #log(
    kind: 'search' | 'read',
    about: {
      readonly who: Member;
      readonly pid: string;
      readonly grant: string | null;
      readonly records: readonly { readonly recordId: string; readonly version: number }[];
    },
  ): Promise<void> {
    const { who, pid, grant, records } = about;
    await this.#parts.audit.append({
      ...{ kind, atMs: this.#parts.clock(), pid, who, purpose: 'TREAT', grant, session: null },
      records: records.map(({ recordId, version }) => ({ recordId, version })),
      ...{ outcome: 'ok', request: null },
    });
  }
}

function proofOf(released: ReleasedRecord): KeptProof {
  const { keyId, callId, leafIndex, ciphertextHash, contentHash, proof, salt } = released;
  return { keyId, callId, leafIndex, ciphertextHash, contentHash, proof, salt };
}

/** Whoever may use the grant may read what was kept under it. */
function isReader({ terms }: Stored, who: Member): boolean {
  return isHolder(terms, who);
}
