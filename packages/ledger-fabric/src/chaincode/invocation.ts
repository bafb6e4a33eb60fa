import type { ChaincodeConfiguration } from './configuration.ts';
import type { GatheredRuntime } from './gathered-run.ts';

/** The peer as one transaction reaches it; each question is one round trip, and questions of one transaction wait in line. */
export interface TransactionPeer {
  /** The committed value of each key, in order; undefined where there is none. */
  getStates(keys: readonly string[]): Promise<readonly (Uint8Array | undefined)[]>;
  /** Committed entries of [start, end) in ascending byte order, at most `limit`. */
  getRange(start: string, end: string, limit: number): Promise<readonly StateEntry[]>;
  /** Adds to the transaction's write set; null deletes. */
  write(writes: readonly (readonly [key: string, value: Uint8Array | null])[]): Promise<void>;
}

export type StateEntry = { readonly key: string; readonly value: Uint8Array };

/** One proposal that the peer hands to the chaincode, after it has verified its creator's signature. */
export type Invocation = {
  readonly channel: string;
  readonly functionName: string;
  readonly args: readonly Uint8Array[];
  readonly transient: ReadonlyMap<string, Uint8Array>;
  /** MSP id of the organisation that submits. */
  readonly creator: string;
  /** `proposalTimeMs` of the channel header. */
  readonly timestampMs: number;
  readonly peer: TransactionPeer;
};

/** Status below 400 is endorsed with its payload; else the message goes back to the submitter and nothing is endorsed. */
export type Answer = { readonly status: number; readonly message: string; readonly payload: Uint8Array };

/** What a chaincode service is, beside its connection. */
export type Chaincode = {
  readonly configuration: ChaincodeConfiguration;
  readonly runtime: GatheredRuntime;
  /** SHA-256 of the bundle that runs. */
  readonly bundleSha256hex: string;
  /** The service's own clock, which no contract sees. */
  readonly clock: () => number;
  /** Told of what must not happen: the submitter learns `internal` only. */
  readonly onFault: (cause: unknown) => void;
};

export type ChaincodeFunction = (chaincode: Chaincode, invocation: Invocation) => Promise<Answer>;
