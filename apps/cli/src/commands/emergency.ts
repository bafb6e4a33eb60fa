import { existsSync, readFileSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { type ReadingSession, type StaffAtWork, submitCall } from '@salus/client';
import { CLINICAL_ROLES, EMERGENCY_REASONS, REVIEW_OUTCOMES } from '@salus/contracts';
import { type CallPayload, callId, type Json, parseJson } from '@salus/crypto';
import { type EmergencyCard, emergencyRequest, prepareCall } from '@salus/wallet';
import { type Command, Option } from 'commander';
import { CliError } from '../cli-error.ts';
import { EXIT } from '../exit-codes.ts';
import { asStaff } from '../node-session.ts';
import { accountOption, id, integer, walletOption } from '../options.ts';
import type { Act } from '../program.ts';
import { readOrganisationLines } from './audit.ts';
import { tellReading } from './records.ts';

const HOUR_MS = 3_600_000;
const HOURS_MAX = 8;
const CARD_BYTES_MAX = 64 * 1024;
/** Lines of the organisation's log in which an emergency is looked for. */
const LINES_MAX = 10_000;

interface EmergencyOptions {
  readonly pid?: string;
  readonly card?: string;
  readonly reason: string;
  readonly role?: string;
  readonly text: string;
  readonly hours: number;
  readonly content?: boolean;
  readonly wallet?: string;
  readonly account?: string;
}

/** `salus emergency` breaks the glass; `salus review` judges it afterwards. */
export function addEmergencyCommands(program: Command, act: Act): void {
  addEmergency(program, act);
  addReview(program, act);
}

function addEmergency(program: Command, act: Act): void {
  const command = program
    .command('emergency')
    .description(
      'Read without a grant because life or health is at stake. The patient sees it at once, with your name and reason, and it is reviewed. At another organisation it needs the patient’s emergency card.',
    )
    .option('--pid <pid>', 'the patient, at your own organisation', id)
    .option('--card <file>', 'the patient’s emergency card')
    .addOption(new Option('--reason <reason>', 'why').choices(EMERGENCY_REASONS).makeOptionMandatory())
    .addOption(
      new Option('--role <role>', 'in which role you act (default: your first clinical role)').choices(CLINICAL_ROLES),
    )
    .requiredOption('--text <words>', 'what happened, for the patient and the review')
    .option('--hours <count>', 'for how long', integer(1, HOURS_MAX), 1)
    .option('--content', 'show the content of every record')
    .addOption(walletOption('staff'))
    .addOption(accountOption());
  const example = 'salus emergency --card card.json --reason unconscious --text "Found collapsed" --as b.novak';
  act<EmergencyOptions>(command, example, async (context, options) => {
    const card = options.card === undefined ? null : readCard(resolve(context.workingDirectory, options.card));
    await asStaff(context, options, async (staff) => {
      const reading = await breakGlass(staff, options, card);
      await tellReading(context, staff, { reading, content: options.content === true });
    });
    return EXIT.ok;
  });
}

async function breakGlass(
  { session, wallet, occasion }: StaffAtWork,
  options: EmergencyOptions,
  card: EmergencyCard | null,
): Promise<ReadingSession> {
  const pid = options.pid ?? card?.pid;
  const role = options.role ?? wallet.roles.find((known) => CLINICAL_ROLES.includes(known));
  if (pid === undefined || role === undefined) {
    const next = pid === undefined ? 'Give --pid or --card.' : 'Only clinicians, nurses and pharmacists may.';
    throw new CliError('bad-usage', 'Say whose records, in which role.', { next });
  }
  const { reason, text, hours } = options;
  const untilMs = occasion.nowMs + hours * HOUR_MS;
  const request = await emergencyRequest(wallet, occasion, { pid, role, reason, text, untilMs, card });
  return session.api.send<ReadingSession>({
    method: 'POST',
    path: `/api/v1/orgs/${session.organisation}/emergencies`,
    body: {
      author: card?.organisation ?? session.organisation,
      call: request.call,
      chain: request.chain,
      token: card === null ? null : { terms: card.terms, salt: card.salt },
    },
    token: session.token,
    repeatable: true,
  });
}

function readCard(file: string): EmergencyCard {
  const bad = (cause?: unknown): CliError => new CliError('bad-file', `${file} is no emergency card.`, { cause });
  if (!existsSync(file) || statSync(file).size > CARD_BYTES_MAX) throw bad();
  let value: Json;
  try {
    value = parseJson(readFileSync(file), { sizeMax: CARD_BYTES_MAX, depthMax: 8 });
  } catch (cause) {
    throw bad(cause);
  }
  const card = ((value as { readonly card?: Json } | null)?.card ?? value) as unknown as EmergencyCard | null;
  if (card?.version !== 'salus:card:v1') throw bad();
  return card;
}

function addReview(program: Command, act: Act): void {
  const command = program
    .command('review')
    .argument('<emergency>', 'the request that broke the glass (see `salus audit`, or the patient’s `salus grants`)')
    .description('Judge an emergency access at your organisation, once; nobody reviews their own.')
    .addOption(new Option('--outcome <outcome>', 'your finding').choices(REVIEW_OUTCOMES).makeOptionMandatory())
    .requiredOption('--finding <words>', 'why, for the file; it does not enter the ledger')
    .addOption(walletOption('staff'))
    .addOption(accountOption());
  interface Options {
    readonly outcome: string;
    readonly finding: string;
    readonly wallet?: string;
    readonly account?: string;
  }
  const example = 'salus review 8sQ… --outcome justified --finding "Patient was unconscious" --as hospital-a.admin';
  act<Options>(command, example, async (context, options, [emergency = '']) => {
    const committed = await asStaff(context, options, async (staff) => {
      const { pid, request } = await findEmergency(staff, emergency);
      const { wallet, occasion, session } = staff;
      const prepared = await prepareCall(
        occasion,
        {
          contract: 'consent',
          transaction: 'review',
          args: { pid, emergency, outcome: options.outcome },
          signer: `id:${wallet.id}`,
          privateValues: { request: request as unknown as Json, finding: options.finding },
        },
        wallet.signer,
      );
      return submitCall(session.api, session.organisation, prepared);
    });
    const text = `The emergency access is reviewed: ${options.outcome} (block ${committed.block}).`;
    context.terminal.result(text, { emergency, outcome: options.outcome, block: committed.block });
    return EXIT.ok;
  });
}

/** The clinician's own signed request, from the organisation's log: the review names exactly this one. */
async function findEmergency({ session }: StaffAtWork, emergency: string) {
  for (const { event } of await readOrganisationLines(session, LINES_MAX)) {
    const { request, pid } = event;
    if (request === null || pid === null) continue;
    if (callId(request.payload as unknown as CallPayload) === emergency) return { pid, request };
  }
  throw new CliError('emergency-unknown', 'Your organisation’s log holds no such emergency access.', {
    exit: EXIT.refused,
    next: 'Look for it with `salus audit`.',
  });
}
