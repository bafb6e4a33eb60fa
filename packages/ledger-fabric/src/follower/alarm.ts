/** Why a block, or a transaction that the own peer calls valid, should not be. */
export type AlarmCode =
  /** The block does not follow the one before. */
  | 'broken-chain'
  /** The block's transactions are not those of its header. */
  | 'data-hash'
  /** There is not one validation code for each transaction. */
  | 'validation-codes'
  /** The peer's commit hash is not that of these validation codes and updates. */
  | 'commit-hash'
  /** A part of the block has not the form that Fabric's protocol fixes. */
  | 'bad-block'
  /** Certificates or lists of a member in the channel's configuration cannot be read, and count for nothing. */
  | 'configuration'
  /** Another chaincode, or another function of ours, wrote to our namespace. */
  | 'foreign-write'
  /** Fewer organisations have endorsed than the rule asks for. */
  | 'endorsement'
  /** A call with private arguments was not created and endorsed by the organisation that keeps the pid's records. */
  | 'private-endorsement'
  /** The endorsers ran other contracts than the channel has agreed on. */
  | 'contracts'
  /** The argument is not one of gathered calls. */
  | 'argument'
  /** A call's outcome is not the one that its contract gives. */
  | 'outcome'
  /** A refusal that tells what no block may hold. */
  | 'refusal'
  /** The writes are not those of the calls. */
  | 'writes'
  /** A part of a ledger that moves up was taken, or its end declared, against the rules or without every member's endorsement. */
  | 'import';

/** What should not be, as it is told and kept. */
export type Alarm = {
  readonly block: number;
  /** Fabric's id of the transaction; null where the block itself is meant. */
  readonly txId: string | null;
  readonly code: AlarmCode;
  /** Keys that are distrusted for it, sorted; where they are more than bounds allow, `detail` counts the others. */
  readonly keys: readonly string[];
  /** One sentence for people, without values of calls. */
  readonly detail: string;
};

/** Keys that an alarm shows, and characters of them: two colluding members could write blocks of nothing else. */
export const ALARM_KEYS_MAX = 100;
export const ALARM_KEYS_LENGTH_MAX = 10_000;

/** The alarm with as many of its keys as it may show. */
export function boundedAlarm(alarm: Alarm): Alarm {
  let length = 0;
  const shown: string[] = [];
  for (const key of alarm.keys) {
    length += key.length;
    if (shown.length === ALARM_KEYS_MAX || length > ALARM_KEYS_LENGTH_MAX) break;
    shown.push(key);
  }
  const more = alarm.keys.length - shown.length;
  if (more === 0) return alarm;
  return { ...alarm, keys: shown, detail: `${alarm.detail}; ${more} further keys are distrusted` };
}
