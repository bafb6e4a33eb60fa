import { existsSync, readFileSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { lendToApp, submitCall, takeBackFromApp } from '@salus/client';
import { ADMINISTRATOR_ROLE, PURPOSES, type Purpose } from '@salus/contracts';
import { CryptoError, type Json, parseJson } from '@salus/crypto';
import { staffCall } from '@salus/wallet';
import { type Command, Option } from 'commander';
import { CliError } from '../cli-error.ts';
import { EXIT } from '../exit-codes.ts';
import { asStaff } from '../node-session.ts';
import { accountOption, id, integer, list, walletOption } from '../options.ts';
import type { Act } from '../program.ts';
import { table, when } from '../terminal.ts';

const JWKS_BYTES_MAX = 64 * 1024;

interface StaffOptions {
  readonly wallet?: string;
  readonly account?: string;
}

interface RegisterOptions extends StaffOptions {
  readonly name: string;
  readonly scope: string;
  readonly redirect?: readonly string[];
  readonly launch?: string;
  readonly secret?: boolean;
  readonly jwks?: string;
  readonly roles?: readonly string[];
  readonly purpose: Purpose;
}

interface RegisteredApp {
  readonly clientId: string;
  readonly name: string;
  readonly scope: string;
  readonly authentication: string;
  readonly live: boolean;
}

/** `salus staff register-app`, `apps`, `lend`: SMART apps and back-end services, each with an identity on the ledger. */
export function addAppCommands(staff: Command, act: Act): void {
  addRegister(staff, act);
  addList(staff, act);
  addLend(staff, act);
}

function addRegister(staff: Command, act: Act): void {
  const command = staff
    .command('register-app')
    .description(
      'As administrator: register a SMART app or back-end service. The node makes its key and certificate, your signature puts it on the ledger; `salus staff revoke` with its id ends it and every token of it.',
    )
    .requiredOption('--name <name>', 'what patients and staff are shown')
    .requiredOption('--scope <scopes>', 'everything that it may ever ask for, in one word with spaces')
    .option('--redirect <list>', 'addresses to which it returns, letter by letter; a back-end service has none', list)
    .option('--launch <url>', 'where a launch from the record system begins')
    .option('--secret', 'it can keep a secret: one is drawn and shown once')
    .option('--jwks <file>', 'its public keys, with which it proves itself (private_key_jwt)')
    .option('--roles <list>', 'roles of a back-end service: what it may open at home follows from them', list)
    .addOption(
      new Option('--purpose <purpose>', 'for what it uses what patients grant').choices(PURPOSES).default('PATRQT'),
    )
    .addOption(walletOption('staff'))
    .addOption(accountOption());
  const example =
    "salus staff register-app --name 'Growth Chart' --scope 'launch/patient patient/*.rs' --redirect https://app.example/cb --as hospital-a.admin";
  act<RegisterOptions>(command, example, async (context, options) => {
    const jwks = options.jwks === undefined ? null : readJwks(resolve(context.workingDirectory, options.jwks));
    const authentication =
      jwks === null ? (options.secret === true ? 'client_secret_basic' : 'none') : 'private_key_jwt';
    const registered = await asStaff(context, options, async ({ session, wallet, occasion }) => {
      if (!wallet.roles.includes(ADMINISTRATOR_ROLE)) {
        const next = 'Use the wallet of an administrator: --as WALLET.';
        throw new CliError('not-permitted', 'This is for administrators.', { exit: EXIT.denied, next });
      }
      const { api, organisation, token } = session;
      const app = await api.send<{ clientId: string; chain: readonly string[]; secret: string | null }>({
        method: 'POST',
        path: `/api/v1/orgs/${organisation}/clients`,
        body: {
          ...{ name: options.name, authentication, jwks, scope: options.scope, purpose: options.purpose },
          ...{ redirectUris: options.redirect ?? [], launchUri: options.launch ?? null, roles: options.roles ?? [] },
        },
        token,
      });
      const args = { certificates: [{ chain: app.chain }] };
      const call = await staffCall(wallet, occasion, { contract: 'membership', transaction: 'enrol', args });
      await submitCall(api, organisation, call);
      return { clientId: app.clientId, secret: app.secret };
    });
    const { clientId, secret } = registered;
    const text = [`${options.name} is registered: client_id ${clientId}`];
    if (secret !== null) text.push(`client_secret, shown once: ${secret}`);
    context.terminal.result(text.join('\n'), registered);
    return EXIT.ok;
  });
}

function addList(staff: Command, act: Act): void {
  const command = staff
    .command('apps')
    .description('As administrator: the registered apps and back-end services, and whether the ledger lets each act.')
    .addOption(walletOption('staff'))
    .addOption(accountOption());
  act<StaffOptions>(command, 'salus staff apps --as hospital-a.admin', async (context, options) => {
    const { clients } = await asStaff(context, options, ({ session: { api, organisation, token } }) =>
      api.send<{ clients: readonly RegisteredApp[] }>({
        method: 'GET',
        path: `/api/v1/orgs/${organisation}/clients`,
        token,
      }),
    );
    const rows = clients.map(({ clientId, name, authentication, live, scope }) => [
      ...[clientId, name, authentication, live ? 'live' : 'ended', scope],
    ]);
    const text =
      rows.length === 0
        ? 'No app is registered.'
        : table(['client_id', 'name', 'proves itself by', 'state', 'scope'], rows);
    context.terminal.result(text, { clients });
    return EXIT.ok;
  });
}

const HOUR_MS = 3_600_000;
const LENT_HOURS_MAX = 12;

function addLend(staff: Command, act: Act): void {
  const command = staff
    .command('lend')
    .argument('<client>', 'client_id of the app', id)
    .description(
      'Let an app write under your name, for at most 12 hours: within its scopes, your role and whom you have in care. Your key signs so; a restart of the node ends it.',
    )
    .option('--hours <count>', 'for how long', integer(1, LENT_HOURS_MAX), LENT_HOURS_MAX)
    .option('--back', 'take it back')
    .addOption(walletOption('staff'))
    .addOption(accountOption());
  interface Options extends StaffOptions {
    readonly back?: boolean;
    readonly hours: number;
  }
  act<Options>(
    command,
    'salus staff lend WYsOVVDuD6MjxWwtLYeAKw --as a.mehta',
    async (context, options, [client = '']) => {
      const untilMs = await asStaff(context, options, async (atWork) => {
        if (options.back !== true) return lendToApp(atWork, { client, forMs: options.hours * HOUR_MS });
        await takeBackFromApp(atWork.session, client);
        return null;
      });
      const text =
        untilMs === null
          ? 'Taken back: the app writes nothing under your name.'
          : `The app may write under your name until ${when(untilMs)}. Take it back: salus staff lend ${client} --back`;
      context.terminal.result(text, { client, untilMs });
      return EXIT.ok;
    },
  );
}

function readJwks(file: string): Json {
  const bad = (cause?: unknown): CliError => new CliError('bad-file', `${file} is no JSON Web Key Set.`, { cause });
  if (!existsSync(file) || statSync(file).size > JWKS_BYTES_MAX) throw bad();
  try {
    return parseJson(readFileSync(file), { sizeMax: JWKS_BYTES_MAX, depthMax: 4 });
  } catch (cause) {
    if (!(cause instanceof CryptoError)) throw cause;
    throw bad(cause);
  }
}
