import type { PrivateArgs } from '@salus/contracts';
import { utf8 } from '@salus/crypto';
import { LedgerError } from '@salus/ledger';
import type { FabricConnection } from '../connection-file.ts';
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

export type EndorserParts = {
  readonly connection: FabricConnection;
  readonly identity: FabricIdentity;
  readonly peers: OwnPeers;
  readonly follower: FollowerView;
  /** The time of transactions: milliseconds since the epoch. */
  readonly clock: () => number;
};

export type EndorseResult =
  | { readonly kind: 'endorsed'; readonly txId: string; readonly endorsed: Endorsed }
  | { readonly kind: 'failed'; readonly fault: GatewayFault; readonly reason: string };

/** Makes one Fabric transaction of gathered calls and has it endorsed by the own organisation and the others that the policy asks. */
export class Endorser {
  readonly #parts: EndorserParts;
  /** When each organisation was last asked in vain, on the clock of `performance.now()`. */
  readonly #downSince = new Map<string, number>();
  #policy: EndorsementPolicy | undefined;

  constructor(parts: EndorserParts) {
    this.#parts = parts;
  }

  /** The policy is asked for again: it changes when organisations come and go. */
  forgetPolicy(): void {
    this.#policy = undefined;
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
      return { kind: 'endorsed', txId, endorsed: await peers.endorse(bytes) };
    } catch (error) {
      if (error instanceof LedgerError) throw error;
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
      down: this.#down(),
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

  #learn(fault: GatewayFault): void {
    if (fault.kind !== 'others') return;
    const now = performance.now();
    for (const organisation of fault.organisations) this.#downSince.set(organisation, now);
    // Whoever is asked in vain may have left.
    this.forgetPolicy();
  }

  #down(): ReadonlyMap<string, number> {
    const now = performance.now();
    for (const [organisation, since] of this.#downSince) {
      if (since + DOWN_MS <= now) this.#downSince.delete(organisation);
    }
    return this.#downSince;
  }
}

/** Followers take the end of an import only from all members. */
function endsImport({ call: { payload } }: PendingCall): boolean {
  return payload.contract === 'access' && payload.transaction === 'migrated';
}
