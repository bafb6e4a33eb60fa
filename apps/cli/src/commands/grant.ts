import {
  asPatient,
  type Committed,
  deliverToken,
  handOverToken,
  isAtHome,
  listOwnRecords,
  listRequests,
  type PatientRequest,
  readKeys,
  recipientsOf,
  sendAnswer,
  submitGrant,
} from '@salus/client';
import { type GrantChoice, grant, type PatientWallet, sealToken } from '@salus/wallet';
import type { Command } from 'commander';
import { CliError } from '../cli-error.ts';
import type { CommandContext } from '../command-context.ts';
import { EXIT } from '../exit-codes.ts';
import { choiceOf, describeOpening, GRANT_DAYS, type GrantWords } from '../grant-choice.ts';
import { id, integer, list, timeMs, walletOption } from '../options.ts';
import { forEachPid, keepWallet, openPatientAtHome, type PatientAtHome } from '../patient-node.ts';
import type { Act } from '../program.ts';
import { demandCategories, purposesOption } from './request.ts';

interface GrantOptions extends GrantWords {
  readonly request?: string;
  readonly at?: string;
  readonly wallet?: string;
  readonly yes?: boolean;
}

/** A grant that was made at one organisation, and the token that lets the grantee name it. */
interface MadeGrant {
  readonly organisation: string;
  readonly pid: string;
  readonly grant: string;
  readonly callId: string;
  readonly block: number;
  readonly opens: number;
  /** null where the organisation that keeps the records is the grantee's own: its node has seen the terms. */
  readonly token: object | null;
}

/** `salus grant`: shows what it opens, asks, then seals the keys to the grantee. */
export function addGrantCommand(program: Command, act: Act): void {
  const command = grantOptions(
    program
      .command('grant')
      .description(
        'Let somebody read some of your records. Shows first what that opens. The other side is told; with --request the request is answered.',
      )
      .option('--request <id>', 'the request that this answers (see `salus requests`)', id)
      .option('--to <who>', 'hospital-b, role:clinician@hospital-b, person:<id>@hospital-b, study:<study>@research')
      .option('--at <organisation>', 'only records at this organisation (default: wherever you have a pid)')
      .option('--delegate <depth>', 'how often it may be passed on, narrowed', integer(0, 8)),
  )
    .option('--yes', 'grant without being asked')
    .addOption(walletOption('patient'));
  const example = 'salus grant --request Yz3… --categories medication --as ann';
  act<GrantOptions>(command, example, async (context, options) => {
    if (options.categories !== undefined) demandCategories(options.categories);
    const home = await openPatientAtHome(context, options.wallet === undefined ? {} : { wallet: options.wallet });
    const request = options.request === undefined ? undefined : await findRequest(context, home, options.request);
    const plans = await planGrants(context, home, options, request);
    for (const { text } of plans) context.terminal.say(text);
    if (options.yes !== true && !(await context.terminal.confirm('Grant this?'))) {
      throw new CliError('cancelled', 'Nothing was granted.', { exit: EXIT.refused });
    }
    const { made, wallet } = await makeGrants(context, home, plans);
    const answered = request === undefined ? null : await answerRequest(context, { wallet, request, made });
    if (request === undefined) await deliver(context, { wallet, pids: home.pids }, plans[0]!.choice.grantee, made);
    const lines = made.map(
      ({ organisation, grant: name, opens }) => `Grant ${name} at ${organisation} opens ${opens} records now.`,
    );
    const after =
      answered === null ? 'The other side can name it from now on.' : `The request is answered: ${answered}.`;
    context.terminal.result([...lines, after, `End it with: salus revoke ${made[0]?.grant ?? ''}`].join('\n'), {
      grants: made,
      answer: answered,
    });
    return EXIT.ok;
  });
}

/** To the grantee's node, in the session of the grant's own pid; where the grantee is an app and this person a patient there too, in their own session: the app is theirs. */
async function deliver(
  { api }: CommandContext,
  { wallet, pids }: { readonly wallet: PatientWallet; readonly pids: PatientAtHome['pids'] },
  grantee: GrantChoice['grantee'],
  made: readonly MadeGrant[],
): Promise<void> {
  const there =
    grantee.kind === 'client' ? pids.find(({ organisation }) => organisation === grantee.organisation) : undefined;
  for (const { pid, grant: name, token } of made) {
    if (token === null) continue;
    await asPatient(api, wallet, there?.pid ?? pid, (session) =>
      there === undefined ? deliverToken(session, grantee, { grant: name, token }) : handOverToken(session, token),
    );
  }
}

/** What `grant` and `narrow` both narrow by. */
export function grantOptions(command: Command): Command {
  return command
    .option('--categories <list>', 'which categories', list)
    .option('--labels <list>', 'label classes: N normal, PSY, HIV, SUD, SEX … or all (default: N)', list)
    .addOption(purposesOption())
    .option('--types <list>', 'only these resource types', list)
    .option('--records <list>', 'only these records', list)
    .option('--data-from <date>', 'only data of this time or later', timeMs)
    .option('--data-to <date>', 'only data of this time or earlier', timeMs)
    .option('--until <date>', 'when the grant ends', timeMs)
    .option('--days <count>', `when the grant ends, in days (default: as asked, else ${GRANT_DAYS})`, integer(1, 3650))
    .option('--max-uses <count>', 'how many sessions it allows', integer(1, 1_000_000))
    .option('--except <ids>', 'persons who may not use it', list)
    .option('--may-keep', 'a copy may be kept in the reader’s own chart');
}

/** A request with the pid that it was addressed to. */
interface FoundRequest extends PatientRequest {
  readonly pid: string;
  readonly organisation: string;
}

/** @throws CliError `request-unknown`, `request-answered` */
export async function findRequest(context: CommandContext, home: PatientAtHome, id: string): Promise<FoundRequest> {
  const found = await forEachPid(context, home, async (session, { pid, organisation }) =>
    (await listRequests(session)).map((request) => ({ ...request, pid, organisation })),
  );
  const request = found.flat().find(({ asked }) => asked.request === id);
  const next = 'See `salus requests`.';
  if (request === undefined) {
    throw new CliError('request-unknown', 'None of your pids was asked this.', { exit: EXIT.refused, next });
  }
  if (request.status !== 'open') {
    throw new CliError('request-answered', `The request was answered before: ${request.status}.`, {
      exit: EXIT.refused,
      next,
    });
  }
  return request;
}

interface Plan {
  readonly organisation: string;
  readonly choice: GrantChoice;
  readonly text: string;
  readonly opens: number;
}

/** One grant for each pid: no grant speaks of two. The requester's own organisation needs none, unless for a system of it. */
async function planGrants(
  context: CommandContext,
  home: PatientAtHome,
  options: GrantOptions,
  request: FoundRequest | undefined,
): Promise<readonly Plan[]> {
  const nowMs = context.nowMs();
  const grantee = choiceOf('', options, { asked: request?.asked, nowMs }).grantee;
  const foreign = home.pids.filter(
    ({ organisation }) =>
      (options.at === undefined || organisation === options.at) &&
      (grantee.kind === 'card' || grantee.kind === 'client' || organisation !== grantee.organisation),
  );
  const plans = await forEachPid(context, { ...home, pids: foreign }, async (session, { pid, organisation }) => {
    const choice = choiceOf(pid, options, { asked: request?.asked, nowMs });
    return { organisation, choice, ...describeOpening(organisation, choice, await listOwnRecords(session)) };
  });
  if (plans.length > 0) return plans;
  const next = 'Claim your pid at the hospital that keeps the records first, or name it with --at.';
  throw new CliError('no-pid', 'You have no pid where such records lie.', { next });
}

async function makeGrants(
  context: CommandContext,
  home: PatientAtHome,
  plans: readonly Plan[],
): Promise<{ readonly made: readonly MadeGrant[]; readonly wallet: PatientWallet }> {
  const made: MadeGrant[] = [];
  let { wallet, opened } = home;
  for (const { organisation, choice, opens } of plans) {
    await asPatient(context.api, wallet, choice.pid, async (session) => {
      const occasion = { network: wallet.content.network, nowMs: context.nowMs() };
      const recipients = isAtHome(choice, organisation)
        ? []
        : await recipientsOf(context.api, choice.grantee, context.nowMs());
      const prepared = await grant(wallet, occasion, { choice, envelopes: await readKeys(session), recipients });
      const committed = await submitGrant(session, prepared);
      wallet = prepared.wallet;
      opened = { ...opened, stored: { ...opened.stored, content: wallet.content } };
      await keepWallet(context, opened, { wallet, session });
      const [recipient] = recipients;
      const token =
        recipient === undefined ? null : (await sealToken(wallet, prepared.terms.grant, recipient)).envelope;
      const { callId, block } = committed;
      made.push({ organisation, pid: choice.pid, grant: prepared.terms.grant, callId, block, opens, token });
    });
  }
  return { made, wallet };
}

/** Answers at the pid that was asked: there the requester finds the tokens, whatever pids they are for. */
async function answerRequest(
  context: CommandContext,
  {
    wallet,
    request,
    made,
  }: {
    readonly wallet: PatientWallet;
    readonly request: FoundRequest;
    readonly made: readonly MadeGrant[];
  },
): Promise<'granted' | 'partly'> {
  const granted = wallet.content.grants.filter(({ terms }) => made.some((one) => one.grant === terms.grant));
  const whole = granted.every(({ terms }) =>
    request.asked.categories.every((category) => terms.categories.includes(category)),
  );
  const word = whole ? 'granted' : 'partly';
  await answerAs(context, wallet, { request, word, tokens: made.flatMap(({ token }) => token ?? []) });
  return word;
}

/** Signs and sends the answer to a request, logged in as the pid that was asked. */
export async function answerAs(
  { api, nowMs }: CommandContext,
  wallet: PatientWallet,
  answered: Parameters<typeof sendAnswer>[3] & { readonly request: FoundRequest },
): Promise<Committed> {
  const occasion = { network: wallet.content.network, nowMs: nowMs() };
  return asPatient(api, wallet, answered.request.pid, (session) => sendAnswer(session, wallet, occasion, answered));
}
