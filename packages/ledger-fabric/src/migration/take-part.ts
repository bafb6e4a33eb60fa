import { GatewayError } from '@hyperledger/fabric-gateway';
import { peer } from '@hyperledger/fabric-protos';
import { IMPORT_KEY, type ImportFact, MOVE_KEY, type MoveFact } from '@salus/contracts';
import { utf8 } from '@salus/crypto';
import { LedgerError } from '@salus/ledger';
import type { FabricConnection } from '../connection-file.ts';
import { FabricError } from '../fabric-error.ts';
import type { Follower } from '../follower/follower.ts';
import { backOffMs, pause } from '../gateway/back-off.ts';
import { describeGatewayError } from '../gateway/gateway-fault.ts';
import { Limit } from '../gateway/limit.ts';
import type { OwnPeers } from '../gateway/own-peers.ts';
import { newProposal } from '../gateway/proposal.ts';
import { IMPORT_FUNCTION } from '../wire.ts';
import { findImportRefusal, type ImportCode, type ImportPiece, importText } from './import-wire.ts';

/** A part that peers do not agree on, or that meets another's, is tried at least so often, and for so long. */
const ATTEMPTS_MIN = 30;
const PATIENCE_MS = 60_000;
/** How long an ordered part may take until the own follower has applied it. */
const APPLIED_MS = 60_000;
/** Every call of a part is run again; peers themselves give a proposal as long (`endorsementTimeout`). */
const ENDORSE_MS = 30_000;
const { TxValidationCode } = peer;

/** The channel as an organisation's node follows it. */
export type ImportView = Pick<Follower, 'peek' | 'awaitTransaction' | 'organisations'>;

export type PartRun = {
  readonly connection: Pick<FabricConnection, 'organisation' | 'channel' | 'chaincode'>;
  readonly follower: ImportView;
  readonly peers: Pick<OwnPeers, 'endorse' | 'order'>;
  readonly creator: Uint8Array;
  readonly clock: () => number;
};

export function findMove(follower: Pick<ImportView, 'peek'>): MoveFact | undefined {
  return follower.peek(MOVE_KEY) as MoveFact | undefined;
}

export function findProgress(follower: Pick<ImportView, 'peek'>): ImportFact | undefined {
  return follower.peek(IMPORT_KEY) as ImportFact | undefined;
}

/**
 * Brings one transaction of an import onto the channel; false when another member's came first. `import-refused` with place and
 * reason; LedgerError `unavailable`.
 */
export async function takePart(run: PartRun, pieces: readonly ImportPiece[]): Promise<boolean> {
  const argument = utf8(importText(pieces));
  const startMs = performance.now();
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await sendPart(run, argument);
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error;
      const refusal = findRefusal(error, run.connection.organisation);
      if (refusal !== undefined && !refusal.isPassing) throw refusal.fault;
      if (!isNext(pieces[0]!, run.follower)) return false;
      if (attempt >= ATTEMPTS_MIN && performance.now() - startMs > PATIENCE_MS) {
        const message = `not every member endorses: ${describeGatewayError(error)}`;
        throw refusal?.fault ?? new LedgerError('unavailable', message, { cause: error });
      }
      await pause(backOffMs(attempt), new AbortController().signal);
    }
  }
}

async function sendPart({ follower, peers, connection, creator, clock }: PartRun, argument: Uint8Array) {
  const { organisation, channel, chaincode } = connection;
  const { txId, bytes } = newProposal({
    creator,
    channel,
    chaincode,
    args: [utf8(IMPORT_FUNCTION), argument],
    transient: new Map(),
    endorsers: [organisation, ...follower.organisations.filter((each) => each !== organisation)],
    timestampMs: clock(),
  });
  const endorsed = await peers.endorse(bytes, ENDORSE_MS);
  using limit = new Limit(new AbortController().signal, APPLIED_MS, () => 'a part was ordered, and is in no block');
  const applied = follower.awaitTransaction(txId, limit.signal);
  applied.catch(() => undefined); // Told below, or no longer asked: where it was not ordered, that is the failure.
  await peers.order(endorsed);
  const { code, alarm } = await applied;
  if (alarm !== undefined) {
    throw new FabricError('import-refused', `the own follower found a part that should not be: ${alarm}`);
  }
  if (code === TxValidationCode.VALID) return true;
  if (code === TxValidationCode.MVCC_READ_CONFLICT || code === TxValidationCode.PHANTOM_READ_CONFLICT) return false;
  throw new FabricError('import-refused', `the peers call the transaction invalid: code ${code}`);
}

/** Does the part go on where the channel stands, as far as the follower has come? */
function isNext({ header, index, level }: ImportPiece, follower: ImportView): boolean {
  if (findMove(follower)?.status === 'migrated') return false;
  const { number } = JSON.parse(header) as { readonly number: number };
  const progress = findProgress(follower);
  if (progress === undefined) return number === 0 && index === 0;
  if (progress.taken === progress.count) return number === progress.number + 1 && index === 0;
  return number === progress.number && index * 2 ** level === progress.taken;
}

/**
 * What a peer says whose state is another than the own follower's: it has parts already that the follower has still to check, the
 * own peer too, or another organisation's has not got them yet.
 */
const PASSING: readonly ImportCode[] = ['order', 'ended', 'migrated'];

type Refusal = { readonly isPassing: boolean; readonly fault: FabricError };

/** Why a chaincode refuses, the own one's reason first; one that waiting changes only where there is no other. */
function findRefusal(error: GatewayError, own: string): Refusal | undefined {
  const refusals = error.details.flatMap(({ mspId, message }) => {
    const refusal = findImportRefusal(message);
    if (refusal === undefined) return [];
    const { code, block, index } = refusal;
    const place = block === null ? '' : ` at block ${block}${index === null ? '' : ` call ${index}`}`;
    const fault = new FabricError('import-refused', `${mspId} refuses${place}: ${code}`);
    return [{ isPassing: PASSING.includes(code), fault, mspId }];
  });
  const ofOwnFirst = [...refusals].sort((left, right) => Number(right.mspId === own) - Number(left.mspId === own));
  return ofOwnFirst.find(({ isPassing }) => !isPassing) ?? ofOwnFirst[0];
}
