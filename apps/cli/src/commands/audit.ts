import {
  type AuditEvent,
  type CheckedLine,
  checkLines,
  checkLogProof,
  type GivenLine,
  type NodeSession,
  readLogProof,
  type SeenLedger,
} from '@salus/client';
import type { LogRootFact } from '@salus/contracts';
import type { Command } from 'commander';
import type { CommandContext } from '../command-context.ts';
import { EXIT } from '../exit-codes.ts';
import { asStaff } from '../node-session.ts';
import { integer, walletOption } from '../options.ts';
import { forEachPid, keepCheckpoint, openPatientAtHome, type PatientOptions } from '../patient-node.ts';
import type { Act } from '../program.ts';
import { table, when } from '../terminal.ts';
import { openWallet } from '../wallet-files.ts';

const LINES_MAX = 10_000;
const PAGE_MAX = 200;

interface AuditOptions extends PatientOptions {
  readonly limit: number;
}

/** `salus audit`: who read what, why and when; a patient's lines are proven against the ledger here. */
export function addAuditCommand(program: Command, act: Act): void {
  const command = program
    .command('audit')
    .description(
      'A patient: who read, wrote or was refused what of yours, why and when, newest first; every line is checked here against the log’s root on the ledger, and the ledger, block by block from that root, against the last checkpoint that this wallet has seen. `told` is a line that all fits, but whose ledger only this node vouches for. A privacy officer: the organisation’s own log.',
    )
    .option('--at <organisation>', 'only the log of this organisation')
    .option('--limit <count>', 'how many lines of each log', integer(1, LINES_MAX), 50)
    .addOption(walletOption('anybody'));
  act<AuditOptions>(command, 'salus audit --as ann', async (context, options) => {
    const { stored } = await openWallet(context, options.wallet);
    return stored.kind === 'staff' ? tellOrganisation(context, options) : tellPatient(context, options);
  });
}

interface CheckedLog {
  readonly organisation: string;
  readonly pid: string;
  readonly lines: readonly CheckedLine[];
  readonly ledger: SeenLedger;
}

async function tellPatient(context: CommandContext, options: AuditOptions): Promise<typeof EXIT.ok> {
  const home = await openPatientAtHome(context, options);
  let { opened } = home;
  const logs = await forEachPid(context, home, async (session, { pid, organisation }): Promise<CheckedLog> => {
    const follow = async (): Promise<SeenLedger> => {
      const ledger = await keepCheckpoint(session, opened);
      const content = { ...opened.stored.content, checkpoint: ledger.kept };
      opened = { ...opened, stored: { ...opened.stored, content } };
      return ledger;
    };
    const checked = await readCheckedLines(session, { pid, limit: options.limit, nowMs: context.nowMs(), follow });
    return { organisation, pid, ...checked };
  });
  const text = logs.map(describeLog).join('\n\n');
  const json = logs.map(({ ledger, ...log }) => ({ ...log, checkpoint: ledger.checkpoint, followed: ledger.followed }));
  context.terminal.result(text, { logs: json });
  return EXIT.ok;
}

interface LogQuestion {
  readonly pid: string;
  readonly limit: number;
  readonly nowMs: number;
  /** Compares the newest checkpoint with the wallet's and keeps it. */
  follow(): Promise<SeenLedger>;
}

async function readCheckedLines(
  session: NodeSession,
  { pid, limit, nowMs, follow }: LogQuestion,
): Promise<Pick<CheckedLog, 'lines' | 'ledger'>> {
  const { api, organisation, token } = session;
  const lines: CheckedLine[] = [];
  let before: number | undefined;
  for (;;) {
    const page = await api.send<{ readonly root: LogRootFact | null; readonly lines: readonly GivenLine[] }>({
      method: 'GET',
      path: `/api/v1/orgs/${organisation}/patient/audit`,
      query: { before, limit: Math.min(PAGE_MAX, limit - lines.length) },
      token,
    });
    const ledger = await follow();
    const isAnchored = page.root !== null && (await isRootAnchored(session, page.root, ledger));
    const root = page.root ?? undefined;
    lines.push(...(await checkLines(session, page.lines, { root, isAnchored, pid, before, nowMs })));
    const last = lines.at(-1)?.pidSeq ?? 1;
    if (page.lines.length === 0 || last <= 1 || lines.length >= limit) return { lines, ledger };
    before = last;
  }
}

/** Whether blocks lead from the root to the very checkpoint that was compared with the wallet's. */
async function isRootAnchored(session: NodeSession, root: LogRootFact, ledger: SeenLedger): Promise<boolean> {
  const { checkpoint, isAnchored, kept } = ledger;
  const proof = await readLogProof(session, root, checkpoint);
  const expected = { network: checkpoint.network, seen: kept, anchor: isAnchored ? kept : null };
  return checkLogProof(proof, expected).isAnchored;
}

function describeLog({ organisation, lines, ledger }: CheckedLog): string {
  const rows = lines.map(({ event, proof, signedByReader }) => [
    when(event.atMs),
    event.kind,
    describeWho(event),
    event.purpose ?? '',
    event.outcome,
    event.records.length === 0 ? '' : String(event.records.length),
    event.grant ?? '',
    `${proof}${signedByReader === true ? ', signed' : signedByReader === false ? ', SIGNATURE WRONG' : ''}`,
  ]);
  const countOf = (state: CheckedLine['proof']): number => lines.filter(({ proof }) => proof === state).length;
  const [proven, told, pending] = [countOf('proven'), countOf('told'), countOf('pending')];
  const { checkpoint, followed } = ledger;
  const since = followed ? ', which leads on from the last one that this wallet has seen' : '';
  return [
    `At ${organisation}: ${lines.length} lines, ${proven} proven by the ledger${told === 0 ? '' : `, ${told} as far as this node’s own word goes`}${pending === 0 ? '' : `, ${pending} too new for a proof`}; checkpoint of block ${checkpoint.number}${since}.`,
    table(['when', 'what', 'who', 'why', 'outcome', 'records', 'grant', 'proof'], rows),
  ].join('\n');
}

function describeWho({ who, exchange }: AuditEvent): string {
  if (who === null) return exchange === undefined ? '' : exchange.peer;
  switch (who.kind) {
    case 'patient':
      return 'you';
    case 'member':
      return `${who.organisation} ${who.roles.join('/')} ${who.id}`;
  }
}

async function tellOrganisation(context: CommandContext, options: AuditOptions): Promise<typeof EXIT.ok> {
  const lines = await asStaff(context, options, ({ session: { api, organisation, token } }) =>
    readOrganisationLines({ api, organisation, token }, options.limit),
  );
  const rows = lines.map(({ seq, event }) => [
    String(seq),
    when(event.atMs),
    event.kind,
    event.pid ?? '',
    describeWho(event),
    event.purpose ?? '',
    event.outcome,
    event.records.length === 0 ? '' : String(event.records.length),
  ]);
  context.terminal.result(table(['line', 'when', 'what', 'pid', 'who', 'why', 'outcome', 'records'], rows), { lines });
  return EXIT.ok;
}

/** A line of the organisation's own log, for its privacy officer. */
export interface OrganisationLine {
  readonly seq: number;
  readonly event: AuditEvent;
}

export async function readOrganisationLines(
  { api, organisation, token }: NodeSession,
  limit: number,
): Promise<readonly OrganisationLine[]> {
  const lines: OrganisationLine[] = [];
  while (lines.length < limit) {
    const before = lines.at(-1)?.seq;
    const page = await api.send<{ readonly lines: readonly OrganisationLine[] }>({
      method: 'GET',
      path: `/api/v1/orgs/${organisation}/audit`,
      query: { before, limit: Math.min(PAGE_MAX, limit - lines.length) },
      token,
    });
    lines.push(...page.lines);
    if (page.lines.length === 0) break;
  }
  return lines;
}
