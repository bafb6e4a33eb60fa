/** What came in by feeds (HL7 v2) and could not be taken, and what is to go out to subscribers. */
export interface FeedTables {
  readonly heldMessage: HeldMessageTable;
  readonly takenMessage: TakenMessageTable;
  readonly notification: NotificationTable;
  readonly feedPosition: FeedPositionTable;
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

/** One notification that waits for a subscriber. */
export interface NotificationTable {
  readonly notificationId: string;
  readonly subscriptionToken: string;
  readonly eventNumber: number;
  /** `QueuedNotification` */
  readonly sealed: Uint8Array;
}

/** How far a subscription has come. */
export interface FeedPositionTable {
  readonly subscriptionToken: string;
  /** `FeedPosition` */
  readonly sealed: Uint8Array;
}
