import type { LostRange } from '@salus/ledger';
import { RecordsError } from './records-error.ts';

/** What the guard asks of the ledger: set while a checkpoint is known that the ledger does not reach. */
export interface RollbackView {
  readonly rollbackNeeded: LostRange | undefined;
}

/**
 * Keeps an organisation that was restored from an older backup from releasing anything until a signed `access.rollback`
 * has named the lost range and the known revocations were replayed (DESIGN §6): else a grant that the patient took back
 * would be alive again.
 */
export class RollbackGuard {
  readonly #ledger: RollbackView;
  #replayDue: boolean;

  constructor(ledger: RollbackView) {
    this.#ledger = ledger;
    this.#replayDue = ledger.rollbackNeeded !== undefined;
  }

  /** True while nothing may be released. */
  get isClosed(): boolean {
    if (this.#ledger.rollbackNeeded !== undefined) this.#replayDue = true;
    return this.#replayDue;
  }

  /** Throws `rollback-unnamed` while nothing may be released. */
  demandReleasing(): void {
    if (this.isClosed) {
      throw new RecordsError(
        'rollback-unnamed',
        'the ledger was rolled back: name the lost range and replay the known revocations',
      );
    }
  }

  /** Nothing may be released until `revocationsReplayed`: said at a start, before the journal was looked at. */
  demandReplay(): void {
    this.#replayDue = true;
  }

  /** The known revocations are on the ledger; before the range is named it opens nothing. */
  revocationsReplayed(): void {
    if (this.#ledger.rollbackNeeded === undefined) this.#replayDue = false;
  }
}
