import { type ListedRecord, type NodeSession, readState } from '@salus/client';
import { type BatchFact, batchKey } from '@salus/contracts';
import { fromBase64url, hashTuple, leafHash, sha256, toBase64url, utf8, verifyInclusion } from '@salus/crypto';
import type { Command } from 'commander';
import { CliError } from '../cli-error.ts';
import { EXIT } from '../exit-codes.ts';
import { asStaff } from '../node-session.ts';
import { accountOption, id, walletOption } from '../options.ts';
import type { Act } from '../program.ts';
import { table, when } from '../terminal.ts';

/** Records of one request to keep. */
const KEEP_PAGE = 100;

interface KeptFacts {
  readonly pid: string;
  readonly author: string;
  readonly recordId: string;
  readonly version: number;
  readonly type: string;
  readonly keptMs: number;
}

interface KeptRecord extends KeptFacts {
  readonly text: string;
  readonly status: string;
  readonly proof: {
    readonly keyId: string;
    readonly callId: string;
    readonly leafIndex: number;
    readonly ciphertextHash: string;
    readonly contentHash: string;
    readonly proof: readonly string[];
    readonly salt: string;
  };
}

/** `salus kept`: copies that the reader's organisation keeps, proven without the author's node. */
export function addKeptCommand(program: Command, act: Act): void {
  interface Options {
    readonly wallet?: string;
    readonly account?: string;
  }
  const command = program
    .command('kept')
    .argument('<pid>', 'the patient’s pid at the author’s organisation', id)
    .argument('[record]', 'one copy with its content')
    .description(
      'What your organisation keeps of another one’s records (`salus records --keep`). A copy is proven here: its author committed exactly this text to the ledger, whether the author’s node is still there or not.',
    )
    .addOption(walletOption('staff'))
    .addOption(accountOption());
  act<Options>(command, 'salus kept f_Wa… --as b.novak', async (context, options, [pid = '', record]) => {
    await asStaff(context, options, async ({ session }) => {
      if (record === undefined) {
        const { kept } = await send<{ readonly kept: readonly KeptFacts[] }>(session, pid);
        const rows = kept.map(({ recordId, version, type, author, keptMs }) => [
          ...[recordId, String(version), type, author],
          when(keptMs),
        ]);
        context.terminal.result(table(['record', 'version', 'type', 'author', 'kept'], rows), { kept });
        return;
      }
      const found = await send<KeptRecord>(session, pid, record);
      await demandProven(session, found);
      const { author, version, status } = found;
      context.terminal.say(`Proof checked: ${author} committed exactly this text, version ${version}, now ${status}.`);
      context.terminal.result(found.text, { ...found, proven: true });
    });
    return EXIT.ok;
  });
}

/** Asks the reader's own node to keep what an open session may read; `denied` where the terms do not allow it. */
export async function keepRecords(
  { api, organisation, token }: NodeSession,
  reading: string,
  records: readonly Pick<ListedRecord, 'recordId'>[],
): Promise<void> {
  for (let from = 0; from < records.length; from += KEEP_PAGE) {
    await api.send({
      method: 'POST',
      path: `/api/v1/orgs/${organisation}/reads/${encodeURIComponent(reading)}/kept`,
      body: { records: records.slice(from, from + KEEP_PAGE).map(({ recordId }) => recordId) },
      token,
      repeatable: true,
    });
  }
}

function send<T>({ api, organisation, token }: NodeSession, ...names: readonly string[]): Promise<T> {
  const path = `/api/v1/orgs/${organisation}/kept/${names.map(encodeURIComponent).join('/')}`;
  return api.send<T>({ method: 'GET', path, token });
}

/** The leaf of DESIGN §5 from the text itself, and its place in the batch that the ledger holds. */
async function demandProven(session: NodeSession, { recordId, version, text, proof }: KeptRecord): Promise<void> {
  const { keyId, callId, ciphertextHash, contentHash, leafIndex: index } = proof;
  const content = sha256(Buffer.concat([fromBase64url(proof.salt), utf8(text)]));
  const named = hashTuple('leaf', recordId, version, keyId, ciphertextHash, contentHash);
  const batch = await readState<BatchFact>(session, batchKey(keyId, callId));
  const holds =
    toBase64url(content) === contentHash &&
    batch !== null &&
    verifyInclusion({
      leafHash: leafHash(fromBase64url(named)),
      ...{ index, size: batch.count, proof: proof.proof.map(fromBase64url), root: fromBase64url(batch.root) },
    });
  if (holds) return;
  throw new CliError('proof-invalid', 'The ledger does not hold this text as its author’s.', {
    exit: EXIT.refused,
    next: 'Keep this output and show it to another member.',
  });
}
