import {
  checkHeader,
  checkSignatures,
  checkTransaction,
  type NodeSession,
  type ProvenTransaction,
  readCheckpoint,
  type SignedHeader,
} from '@salus/client';
import type { Json } from '@salus/crypto';
import type { Checkpoint } from '@salus/ledger';
import type { Command } from 'commander';
import { EXIT } from '../exit-codes.ts';
import { asAnybody, asStaff } from '../node-session.ts';
import { integer, walletOption } from '../options.ts';
import type { Act } from '../program.ts';
import { table, when } from '../terminal.ts';

const BLOCK_MAX = Number.MAX_SAFE_INTEGER;
const PAGE_MAX = 100;
const ENTRIES_MAX = 200;

interface AsWallet {
  readonly wallet?: string;
}
interface Page extends AsWallet {
  readonly from?: number;
  readonly limit: number;
}
interface ShownBlock extends SignedHeader {
  readonly transactions: readonly {
    readonly callId: string;
    readonly index: number;
    readonly timestampMs: number;
    readonly call: {
      readonly payload: { readonly contract: string; readonly transaction: string; readonly signer: string };
    };
    readonly outcome:
      | { readonly kind: 'committed' | 'distrusted' }
      | { readonly kind: 'refused'; readonly code: string };
  }[];
}

/** `salus ledger …`: what every member and patient may read of the ledger, with the proofs checked here. */
export function addLedgerCommands(program: Command, act: Act): void {
  const ledger = program.command('ledger').description('Read the ledger; no name or health data is on it.');
  addBlocks(ledger, act);
  addTransactions(ledger, act);
  addTransaction(ledger, act);
  addState(ledger, act);
  addHistory(ledger, act);
  addCheckpoint(ledger, act);
  addAlarms(ledger, act);
}

function addBlocks(ledger: Command, act: Act): void {
  const command = ledger
    .command('blocks')
    .description('The newest blocks, or those from a number on; hashes, links and signatures are checked.');
  act<Page>(paged(command), 'salus ledger blocks --from 0 --limit 5 --as a.rossi', async (context, options) => {
    const { blocks, height } = await asAnybody(context, options.wallet, (session) => readBlocks(session, options));
    const rows = blocks.map(({ header, hash }) => [
      String(header.number),
      when(header.timestampMs),
      String(header.count),
      hash,
    ]);
    const text = `${table(['block', 'time', 'calls', 'hash'], rows)}\nThe newest block is ${height}.`;
    context.terminal.result(text, {
      height,
      blocks: blocks.map(({ header, hash, signature }) => ({ header, hash, signature })),
    });
    return EXIT.ok;
  });
}

function addTransactions(ledger: Command, act: Act): void {
  const command = ledger
    .command('transactions')
    .description('The calls in the newest blocks, or in those from a number on.');
  act<Page>(paged(command), 'salus ledger transactions --limit 3 --as a.rossi', async (context, options) => {
    const { blocks } = await asAnybody(context, options.wallet, (session) => readBlocks(session, options));
    const calls = blocks.flatMap(({ header, transactions }) =>
      transactions.map(({ callId, index, timestampMs, call, outcome }) => ({
        block: header.number,
        index,
        timestampMs,
        callId,
        transaction: `${call.payload.contract}.${call.payload.transaction}`,
        signer: call.payload.signer,
        outcome: outcome.kind === 'refused' ? outcome.code : outcome.kind,
      })),
    );
    const rows = calls.map(({ block, index, timestampMs, transaction, outcome, callId }) => [
      `${block}/${index}`,
      when(timestampMs),
      transaction,
      outcome,
      callId,
    ]);
    context.terminal.result(table(['place', 'time', 'transaction', 'outcome', 'call id'], rows), {
      transactions: calls,
    });
    return EXIT.ok;
  });
}

function addTransaction(ledger: Command, act: Act): void {
  const command = ledger
    .command('transaction')
    .argument('<call-id>')
    .description('One call, with the proof that its block holds it, checked here.')
    .addOption(walletOption('anybody'));
  act<AsWallet>(command, 'salus ledger transaction 1bTz… --as a.rossi', async (context, options, [callId = '']) => {
    const found = await asAnybody(context, options.wallet, ({ api, token }) =>
      api.send<ProvenTransaction>({
        method: 'GET',
        path: `/api/v1/ledger/transactions/${encodeURIComponent(callId)}`,
        token,
      }),
    );
    checkTransaction(found);
    const { transaction } = found;
    const text = [
      `Call ${transaction.callId} stands in block ${transaction.block} at place ${transaction.index}, ${when(transaction.timestampMs)}.`,
      'Proof checked: its leaf is in the block’s tree, and the ledger’s key signed the block.',
      JSON.stringify({ call: transaction.call, outcome: transaction.outcome }, null, 2),
    ].join('\n');
    context.terminal.result(text, { ...found, proof: 'valid' });
    return EXIT.ok;
  });
}

function addState(ledger: Command, act: Act): void {
  const command = ledger
    .command('state')
    .argument('<key>')
    .description('The value of a key of the world state; with --prefix every key that begins so.')
    .option('--prefix', 'list the keys that begin with <key>')
    .option('--after <key>', 'go on after this key of the list')
    .option('--limit <count>', 'how many keys to list', integer(1, ENTRIES_MAX), 50)
    .addOption(walletOption('anybody'));
  interface Options extends AsWallet {
    readonly prefix?: boolean;
    readonly after?: string;
    readonly limit: number;
  }
  act<Options>(command, 'salus ledger state membership/network --as a.rossi', async (context, options, [key = '']) => {
    const { prefix, after, limit } = options;
    const answer = await asAnybody(context, options.wallet, ({ api, token }) =>
      prefix === true
        ? api.send<object>({
            method: 'GET',
            path: '/api/v1/ledger/entries',
            query: { prefix: key, after, limit },
            token,
          })
        : api.send<object>({ method: 'GET', path: '/api/v1/ledger/state', query: { key }, token }),
    );
    context.terminal.result(JSON.stringify(answer, null, 2), answer);
    return EXIT.ok;
  });
}

function addHistory(ledger: Command, act: Act): void {
  const command = ledger
    .command('history')
    .argument('<key>')
    .description('The values that a key had, newest first, each with the call that wrote it.')
    .option('--before <block/place>', 'go on before this place')
    .option('--limit <count>', 'how many values', integer(1, ENTRIES_MAX), 20)
    .addOption(walletOption('anybody'));
  interface Options extends AsWallet {
    readonly before?: string;
    readonly limit: number;
  }
  act<Options>(
    command,
    'salus ledger history membership/network --as a.rossi',
    async (context, options, [key = '']) => {
      const { before, limit } = options;
      const { versions } = await asAnybody(context, options.wallet, ({ api, token }) =>
        api.send<{
          versions: readonly { block: number; index: number; timestampMs: number; callId: string; value: Json }[];
        }>({ method: 'GET', path: '/api/v1/ledger/history', query: { key, before, limit }, token }),
      );
      const rows = versions.map(({ block, index, timestampMs, callId, value }) => [
        `${block}/${index}`,
        when(timestampMs),
        callId,
        value === null ? '(deleted)' : JSON.stringify(value),
      ]);
      context.terminal.result(table(['place', 'time', 'call id', 'value'], rows), { key, versions });
      return EXIT.ok;
    },
  );
}

function addCheckpoint(ledger: Command, act: Act): void {
  const command = ledger
    .command('checkpoint')
    .description('The newest checkpoint. Keep it: `salus verify --checkpoint FILE` finds with it what was cut off.')
    .addOption(walletOption('anybody'));
  act<AsWallet>(command, 'salus --json ledger checkpoint --as a.rossi > checkpoint.json', async (context, options) => {
    const { checkpoint, signatures } = await asAnybody(context, options.wallet, async (session) => {
      const found: Checkpoint = (await readCheckpoint(session)).checkpoint;
      return { checkpoint: found, signatures: await checkSignatures(session, found) };
    });
    const signers = checkpoint.signatures.map(({ organisation }) => organisation).join(', ');
    const text = `Block ${checkpoint.number}, hash ${checkpoint.hash}\nSigned by ${signers} (${signatures} signatures checked).`;
    context.terminal.result(text, { checkpoint });
    return EXIT.ok;
  });
}

function addAlarms(ledger: Command, act: Act): void {
  const command = ledger
    .command('alarms')
    .description(
      'As administrator or privacy officer: transactions in blocks that should not be there, as your own node found when it checked every block. Exit code 1 where there are any.',
    )
    .addOption(walletOption('staff'));
  interface Alarm {
    readonly block: number;
    readonly transaction: string | null;
    readonly code: string;
    readonly keys: readonly string[];
    readonly detail: string;
  }
  act<AsWallet>(command, 'salus ledger alarms --as hospital-a.admin', async (context, options) => {
    const { alarms, total } = await asStaff(context, options, ({ session: { api, organisation, token } }) =>
      api.send<{ readonly total: number; readonly alarms: readonly Alarm[] }>({
        method: 'GET',
        path: `/api/v1/orgs/${organisation}/alarms`,
        token,
      }),
    );
    const rows = alarms.map(({ block, transaction, code, keys, detail }) => [
      String(block),
      code,
      String(keys.length),
      detail,
      transaction ?? '',
    ]);
    const text =
      total === 0
        ? 'Every block is as it should be.'
        : `${table(['block', 'code', 'keys', 'what', 'transaction'], rows)}\n${total} in all: nothing that rests on these keys is released. Talk to the other members.`;
    context.terminal.result(text, { total, alarms });
    return total === 0 ? EXIT.ok : EXIT.refused;
  });
}

function paged(command: Command): Command {
  return command
    .option('--from <block>', 'first block (default: so that the newest is the last)', integer(0, BLOCK_MAX))
    .option('--limit <count>', 'how many blocks', integer(1, PAGE_MAX), 10)
    .addOption(walletOption('anybody'));
}

async function readBlocks(
  { api, token }: NodeSession,
  { from, limit }: Page,
): Promise<{ readonly height: number; readonly blocks: readonly ShownBlock[] }> {
  const read = (first: number, count: number) =>
    api.send<{ readonly height: number; readonly blocks: readonly ShownBlock[] }>({
      method: 'GET',
      path: '/api/v1/ledger/blocks',
      query: { from: first, limit: count },
      token,
    });
  const first = from ?? Math.max(0, (await read(0, 1)).height - limit + 1);
  const answer = await read(first, limit);
  for (const block of answer.blocks) checkHeader(block);
  return answer;
}
