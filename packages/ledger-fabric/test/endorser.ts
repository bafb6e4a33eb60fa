import { execute, type Json, type PrivateArgs, readPrivateOrganisation, type SignedCall } from '@salus/contracts';
import type { TestCall } from '@salus/contracts/test-world';
import { type ExtractableHpkeKey, generateHpkeKey, utf8 } from '@salus/crypto';
import { invoke } from '../src/chaincode/functions.ts';
import type { GatheredRuntime } from '../src/chaincode/gathered-run.ts';
import type { Answer, Chaincode, Invocation } from '../src/chaincode/invocation.ts';
import { gatheredText, PRIVATE_FIELD, parseGathered, SUBMIT_FUNCTION, sealPrivate } from '../src/wire.ts';
import { MemoryPeer } from './memory-peer.ts';

export const runtime: GatheredRuntime = { execute, readPrivateOrganisation };
export const BUNDLE = 'b'.repeat(64);

/** One organisation's chaincode without a service around it. */
export type Endorser = Chaincode & { readonly faults: unknown[] };

export async function createEndorser(
  world: { readonly network: string; readonly nowMs: () => number },
  organisation: string,
  options: { readonly runtime?: GatheredRuntime; readonly key?: ExtractableHpkeKey } = {},
): Promise<Endorser> {
  const faults: unknown[] = [];
  const none = Buffer.alloc(0);
  return {
    configuration: {
      network: world.network,
      organisation,
      tls: { certificate: none, key: none, clientAuthority: none },
      folder: '/nowhere',
      privateKey: options.key ?? (await generateHpkeKey()),
    },
    runtime: options.runtime ?? runtime,
    bundleSha256hex: BUNDLE,
    clock: world.nowMs,
    onFault: (cause) => faults.push(cause),
    faults,
  };
}

/** What a node sends: the argument and, when there are private values, the transient field sealed to its own chaincode. */
export async function gather(
  calls: readonly TestCall[],
  to: Endorser,
): Promise<{ readonly argument: Uint8Array; readonly transient: ReadonlyMap<string, Uint8Array> }> {
  const argument = utf8(gatheredText(calls.map(({ call }) => call)));
  const ids = parseGathered(argument).map(({ callId }) => callId);
  const values = new Map(
    calls.flatMap(({ privateArgs }, at): [string, PrivateArgs][] =>
      privateArgs === undefined ? [] : [[ids[at]!, privateArgs]],
    ),
  );
  if (values.size === 0) return { argument, transient: new Map() };
  const { network, privateKey } = to.configuration;
  const sealed = await sealPrivate(values, { network, argument, publicKey: privateKey.publicKey });
  return { argument, transient: new Map([[PRIVATE_FIELD, sealed]]) };
}

/** One endorsement of `submit` on a state, with what the peer recorded. */
export async function endorse(
  endorser: Endorser,
  state: ReadonlyMap<string, Json>,
  proposal: Partial<Invocation> & { readonly argument?: Uint8Array; readonly creator: string },
): Promise<{ readonly answer: Answer; readonly text: string; readonly peer: MemoryPeer }> {
  const peer = new MemoryPeer(state);
  const { argument, ...rest } = proposal;
  const answer = await invoke(endorser, {
    channel: 'channel',
    functionName: SUBMIT_FUNCTION,
    args: argument === undefined ? [] : [argument],
    transient: new Map(),
    timestampMs: endorser.clock(),
    peer,
    ...rest,
  });
  return { answer, text: Buffer.from(answer.payload).toString('utf8'), peer };
}

export function callsOf(calls: readonly TestCall[]): readonly SignedCall[] {
  return calls.map(({ call }) => call);
}
