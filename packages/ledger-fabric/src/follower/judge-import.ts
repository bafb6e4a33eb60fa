import { writeTexts } from '@salus/ledger/store';
import type { EndorserTransaction } from '../block/transaction.ts';
import { type ImportResult, type ImportRun, runImport } from '../migration/import-run.ts';
import { importedText } from '../migration/import-wire.ts';
import { OK_STATUS } from '../wire.ts';
import type { JudgeContext, JudgedCall, Judgement } from './judge-transaction.ts';
import { Trial } from './trial.ts';
import { findWritesFault, type NamespaceFacts } from './writes.ts';

/**
 * Checks a transaction that took a part of an embedded ledger over: every member of the channel endorsed it, for each one's own
 * administrator has said which ledger that is, and its writes are those of calls which ran again here at their own times.
 */
export async function judgeImport(
  transaction: EndorserTransaction,
  facts: NamespaceFacts,
  context: JudgeContext,
): Promise<Judgement> {
  const { network, channel, record, runtime } = context;
  if (!isEndorsedByAll(context)) return alarm('not every member has endorsed it');
  const trial = new Trial(record.builder, record.distrust);
  trial.begin();
  const host = trial.host(network, record.pure);
  const result = await run({
    runtime: runtime(),
    network,
    channel,
    argument: transaction.args[1]!,
    state: { get: (key) => trial.get(key), range: host.range },
    takeOver: 'any',
  });
  if (trial.failure !== undefined) throw trial.failure.cause;
  if (result === undefined) return alarm('a call breaks its contract when it runs again');
  if (result.kind === 'refused') return alarm(`what it takes over is none of the ledger: ${result.code}`);
  const { status, payload } = transaction.response;
  if (status !== OK_STATUS || importedText(result.progress) !== Buffer.from(payload).toString('utf8')) {
    return alarm('the import has another outcome when it runs again');
  }
  const expected = new Map(writeTexts(result.writes).map(([key, text]) => [key, { text }]));
  const fault = findWritesFault(facts, expected);
  if (fault !== undefined) return alarm(fault);
  const tainted = trial.readsDistrusted;
  const calls = result.calls.map(({ call, outcome, timestampMs }): JudgedCall => {
    const written = outcome.kind === 'committed' ? writeTexts(outcome.writes) : [];
    return { call, outcome, written, tainted, timestampMs };
  });
  return { kind: 'justified', calls, marks: writeTexts(result.marks) };
}

/** Is it the committed call that ends an import? */
export function endsImport({ call, outcome }: JudgedCall): boolean {
  const { contract, transaction } = call.call.payload;
  return outcome.kind === 'committed' && contract === 'access' && transaction === 'migrated';
}

export function isEndorsedByAll({ members, endorsers }: JudgeContext): boolean {
  return members.every((member) => endorsers.includes(member));
}

/** Undefined where a contract breaks an invariant, or the replica could not be read. */
async function run(job: ImportRun): Promise<ImportResult | undefined> {
  try {
    return await runImport(job);
  } catch {
    // What the replica threw is in the trial; a contract's own words are not told.
    return undefined;
  }
}

function alarm(detail: string): Judgement {
  return { kind: 'alarm', code: 'import', detail, keys: [] };
}
