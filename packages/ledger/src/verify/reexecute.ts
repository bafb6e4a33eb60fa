import type { Host, Outcome } from '@salus/contracts';
import { callId, canonical } from '@salus/crypto';
import type { EmbeddedBlockHeader, TransactionBody } from '../block.ts';
import type { ContractRuntime } from '../contract-runtime.ts';
import { positionOf } from '../embedded/schema.ts';
import { createPure } from '../pure.ts';
import type { Finding } from './finding.ts';
import type { Timeline } from './timeline.ts';

/** Transactions whose contracts ran again, and those of a contract version that is not installed. */
export type Reexecution = { readonly compared: number; readonly otherVersion: number };

type Job = {
  readonly runtime: ContractRuntime;
  readonly timeline: Timeline;
  readonly findings: Finding[];
  readonly body: TransactionBody;
  readonly header: EmbeddedBlockHeader;
  readonly block: number;
  readonly index: number;
  readonly reexecution: Reexecution;
};

/** Runs the call again without private arguments on the state before it and compares what it did. */
export async function reexecuteTransaction(job: Job): Promise<Reexecution> {
  const { runtime, timeline, body, header, block, index } = job;
  const { compared, otherVersion } = job.reexecution;
  if (canonical(header.contracts) !== canonical(runtime.inUse)) return { compared, otherVersion: otherVersion + 1 };
  const position = positionOf(block, index);
  const pure = createPure();
  const payload = body.call.payload;
  pure.begin({ payload, callId: callId(payload as Parameters<typeof callId>[0]), signature: body.call.signature });
  const host: Host = {
    network: header.network,
    pure,
    get: (key) => timeline.get(key, position),
    range: (start, end, limit) => timeline.range(start, end, limit, position),
  };
  const message = await difference(runtime, host, body);
  if (message !== undefined) job.findings.push({ code: 'outcome', message, table: 'body', block, index });
  return { compared: compared + 1, otherVersion };
}

async function difference(runtime: ContractRuntime, host: Host, body: TransactionBody): Promise<string | undefined> {
  const { call, outcome, timestampMs } = body;
  let again: Outcome;
  try {
    again = await runtime.execute(host, { call, timestampMs, mode: 'public' });
  } catch (error) {
    return `running the call again breaks the contract: ${error instanceof Error ? error.name : 'unknown'}`;
  }
  if (outcome.kind === 'refused') {
    // What was checked on private arguments cannot be checked again without them.
    if (call.payload.privateHash !== undefined) return undefined;
    return again.kind === 'refused' && again.code === outcome.code
      ? undefined
      : `refused as ${outcome.code}, not so again`;
  }
  if (again.kind !== 'committed') return `committed, but run again it is ${again.kind}`;
  const { result, writes, events } = again;
  const stored = { result: outcome.result, writes: outcome.writes, events: outcome.events };
  const isSame = canonical(stored as never) === canonical({ result, writes, events } as never);
  return isSame ? undefined : 'run again, the call gives another result or writes other values';
}
