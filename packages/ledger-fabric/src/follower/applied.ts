import type { SubmitResult } from '@salus/ledger';
import type { AlarmCode } from './alarm.ts';

/** What became of a call in an applied block. `distrusted`: peers committed it, and it rests on what should not be. */
export type AppliedOutcome = SubmitResult | { readonly kind: 'distrusted'; readonly callId: string };

/** What became of a Fabric transaction in a block that the follower has applied. */
export type AppliedTransaction = {
  /** Fabric's; empty where it has none. */
  readonly txId: string;
  readonly block: number;
  /** `peer.TxValidationCode`: 0 valid, 11 MVCC_READ_CONFLICT, 12 PHANTOM_READ_CONFLICT … */
  readonly code: number;
  /** Set when it is valid for the peers and should not be: its keys are distrusted, and it has no outcomes. */
  readonly alarm?: AlarmCode;
  /** One for each gathered call, in order; none unless it is valid and justified. */
  readonly outcomes: readonly AppliedOutcome[];
};
