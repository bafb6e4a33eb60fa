import { asPatient, listOwnRecords, type NodeSession, submitGrant } from '@salus/client';
import type { Purpose } from '@salus/contracts';
import { type GrantChoice, grant } from '@salus/wallet';
import { type Command, InvalidArgumentError } from 'commander';
import { CliError } from '../cli-error.ts';
import type { CommandContext } from '../command-context.ts';
import { EXIT } from '../exit-codes.ts';
import { choiceOf, describeOpening, type GrantWords } from '../grant-choice.ts';
import { integer, list, slug, walletOption } from '../options.ts';
import { keepWallet, onlyPid, openPatientAtHome, type PatientAtHome } from '../patient-node.ts';
import type { Act } from '../program.ts';
import { demandCategories } from './request.ts';

const APP_DAYS = 90;

interface ApproveOptions {
  readonly wallet?: string;
  readonly categories?: readonly string[];
  readonly labels?: readonly string[];
  readonly days: number;
  readonly decline?: boolean;
  readonly yes?: boolean;
}

/** An app that waits at the organisation's authorisation page. */
interface WaitingApp {
  readonly client: string;
  readonly clientName: string;
  readonly returnsTo: string;
  readonly scopes: readonly string[];
  readonly purpose: Purpose;
  readonly categories: readonly string[];
  readonly resourceTypes: readonly string[] | null;
}

/** `salus patient approve-app`: answers the code that an app's page shows, by a grant that names the app. */
export function addAppCommand(patient: Command, act: Act): void {
  const command = patient
    .command('approve-app')
    .argument('<organisation>', 'whose page shows the code')
    .argument('<code>', 'the code on the page, as 4YQ2-8FWD')
    .description(
      'Let an app read your records at an organisation: answers the code that the app’s page shows with a grant that names the app. Shows first who asks and what that opens; `salus revoke` ends it and logs the app out.',
    )
    .option('--categories <list>', 'which categories (default: those of which the app’s scopes speak)', list)
    .option('--labels <list>', 'label classes: N normal, PSY, HIV, SUD, SEX … or all (default: N)', list)
    .option('--days <count>', 'when the grant ends, in days', integer(1, 3650), APP_DAYS)
    .option('--decline', 'let it not in')
    .option('--yes', 'grant without being asked')
    .addOption(walletOption('patient'));
  const example = 'salus patient approve-app hospital-a 4YQ2-8FWD --categories laboratory,identity --as ann';
  act<ApproveOptions>(command, example, async (context, options, [organisation = '', code = '']) => {
    if (options.categories !== undefined) demandCategories(options.categories);
    const words = options.wallet === undefined ? {} : { wallet: options.wallet };
    const home = await openPatientAtHome(context, { ...words, at: slug(organisation) });
    const path = `/api/v1/orgs/${organisation}/patient/apps/${appCode(code)}`;
    return asPatient(context.api, home.wallet, onlyPid(home).pid, async (session) => {
      const app = await context.api.send<WaitingApp>({ method: 'GET', path, token: session.token });
      if (options.decline === true) {
        await answer(session, path, null);
        context.terminal.result(`${app.clientName} was declined.`, { client: app.client, grant: null });
        return EXIT.ok;
      }
      const { grant: made, opens } = await grantTo(context, { home, session, app, options });
      await answer(session, path, made);
      context.terminal.result(
        `Grant ${made}: ${app.clientName} may read ${opens} records now. Its page goes on by itself.\nEnd it with: salus revoke ${made}`,
        { client: app.client, grant: made, opens },
      );
      return EXIT.ok;
    });
  });
}

async function grantTo(
  context: CommandContext,
  {
    home,
    session,
    app,
    options,
  }: {
    readonly home: PatientAtHome;
    readonly session: NodeSession;
    readonly app: WaitingApp;
    readonly options: ApproveOptions;
  },
): Promise<{ readonly grant: string; readonly opens: number }> {
  const { organisation } = session;
  const nowMs = context.nowMs();
  const words: GrantWords = {
    to: `client:${app.client}@${organisation}`,
    categories: options.categories ?? app.categories,
    purposes: [app.purpose],
    days: options.days,
    ...(options.labels === undefined ? {} : { labels: options.labels }),
    ...(app.resourceTypes === null ? {} : { types: app.resourceTypes }),
  };
  const choice: GrantChoice = choiceOf(onlyPid(home).pid, words, { asked: undefined, nowMs });
  const { text, opens } = describeOpening(organisation, choice, await listOwnRecords(session));
  const { terminal } = context;
  terminal.say(`${app.clientName}, which returns to ${app.returnsTo}, asks for: ${app.scopes.join(' ')}`);
  terminal.say(text);
  if (options.yes !== true && !(await terminal.confirm('Grant this?'))) {
    throw new CliError('cancelled', 'Nothing was granted; the page still waits.', { exit: EXIT.refused });
  }
  const occasion = { network: home.wallet.content.network, nowMs };
  // The organisation keeps the records and the app's key: nothing has to be sealed to it.
  const prepared = await grant(home.wallet, occasion, { choice, envelopes: [], recipients: [] });
  await submitGrant(session, prepared);
  await keepWallet(context, home.opened, { wallet: prepared.wallet, session });
  return { grant: prepared.terms.grant, opens };
}

async function answer({ api, token }: NodeSession, path: string, grant: string | null): Promise<void> {
  await api.send({ method: 'POST', path, body: { grant }, token });
}

/** As a person types it: small letters do, and O and I mean what they look like. */
function appCode(word: string): string {
  const code = word.toUpperCase().replaceAll('O', '0').replace(/[IL]/g, '1').replace(/[\s-]/g, '');
  if (!/^[0-9A-HJKMNP-TV-Z]{8}$/.test(code)) throw new InvalidArgumentError('The code has eight letters and digits.');
  return `${code.slice(0, 4)}-${code.slice(4)}`;
}
