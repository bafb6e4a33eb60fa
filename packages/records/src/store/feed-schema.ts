/** What came in by feeds (HL7 v2) and could not be taken, and what is to go out to subscribers. */
export interface FeedTables {
  readonly heldMessage: HeldMessageTable;
  readonly takenMessage: TakenMessageTable;
}

/** A message that was refused, as it came: kept until it is taken after all, or put aside by hand. */
export interface HeldMessageTable {
  /** Token of its sender's name for it and of its content. */
  readonly messageToken: string;
  /** When it came last. */
  readonly atMs: number;
  /** `HeldMessage` and its bytes. */
  readonly sealed: Uint8Array;
}

/** A message that said nothing new: one that did is known by its batch (`bundle`). */
export interface TakenMessageTable {
  readonly messageToken: string;
  readonly atMs: number;
}
