import { type Committed, listRequests, type StaffAtWork } from '@salus/client';
import { type Grantee, PURPOSES, type Purpose, type RequestTerms } from '@salus/contracts';
import { CATEGORIES } from '@salus/fhir';
import { accessRequest } from '@salus/wallet';
import type { Command } from 'commander';
import { Option } from 'commander';
import { CliError } from '../cli-error.ts';
import { EXIT } from '../exit-codes.ts';
import { asStaff } from '../node-session.ts';
import { accountOption, id, list, timeMs, walletOption } from '../options.ts';
import { forEachPid, openPatientAtHome, type PatientOptions } from '../patient-node.ts';
import type { Act } from '../program.ts';
import { when } from '../terminal.ts';

interface RequestOptions {
  readonly pid?: string;
  readonly patient?: string;
  readonly categories: readonly string[];
  readonly purposes?: readonly Purpose[];
  readonly for: string;
  readonly until?: number;
  readonly text: string;
  readonly wallet?: string;
  readonly account?: string;
}

/** `salus request` for staff and `salus requests` for the patient who reads them. */
export function addRequestCommands(program: Command, act: Act): void {
  addRequest(program, act);
  addRequests(program, act);
}

function addRequest(program: Command, act: Act): void {
  const command = program
    .command('request')
    .description(
      'Ask a patient of your organisation for access to records, wherever they lie. Only the patient reads what was asked; the ledger holds a commitment.',
    )
    .option('--patient <id>', 'id of the Patient resource at your organisation')
    .option('--pid <pid>', 'the pid, instead of --patient', id)
    .requiredOption('--categories <list>', `what is asked for: ${CATEGORIES.join(', ')}`, list)
    .addOption(purposesOption())
    .option('--for <who>', 'who would read: person (you), organisation, role:<role>, study:<study>', 'person')
    .option('--until <date>', 'until when access is wanted', timeMs)
    .option('--text <words>', 'what you tell the patient', '')
    .addOption(walletOption('staff'))
    .addOption(accountOption());
  const example =
    'salus request --patient 7c1… --categories laboratory,medication --text "Before surgery" --as b.novak';
  act<RequestOptions>(command, example, async (context, options) => {
    demandCategories(options.categories);
    const sent = await asStaff(context, options, async (staff) => {
      const pid = options.pid ?? (await pidOf(staff, options.patient));
      const prepared = await accessRequest(staff.wallet, staff.occasion, {
        pid,
        grantee: granteeOf(staff, options.for),
        categories: options.categories,
        purposes: options.purposes ?? ['TREAT'],
        notAfterMs: options.until ?? null,
        text: options.text,
      });
      const { api, organisation, token } = staff.session;
      const { callId, block } = await api.send<Committed>({
        method: 'POST',
        path: `/api/v1/orgs/${organisation}/requests`,
        body: { call: prepared.call, privateArgs: prepared.privateArgs },
        token,
        repeatable: true,
      });
      return { request: prepared.request, pid, callId, block };
    });
    const text = `Request ${sent.request} waits for the patient (block ${sent.block}). Once answered: salus grants --as …`;
    context.terminal.result(text, sent);
    return EXIT.ok;
  });
}

function addRequests(program: Command, act: Act): void {
  const command = program
    .command('requests')
    .description('Who asked you for access, for what, and how it was answered.')
    .option('--at <organisation>', 'only requests of this organisation')
    .option('--open', 'only those that wait for an answer')
    .addOption(walletOption('patient'));
  act<PatientOptions & { readonly open?: boolean }>(command, 'salus requests --as ann', async (context, options) => {
    const home = await openPatientAtHome(context, options);
    const perPid = await forEachPid(context, home, async (session) =>
      (await listRequests(session)).map((request) => ({ organisation: session.organisation, ...request })),
    );
    const requests = perPid.flat().filter(({ status }) => options.open !== true || status === 'open');
    const text = requests.map(({ asked, status, createdMs, requester }) =>
      [
        `${asked.request}  ${status}, ${when(createdMs)}`,
        `  ${describeAsked(asked)}`,
        `  asked by ${requester}${asked.text === '' ? '' : `: “${asked.text}”`}`,
      ].join('\n'),
    );
    context.terminal.result(text.length === 0 ? 'Nobody has asked.' : text.join('\n'), { requests });
    return EXIT.ok;
  });
}

/** A request in words. */
export function describeAsked({ grantee, categories, purposes, notAfterMs }: RequestTerms): string {
  const until = notAfterMs === null ? '' : ` until ${when(notAfterMs)}`;
  return `${describeGrantee(grantee)} would read ${categories.join(', ')} for ${purposes.join(', ')}${until}`;
}

export function describeGrantee(grantee: Grantee): string {
  switch (grantee.kind) {
    case 'organisation':
      return `everybody at ${grantee.organisation}`;
    case 'role':
      return `every ${grantee.role} at ${grantee.organisation}`;
    case 'person':
      return `person ${grantee.id} at ${grantee.organisation}`;
    case 'client':
      return `system ${grantee.id} at ${grantee.organisation}`;
    case 'study':
      return `study ${grantee.study} at ${grantee.organisation}`;
    case 'card':
      return 'whoever holds the emergency card';
  }
}

export function purposesOption(): Option {
  return new Option('--purpose, --purposes <list>', 'HL7 v3 PurposeOfUse codes: TREAT, ETREAT, HRESCH, HPAYMT …')
    .argParser((value: string, before: readonly string[] | undefined) => parsePurposes(value, before))
    .default(undefined, 'TREAT');
}

function parsePurposes(value: string, before: readonly string[] | undefined): readonly Purpose[] {
  const words = list(value, before);
  const known: readonly string[] = PURPOSES;
  const wrong = words.find((word) => !known.includes(word));
  if (wrong === undefined) return words as readonly Purpose[];
  throw new CliError('bad-usage', `${wrong} is no purpose of use.`, { next: `Known: ${PURPOSES.join(', ')}.` });
}

/** @throws CliError `bad-usage` naming the known categories. */
export function demandCategories(categories: readonly string[]): void {
  const known: readonly string[] = CATEGORIES;
  const wrong = categories.find((category) => !known.includes(category));
  if (wrong === undefined) return;
  throw new CliError('bad-usage', `${wrong} is no category.`, { next: `Known: ${CATEGORIES.join(', ')}.` });
}

async function pidOf({ session }: StaffAtWork, patient: string | undefined): Promise<string> {
  if (patient === undefined) {
    throw new CliError('bad-usage', 'Say whom to ask.', {
      next: 'Give --patient ID (see `salus patients`) or --pid PID.',
    });
  }
  const { api, organisation, token } = session;
  const path = `/api/v1/orgs/${organisation}/patients/${encodeURIComponent(patient)}`;
  const { pid } = await api.send<{ pid: string }>({ method: 'GET', path, token });
  return pid;
}

function granteeOf({ wallet }: StaffAtWork, who: string): Grantee {
  const { organisation } = wallet;
  const [kind, name] = who.split(':', 2);
  if (kind === 'person' && name === undefined) return { kind: 'person', organisation, id: wallet.id };
  if (kind === 'organisation' && name === undefined) return { kind: 'organisation', organisation };
  if (kind === 'role' && name !== undefined) return { kind: 'role', organisation, role: name };
  if (kind === 'study' && name !== undefined) return { kind: 'study', organisation, study: name };
  const next = 'Give --for person, organisation, role:<role> or study:<study>.';
  throw new CliError('bad-usage', `${who} is nobody who can be granted access.`, { next });
}
