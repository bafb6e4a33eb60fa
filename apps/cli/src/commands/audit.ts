import {
  type AuditEvent,
  type CheckedLine,
  checkLines,
  checkLogRoot,
  type GivenLine,
  type NodeSession,
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
      'A patient: who read, wrote or was refused what of yours, why and when, newest first; every line is checked here against the log’s root on the ledger, and the ledger against the last checkpoint that this wallet has seen. A privacy officer: the organisation’s own log.',
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
    const lines = await readCheckedLines(session, pid, { limit: options.limit, nowMs: context.nowMs() });
    const ledger = await keepCheckpoint(session, opened);
    opened = {
      ...opened,
      stored: { ...opened.stored, content: { ...opened.stored.content, checkpoint: ledger.kept } },
    };
    return { organisation, pid, lines, ledger };
  });
  const text = logs.map(describeLog).join('\n\n');
  const json = logs.map(({ ledger, ...log }) => ({ ...log, checkpoint: ledger.checkpoint, followed: ledger.followed }));
  context.terminal.result(text, { logs: json });
  return EXIT.ok;
}

async function readCheckedLines(
  session: NodeSession,
  pid: string,
  { limit, nowMs }: { readonly limit: number; readonly nowMs: number },
): Promise<readonly CheckedLine[]> {
  const { api, organisation, token } = session;
  const lines: CheckedLine[] = [];
  let before: number | undefined;
  while (lines.length < limit) {
    const page = await api.send<{ readonly root: LogRootFact | null; readonly lines: readonly GivenLine[] }>({
      method: 'GET',
      path: `/api/v1/orgs/${organisation}/patient/audit`,
      query: { before, limit: Math.min(PAGE_MAX, limit - lines.length) },
      token,
    });
    const root = await checkLogRoot(session, page.root);
    lines.push(...(await checkLines(session, page.lines, { root, pid, before, nowMs })));
    const last = lines.at(-1)?.pidSeq ?? 1;
    if (page.lines.length === 0 || last <= 1) break;
    before = last;
  }
  return lines;
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
  const pending = lines.filter(({ proof }) => proof === 'pending').length;
  const { checkpoint, followed } = ledger;
  const since = followed ? ', which leads on from the last one that this wallet has seen' : '';
  return [
    `At ${organisation}: ${lines.length} lines, ${lines.length - pending} proven by the ledger${pending === 0 ? '' : `, ${pending} too new for a proof`}; checkpoint of block ${checkpoint.number}${since}.`,
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
