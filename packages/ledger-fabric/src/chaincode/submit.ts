import type { PrivateArgs } from '@salus/contracts';
import { utf8 } from '@salus/crypto';
import { FabricError } from '../fabric-error.ts';
import {
  GATHERED_BYTES_MAX,
  type GatheredCall,
  OUTCOMES_BYTES_MAX,
  openPrivate,
  outcomesText,
  PRIVATE_FIELD,
  parseGathered,
  TIME_OFF_MAX_MS,
} from '../wire.ts';
import { endorse, fault, reject } from './answer.ts';
import { type Gathered, runGathered } from './gathered-run.ts';
import type { Answer, Chaincode, Invocation } from './invocation.ts';
import { PeerState } from './peer-state.ts';
import { keysOf, warmUp } from './warm-up.ts';

/**
 * The function `submit`: gathered calls in, their outcomes and writes out. Only the time is judged by a clock, the service's own;
 * a call may be sent again as long as its own `notAfter` allows.
 */
export async function submit(chaincode: Chaincode, invocation: Invocation): Promise<Answer> {
  const { timestampMs, args } = invocation;
  const [argument] = args;
  if (argument === undefined || args.length !== 1) return fault('malformed');
  if (argument.length > GATHERED_BYTES_MAX) return fault('too-large');
  // Not even a time that is no number passes.
  if (!(Math.abs(chaincode.clock() - timestampMs) <= TIME_OFF_MAX_MS)) return fault('time-off');
  const calls = findCalls(argument);
  if (calls === undefined) return fault('malformed');
  const state = new PeerState(invocation.peer);
  state.prefetch(calls.flatMap(keysOf));
  const opened = await openOwn(chaincode, invocation, calls);
  if (opened === 'not-opened') return fault('private-not-opened');
  const { network } = chaincode.configuration;
  const gathered: Gathered = {
    runtime: chaincode.runtime,
    network,
    calls,
    timestampMs,
    creator: invocation.creator,
    state,
    ...(opened === undefined ? {} : { privateArgs: opened }),
  };
  // One call alone gains nothing: it would only run twice.
  const verified = calls.length > 1 ? await warmUp(gathered) : undefined;
  const result = await runGathered(verified === undefined ? gathered : { ...gathered, verified });
  switch (result.kind) {
    case 'fault':
      if (result.cause !== undefined) chaincode.onFault(result.cause);
      return fault(result.code, result.call);
    case 'rejected':
      return reject(result.refusals);
    case 'endorsable': {
      const text = outcomesText(result.outcomes);
      if (Buffer.byteLength(text) > OUTCOMES_BYTES_MAX) return fault('too-large');
      await invocation.peer.write(
        result.writes.map(([key, value]) => [key, value === null ? null : utf8(value)] as const),
      );
      return endorse(text);
    }
  }
}

function findCalls(argument: Uint8Array): readonly GatheredCall[] | undefined {
  try {
    return parseGathered(argument);
  } catch (error) {
    if (error instanceof FabricError) return undefined;
    throw error;
  }
}

/**
 * Private values by call id, none where there is no field: the calls that need some are refused then. undefined at any other
 * organisation than the submitting one: the values are not for it.
 */
async function openOwn(
  { configuration: { organisation, network, privateKey } }: Chaincode,
  { creator, transient, args }: Invocation,
  calls: readonly GatheredCall[],
): Promise<ReadonlyMap<string, PrivateArgs> | 'not-opened' | undefined> {
  if (creator !== organisation) return undefined;
  const field = transient.get(PRIVATE_FIELD);
  if (field === undefined) return new Map();
  try {
    const callIds = new Set(calls.map(({ callId }) => callId));
    return await openPrivate(field, { network, argument: args[0]!, key: privateKey, callIds });
  } catch (error) {
    if (error instanceof FabricError && error.code === 'bad-private') return 'not-opened';
    throw error;
  }
}
