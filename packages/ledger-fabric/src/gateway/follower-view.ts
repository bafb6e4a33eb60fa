import type { Json } from '@salus/contracts';
import type { LedgerError, SubmitResult } from '@salus/ledger';
import type { Endorsement } from '../block/transaction.ts';

/** What became of one Fabric transaction in a block that the own follower has verified and applied durably. */
export type AppliedView = {
  readonly block: number;
  /** `peer.TxValidationCode` (peer/transaction.proto). */
  readonly code: number;
  /** Set for a transaction that the peers took and that should not be. */
  readonly alarm?: string;
  /** One for each gathered call, in its order; none unless the code is `VALID`. */
  readonly outcomes: readonly (SubmitResult | { readonly kind: 'distrusted'; readonly callId: string })[];
};

/** The follower as the gateway sees it. */
export type FollowerView = {
  /** Set when the follower has stopped for good. */
  readonly failure: LedgerError | undefined;
  /** Asked before the transaction is ordered; rejects with the signal's reason, or with `failure`. */
  awaitTransaction(txId: string, signal: AbortSignal): Promise<AppliedView>;
  /** The committed result of a call, whoever submitted it. Throws `LedgerError` `distrusted`. */
  findResult(callId: string): Extract<SubmitResult, { kind: 'committed' }> | undefined;
  /** Tells of every applied block; the result unsubscribes. */
  onApplied(listener: () => void): () => void;
  /** MSP ids of the channel's members whose endorsement verifies, sorted; undefined while the members are not known. */
  findEndorsers(endorsements: readonly Endorsement[], signedPayload: Uint8Array): readonly string[] | undefined;
  /** Verified state. Throws `LedgerError` `distrusted`. */
  peek(key: string): Json | undefined;
};
