import { gateway } from '@hyperledger/fabric-protos';
import type { PrivateArgs } from '@salus/contracts';
import { utf8 } from '@salus/crypto';
import { LedgerError } from '@salus/ledger';
import { decodeTransaction, type EndorserTransaction } from '../block/transaction.ts';
import type { FabricConnection } from '../connection-file.ts';
import { FabricError } from '../fabric-error.ts';
import { sealPrivate } from '../private-values.ts';
import { gatheredText, PRIVATE_FIELD, SUBMIT_FUNCTION } from '../wire.ts';
import { type EndorsementPolicy, readEndorsementPolicy } from './endorsement-policy.ts';
import { activeMembers, chooseEndorsers } from './endorser-choice.ts';
import type { FabricIdentity } from './fabric-identity.ts';
import type { FollowerView } from './follower-view.ts';
import { describeGatewayError, type GatewayFault, readEndorseError } from './gateway-fault.ts';
import type { Endorsed, OwnPeers } from './own-peers.ts';
import type { PendingCall } from './pending-call.ts';
import { newProposal } from './proposal.ts';

/** An organisation that did not endorse is asked again after so long. */
const DOWN_MS = 30_000;
/** One whose endorsement did not count: longer than any call waits, so that none is held up twice. */
const SET_ASIDE_MS = 10 * 60_000;
/** Whoever takes longer holds up all that waits to be endorsed. */
const SLOW_MS = 5_000;

export type EndorserParts = {
  readonly connection: FabricConnection;
  readonly identity: FabricIdentity;
  readonly peers: Pick<OwnPeers, 'endorse' | 'evaluate'>;
  readonly follower: Pick<FollowerView, 'peek' | 'findEndorsers'>;
  /** The time of transactions: milliseconds since the epoch. */
  readonly clock: () => number;
};

export type EndorseResult =
  | {
      readonly kind: 'endorsed';
      readonly txId: string;
      readonly endorsed: Endorsed;
      /** Who endorsed it beside the own organisation. */
      readonly others: readonly string[];
    }
  | { readonly kind: 'failed'; readonly fault: GatewayFault; readonly reason: string };

/** Makes one Fabric transaction of gathered calls and has it endorsed by the own organisation and the others that the policy asks. */
export class Endorser {
  readonly #parts: EndorserParts;
  /** When each organisation was last asked in vain, and until when it is asked last; on the clock of `performance.now()`. */
  readonly #down = new Map<string, { readonly since: number; readonly until: number }>();
  #policy: EndorsementPolicy | undefined;

  constructor(parts: EndorserParts) {
    this.#parts = parts;
  }

  /** The policy is asked for again: it changes when organisations come and go. */
  forgetPolicy(): void {
    this.#policy = undefined;
  }

  /** From now on these organisations endorse only where there is nobody else: what they endorsed did not count. */
  setAside(organisations: readonly string[]): void {
    this.#note(organisations, SET_ASIDE_MS);
  }

  /** `turn` moves the choice of the others on, as in `chooseEndorsers`. */
  async endorse(calls: readonly PendingCall[], turn: number): Promise<EndorseResult> {
    const { connection, identity, peers, clock } = this.#parts;
    const argument = utf8(gatheredText(calls.map(({ call }) => call)));
    const transient = await this.#seal(calls, argument);
    let endorsers: readonly string[] = [];
    try {
      endorsers = await this.#choose(calls, turn);
      const { txId, bytes } = newProposal({
        creator: identity.creator,
        channel: connection.channel,
        chaincode: connection.chaincode,
        args: [utf8(SUBMIT_FUNCTION), argument],
        transient,
        endorsers,
        timestampMs: clock(),
      });
      const others = endorsers.filter((endorser) => endorser !== connection.organisation);
      const start = performance.now();
      const endorsed = await peers.endorse(bytes);
      if (performance.now() - start > SLOW_MS) this.#note(others, DOWN_MS);
      const unsigned = this.#unsigned(endorsed, others);
      if (unsigned.length === 0) return { kind: 'endorsed', txId, endorsed, others };
      this.setAside(unsigned);
      const reason = `no endorsement with a valid signature from ${unsigned.join(', ')}`;
      return { kind: 'failed', fault: { kind: 'others', organisations: unsigned }, reason };
    } catch (error) {
      if (error instanceof LedgerError) {
        if (error.code !== 'unavailable') throw error;
        // The own follower may have missed blocks: it catches up, and the call has time.
        return { kind: 'failed', fault: { kind: 'unreachable' }, reason: error.message };
      }
      const fault = readEndorseError(error, { count: calls.length, own: connection.organisation, endorsers });
      this.#learn(fault);
      return { kind: 'failed', fault, reason: describeGatewayError(error) };
    }
  }

  async #choose(calls: readonly PendingCall[], turn: number): Promise<readonly string[]> {
    const { connection, identity, peers, follower, clock } = this.#parts;
    this.#policy ??= await readEndorsementPolicy(peers, { connection, identity, timestampMs: clock() });
    const { members, required } = this.#policy;
    return chooseEndorsers({
      policy: { members, required: calls.some(endsImport) ? members.length : required },
      own: connection.organisation,
      active: activeMembers((key) => follower.peek(key)),
      callIds: calls.map(({ callId }) => callId),
      down: this.#downSince(),
      turn,
    });
  }

  async #seal(calls: readonly PendingCall[], argument: Uint8Array): Promise<ReadonlyMap<string, Uint8Array>> {
    const values = new Map<string, PrivateArgs>();
    for (const { callId, privateArgs } of calls) if (privateArgs !== undefined) values.set(callId, privateArgs);
    if (values.size === 0) return new Map();
    const { network, chaincodeKey: publicKey } = this.#parts.connection;
    return new Map([[PRIVATE_FIELD, await sealPrivate(values, { network, argument, publicKey })]]);
  }

  /**
   * Whose endorsement the followers would not count. The own peer looks at no signature: the whole transaction would be
   * invalid, and one organisation could hold up whatever it is drawn for.
   */
  #unsigned(endorsed: Endorsed, others: readonly string[]): readonly string[] {
    const transaction = findTransaction(endorsed.transaction.getBytes());
    // Whatever cannot be read here another organisation wrote.
    if (transaction === undefined) return others;
    const { endorsements, proposalResponsePayload } = transaction;
    const signed = this.#parts.follower.findEndorsers(endorsements, proposalResponsePayload);
    return signed === undefined ? [] : others.filter((organisation) => !signed.includes(organisation));
  }

  #learn(fault: GatewayFault): void {
    if (fault.kind !== 'others') return;
    this.#note(fault.organisations, DOWN_MS);
    // Whoever is asked in vain may have left.
    this.forgetPolicy();
  }

  #note(organisations: readonly string[], forMs: number): void {
    const since = performance.now();
    for (const organisation of organisations) {
      const until = Math.max(since + forMs, this.#down.get(organisation)?.until ?? 0);
      this.#down.set(organisation, { since, until });
    }
  }

  #downSince(): ReadonlyMap<string, number> {
    const now = performance.now();
    for (const [organisation, { until }] of this.#down) if (until <= now) this.#down.delete(organisation);
    return new Map([...this.#down].map(([organisation, { since }]) => [organisation, since]));
  }
}

/** The transaction that the own peer has prepared, as followers would read it; undefined where they could not. */
function findTransaction(prepared: Uint8Array): EndorserTransaction | undefined {
  const envelope = gateway.PreparedTransaction.deserializeBinary(prepared).getEnvelope();
  try {
    const transaction = decodeTransaction(envelope?.serializeBinary() ?? new Uint8Array());
    return transaction.kind === 'endorser' ? transaction : undefined;
  } catch (error) {
    if (error instanceof FabricError) return undefined;
    throw error;
  }
}

/** Followers take the end of an import only from all members. */
function endsImport({ call: { payload } }: PendingCall): boolean {
  return payload.contract === 'access' && payload.transaction === 'migrated';
}
