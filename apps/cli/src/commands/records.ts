import { existsSync, readFileSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import {
  type Chart,
  type ListedRecord,
  listOwnRecords,
  listUsable,
  type NodeSession,
  openReading,
  type ReadingSession,
  type ReadResource,
  readChart,
  readContents,
  readRecord,
  type StaffAtWork,
  type UsableGrant,
} from '@salus/client';
import { type Json, type Purpose, parseTerms } from '@salus/contracts';
import { parseJson } from '@salus/crypto';
import type { Command } from 'commander';
import { CliError } from '../cli-error.ts';
import type { CommandContext } from '../command-context.ts';
import { EXIT } from '../exit-codes.ts';
import { asStaff } from '../node-session.ts';
import { accountOption, list, walletOption } from '../options.ts';
import { forEachPid, openPatientAtHome } from '../patient-node.ts';
import type { Act } from '../program.ts';
import { table, when } from '../terminal.ts';
import { openWallet } from '../wallet-files.ts';
import { keepRecords } from './kept.ts';
import { demandCategories, purposesOption } from './request.ts';

const GRANTS_BYTES_MAX = 4 * 1024 * 1024;

export interface RecordsOptions {
  readonly wallet?: string;
  readonly account?: string;
  readonly at?: string;
  readonly grant?: string;
  readonly token?: string;
  readonly session?: string;
  readonly purposes?: readonly Purpose[];
  readonly categories?: readonly string[];
  readonly content?: boolean;
  readonly keep?: boolean;
}

/** `salus records`: a patient's own, a member of staff's at home, or another organisation's under a grant. */
export function addRecordsCommand(program: Command, act: Act): void {
  const command = program
    .command('records')
    .argument('[record]', 'one record with its content: a record id, or at home <Type>/<id>')
    .description(
      'List records; their content only with --content or a record’s id. A patient reads their own. Staff read under a grant: the signed request opens a session of at most 15 minutes, every record is checked against the ledger before it is shown.',
    )
    .option('--at <organisation>', 'only records at this organisation')
    .option('--grant <id>', 'staff: which grant to use (default: the only one; see `salus grants`)')
    .option('--token <file>', 'staff: a grant as `salus --json grants` printed it, instead of --grant')
    .option('--session <id>', 'staff: read in a session that is open already')
    .addOption(purposesOption())
    .option('--categories <list>', 'staff: only these categories of the grant', list)
    .option('--content', 'show the content of every record, and of what it names')
    .option('--keep', 'staff: keep copies in your own organisation, where the grant allows it (see `salus kept`)')
    .addOption(walletOption('anybody'))
    .addOption(accountOption());
  act<RecordsOptions>(command, 'salus records --content --as b.novak', async (context, options, [record]) => {
    if (options.categories !== undefined) demandCategories(options.categories);
    const { stored } = await openWallet(context, options.wallet);
    if (stored.kind === 'patient') return tellOwn(context, options, record);
    await asStaff(context, options, (staff) =>
      record?.includes('/') === true
        ? tellAtHome(context, staff, record)
        : tellGranted(context, staff, options, record),
    );
    return EXIT.ok;
  });
}

async function tellOwn(
  context: CommandContext,
  options: RecordsOptions,
  record: string | undefined,
): Promise<typeof EXIT.ok> {
  const home = await openPatientAtHome(context, options);
  const perPid = await forEachPid(context, home, async (session) => {
    const listed = await listOwnRecords(session);
    const wanted = options.content === true ? listed : listed.filter(({ recordId }) => recordId === record);
    const contents: ReadResource[] = [];
    for (const { recordId, type } of wanted) {
      contents.push({ recordId, reference: type, text: await readOwn(session, recordId) });
    }
    return { organisation: session.organisation, records: listed, contents };
  });
  if (record !== undefined && perPid.every(({ contents }) => contents.length === 0)) throw noSuchRecord();
  const rows = perPid.flatMap(({ organisation, records }) => records.map((listed) => [organisation, ...rowOf(listed)]));
  const contents = perPid.flatMap((one) => one.contents);
  const text = contents.length > 0 ? contents.map((one) => one.text).join('\n') : table(['at', ...HEADINGS], rows);
  context.terminal.result(text, { organisations: perPid });
  return EXIT.ok;
}

async function readOwn({ api, organisation, token }: NodeSession, recordId: string): Promise<string> {
  const path = `/api/v1/orgs/${organisation}/patient/records/${encodeURIComponent(recordId)}`;
  return api.sendText({ method: 'GET', path, token });
}

async function tellAtHome(context: CommandContext, { session }: StaffAtWork, reference: string): Promise<void> {
  const { api, organisation, token } = session;
  const path = reference.split('/').map(encodeURIComponent).join('/');
  const text = await api.sendText({ method: 'GET', path: `/${organisation}/fhir/R4/${path}`, token });
  context.terminal.result(text, { reference, text });
}

async function tellGranted(
  context: CommandContext,
  staff: StaffAtWork,
  options: RecordsOptions,
  record: string | undefined,
): Promise<void> {
  const reading = await openOrResume(context, staff, options);
  if (record !== undefined) {
    const text = await readRecord(staff.session, reading.session, record);
    context.terminal.result(text, { ...reading, recordId: record, text });
    return;
  }
  const { content = false, keep = false } = options;
  await tellReading(context, staff, { reading, content, keep });
}

/** Shows what an open session may read; its content only when that was asked for. */
export async function tellReading(
  { terminal }: CommandContext,
  { session }: StaffAtWork,
  {
    reading,
    content,
    keep = false,
  }: {
    readonly reading: Partial<ReadingSession> & Pick<ReadingSession, 'session'>;
    readonly content: boolean;
    readonly keep?: boolean;
  },
): Promise<void> {
  const chart = await readChart(session, reading.session, true);
  const { records } = chart;
  let contents: readonly ReadResource[] = [];
  if (content) {
    const progress = terminal.progress('records', records.length);
    contents = await readContents(session, reading.session, records, (done) => progress.at(done));
    progress.end();
  }
  if (keep) await keepRecords(session, reading.session, records);
  const text = content ? contents.map((one) => one.text).join('\n') : describe(chart);
  terminal.say(describeCompleteness(reading, chart));
  if (keep) terminal.say(`Copies of ${records.length} records are kept: \`salus kept PID\`.`);
  terminal.result(text, { ...reading, ...chart, contents });
}

async function openOrResume(
  context: CommandContext,
  staff: StaffAtWork,
  { session, grant, token: file, at, purposes = ['TREAT'], categories }: RecordsOptions,
): Promise<Partial<ReadingSession> & Pick<ReadingSession, 'session'>> {
  if (session !== undefined) return { session };
  const held =
    file === undefined ? await listUsable(staff.session) : readGrants(resolve(context.workingDirectory, file));
  const token = chooseGrant(held, { grant, at });
  const [purpose = 'TREAT', ...others] = purposes;
  if (others.length > 0) context.terminal.say(`A session has one purpose: ${purpose}.`);
  return openReading(staff, { token, purpose, categories: categories ?? token.terms.categories });
}

function readGrants(file: string): readonly UsableGrant[] {
  const bad = (cause?: unknown): CliError => new CliError('bad-file', `${file} holds no grants.`, { cause });
  if (!existsSync(file) || statSync(file).size > GRANTS_BYTES_MAX) throw bad();
  let value: { readonly grants?: readonly Partial<UsableGrant>[] } | null;
  try {
    value = parseJson(readFileSync(file), { sizeMax: GRANTS_BYTES_MAX, depthMax: 12 }) as unknown as typeof value;
  } catch (cause) {
    throw bad(cause);
  }
  return (value?.grants ?? []).map(({ terms, salt, authorOrganisation }) => {
    if (typeof salt !== 'string' || typeof authorOrganisation !== 'string') throw bad();
    return { terms: parseTerms(terms as unknown as Json, 'terms'), salt, authorOrganisation };
  });
}

function chooseGrant(
  usable: readonly UsableGrant[],
  { grant, at }: { readonly grant: string | undefined; readonly at: string | undefined },
): UsableGrant {
  const fitting = usable.filter(
    ({ terms, authorOrganisation }) =>
      (grant === undefined || terms.grant === grant) && (at === undefined || authorOrganisation === at),
  );
  const [only] = fitting;
  if (only !== undefined && fitting.length === 1) return only;
  if (only === undefined) {
    throw new CliError('grant-unknown', 'You hold no such grant that is still active.', {
      exit: EXIT.refused,
      next: 'See `salus grants`; ask the patient with `salus request`.',
    });
  }
  const known = fitting.map(({ terms, authorOrganisation }) => `${terms.grant} (${authorOrganisation})`);
  throw new CliError('grant-not-named', 'You hold several grants.', {
    next: `Name one with --grant: ${known.join(', ')}.`,
  });
}

const HEADINGS = ['record', 'version', 'type', 'category', 'label', 'time'];

function rowOf({ recordId, version, type, category, labelClass, dataFromMs }: ListedRecord): readonly string[] {
  return [recordId, String(version), type, category, labelClass, dataFromMs === null ? '' : when(dataFromMs)];
}

function describe({ records }: Chart): string {
  return table(HEADINGS, records.map(rowOf));
}

function describeCompleteness({ session, untilMs }: Partial<ReadingSession>, { pairs, records }: Chart): string {
  const withheld = pairs.reduce((sum, pair) => sum + pair.withheld, 0);
  const until = untilMs === undefined ? '' : ` until ${when(untilMs)}`;
  const complete =
    withheld === 0
      ? 'complete in the granted categories, as the ledger proves'
      : `${withheld} more exist that the terms do not open`;
  return `Session ${session}${until}: ${records.length} records, ${complete}.`;
}

function noSuchRecord(): CliError {
  return new CliError('not-found', 'You have no such record.', {
    exit: EXIT.refused,
    next: 'List them: `salus records`.',
  });
}
