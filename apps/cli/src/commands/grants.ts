import { existsSync, readFileSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { asPatient, deliverToken, listGrants, listUsable, recipientsOf, submitCall, submitGrant } from '@salus/client';
import { parseJson } from '@salus/crypto';
import { grantEntry, narrow, type PatientWallet, revoke, sealToken } from '@salus/wallet';
import { patientWalletOf } from '@salus/wallet/node';
import type { Command } from 'commander';
import { CliError } from '../cli-error.ts';
import type { CommandContext } from '../command-context.ts';
import { EXIT } from '../exit-codes.ts';
import { type GrantWords, labelsOf, narrowings } from '../grant-choice.ts';
import { asStaff } from '../node-session.ts';
import { id, list, walletOption } from '../options.ts';
import { forEachPid, keepWallet, openPatientAtHome, type PatientOptions } from '../patient-node.ts';
import type { Act } from '../program.ts';
import { table, when } from '../terminal.ts';
import { openPatient, openWallet } from '../wallet-files.ts';
import { answerAs, findRequest, grantOptions } from './grant.ts';
import { demandCategories, describeGrantee } from './request.ts';

const TOKEN_FILE_BYTES_MAX = 1024 * 1024;

/** `salus grants`, `narrow`, `revoke`, `answer`, `take-token`: what becomes of a grant after it was made. */
export function addGrantsCommands(program: Command, act: Act): void {
  addGrants(program, act);
  addNarrow(program, act);
  addRevoke(program, act);
  addAnswer(program, act);
  addTakeToken(program, act);
}

function addGrants(program: Command, act: Act): void {
  const command = program
    .command('grants')
    .description('A patient: what you granted, with its state on the ledger. Staff: the grants that you may use now.')
    .option('--at <organisation>', 'only grants for records at this organisation')
    .addOption(walletOption('anybody'));
  act<PatientOptions>(command, 'salus grants --as ann', async (context, options) => {
    const { stored } = await openWallet(context, options.wallet);
    if (stored.kind === 'staff') return tellUsable(context, options);
    const home = await openPatientAtHome(context, options);
    const perPid = await forEachPid(context, home, async (session) => ({
      organisation: session.organisation,
      ...(await listGrants(session)),
    }));
    const rows = perPid.flatMap(({ organisation, grants }) =>
      grants.map(({ grant, fact, terms }) => [
        grant,
        organisation,
        fact.status,
        String(fact.uses ?? 0),
        terms === null
          ? ''
          : `${describeGrantee(terms.grantee)}: ${terms.categories.join(', ')}, until ${when(terms.notAfterMs)}`,
      ]),
    );
    const broken = perPid.flatMap(({ organisation, emergencies }) =>
      emergencies.map(
        ({ request, fact }) =>
          `Emergency access at ${organisation} until ${when(fact.untilMs)}, ${fact.outcome ?? fact.status} (${request}).`,
      ),
    );
    const text = [table(['grant', 'records at', 'state', 'uses', 'terms'], rows), ...broken].join('\n');
    context.terminal.result(text, { organisations: perPid });
    return EXIT.ok;
  });
}

async function tellUsable(context: CommandContext, options: PatientOptions): Promise<typeof EXIT.ok> {
  const tokens = await asStaff(context, options, ({ session: { api, organisation, token } }) =>
    listUsable({ api, organisation, token }),
  );
  const shown = tokens.filter(
    ({ authorOrganisation }) => options.at === undefined || authorOrganisation === options.at,
  );
  const rows = shown.map(({ authorOrganisation, terms }) => [
    terms.grant,
    authorOrganisation,
    terms.categories.join(', '),
    terms.purposes.join(', '),
    when(terms.notAfterMs),
  ]);
  context.terminal.result(table(['grant', 'records at', 'categories', 'for', 'until'], rows), { grants: shown });
  return EXIT.ok;
}

function addNarrow(program: Command, act: Act): void {
  const command = grantOptions(
    program
      .command('narrow')
      .argument('<grant>', 'the grant', id)
      .description(
        'Allow less than before, at once. The other side is told the new terms; the old ones open nothing more.',
      ),
  ).addOption(walletOption('patient'));
  interface Options extends GrantWords {
    readonly wallet?: string;
  }
  act<Options>(
    command,
    'salus narrow Yz3… --types MedicationRequest --as ann',
    async (context, options, [name = '']) => {
      if (options.categories !== undefined) demandCategories(options.categories);
      const opened = await openPatient(context, options.wallet);
      const wallet = patientWalletOf(opened.stored);
      const { terms } = grantEntry(wallet.content, name);
      const occasion = { network: wallet.content.network, nowMs: context.nowMs() };
      const prepared = await narrow(wallet, occasion, { grant: name, change: changeOf(options, occasion.nowMs) });
      const recipients = await recipientsOf(context.api, terms.grantee, context.nowMs());
      const made = await asPatient(context.api, wallet, terms.pid, async (session) => {
        const { callId, block } = await submitGrant(session, prepared);
        await keepWallet(context, opened, { wallet: prepared.wallet, session });
        const { envelope } = await sealToken(prepared.wallet, name, recipients[0]!);
        await deliverToken(session, terms.grantee, { grant: name, token: envelope });
        return { grant: name, callId, block, token: envelope };
      });
      const text = `Grant ${name} is narrowed (block ${made.block}); the other side knows.`;
      context.terminal.result(text, made);
      return EXIT.ok;
    },
  );
}

function changeOf(words: GrantWords, nowMs: number): Parameters<typeof narrow>[2]['change'] {
  const { categories, labels, purposes, until, days } = words;
  const end = until ?? (days === undefined ? undefined : nowMs + days * 86_400_000);
  const change = {
    ...narrowings(words),
    ...(categories === undefined ? {} : { categories }),
    ...(labels === undefined ? {} : { labelClasses: labelsOf(labels) }),
    ...(purposes === undefined ? {} : { purposes }),
    ...(end === undefined ? {} : { notAfterMs: end }),
  };
  if (Object.keys(change).length > 0) return change;
  const next = 'Give --categories, --types, --until … : what it shall allow from now on.';
  throw new CliError('bad-usage', 'Say what to narrow.', { next });
}

function addRevoke(program: Command, act: Act): void {
  const command = program
    .command('revoke')
    .argument('<grant>', 'the grant', id)
    .description('End a grant at once, with every session that is open under it. It needs no log-in: your key decides.')
    .option('--at <organisation>', 'where the records lie, for a grant that this wallet does not know')
    .addOption(walletOption('patient'));
  act<PatientOptions>(command, 'salus revoke Yz3… --as ann', async (context, options, [name = '']) => {
    const opened = await openPatient(context, options.wallet);
    const wallet = patientWalletOf(opened.stored);
    const { pid, organisation } = whereIs(wallet, name, options.at);
    const occasion = { network: wallet.content.network, nowMs: context.nowMs() };
    const prepared = await revoke(wallet, occasion, { pid, grant: name });
    const { callId, block, timestampMs } = await submitCall(context.api, organisation, prepared);
    await opened.save({ ...opened.stored, content: prepared.wallet.content });
    const text = `Grant ${name} has ended (block ${block}, ${when(timestampMs)}). What was read before cannot be taken back.`;
    context.terminal.result(text, { grant: name, pid, organisation, callId, block, timestampMs });
    return EXIT.ok;
  });
}

/** A grant of which the wallet knows nothing (a lost backup) is revoked all the same: the ledger accepts it. */
function whereIs(
  { content }: PatientWallet,
  name: string,
  at: string | undefined,
): { readonly pid: string; readonly organisation: string } {
  const known = content.grants.find(({ terms }) => terms.grant === name);
  const entry = content.pids.find(({ pid, organisation }) =>
    known === undefined ? organisation === at : pid === known.terms.pid,
  );
  if (entry !== undefined) return entry;
  const next = 'Check the id with `salus grants`, or say with --at where the records lie.';
  throw new CliError('grant-unknown', 'The wallet knows no such grant.', { exit: EXIT.refused, next });
}

function addAnswer(program: Command, act: Act): void {
  const command = program
    .command('answer')
    .argument('<request>', 'the request', id)
    .description(
      'Decline a request, or answer it with grants that you made before. `salus grant --request` does both at once.',
    )
    .option('--decline', 'grant nothing')
    .option('--grants <ids>', 'grants of yours that answer it', list)
    .option('--partly', 'they are less than was asked')
    .addOption(walletOption('patient'));
  interface Options {
    readonly decline?: boolean;
    readonly partly?: boolean;
    readonly grants?: readonly string[];
    readonly wallet?: string;
  }
  act<Options>(command, 'salus answer 9kQ… --decline --as ann', async (context, options, [name = '']) => {
    const { decline = false, partly = false, grants = [] } = options;
    if (decline === grants.length > 0) {
      throw new CliError('bad-usage', 'Say how to answer.', { next: 'Give either --decline or --grants IDS.' });
    }
    const home = await openPatientAtHome(context, options.wallet === undefined ? {} : { wallet: options.wallet });
    const request = await findRequest(context, home, name);
    const tokens: object[] = [];
    for (const grantId of grants) {
      const { terms } = grantEntry(home.wallet.content, grantId);
      const [key] = await recipientsOf(context.api, terms.grantee, context.nowMs());
      tokens.push((await sealToken(home.wallet, grantId, key!)).envelope);
    }
    const word = decline ? 'declined' : partly ? 'partly' : 'granted';
    const { block } = await answerAs(context, home.wallet, { request, word, tokens });
    context.terminal.result(`The request is answered: ${word} (block ${block}).`, {
      request: name,
      answer: word,
      block,
    });
    return EXIT.ok;
  });
}

function addTakeToken(program: Command, act: Act): void {
  const command = program
    .command('take-token')
    .argument('<file>', 'the token, or what `salus --json grant` printed')
    .description('Take a grant that a patient handed over in a file; the ledger proves it, so nobody logs in.')
    .requiredOption('--org <organisation>', 'the organisation that it is for');
  act<{ readonly org: string }>(
    command,
    'salus take-token token.json --org hospital-b',
    async (context, options, [file = '']) => {
      const taken: string[] = [];
      for (const token of readTokens(resolve(context.workingDirectory, file))) {
        const path = `/api/v1/orgs/${encodeURIComponent(options.org)}/tokens`;
        const { grant } = await context.api.send<{ grant: string }>({
          method: 'POST',
          path,
          body: { token },
          repeatable: true,
        });
        taken.push(grant);
      }
      context.terminal.result(`${options.org} holds: ${taken.join(', ')}.`, { grants: taken });
      return EXIT.ok;
    },
  );
}

/** A sealed token alone, `{token}`, or `{grants: [{token}…]}`. */
function readTokens(file: string): readonly object[] {
  const bad = (): CliError => new CliError('bad-file', `${file} holds no token.`);
  if (!existsSync(file) || statSync(file).size > TOKEN_FILE_BYTES_MAX) throw bad();
  const value = parseJson(readFileSync(file), { sizeMax: TOKEN_FILE_BYTES_MAX, depthMax: 12 }) as {
    readonly token?: object;
    readonly grants?: readonly { readonly token?: object }[];
    readonly kid?: string;
  } | null;
  const tokens = value?.grants?.map(({ token }) => token) ?? [
    value?.token ?? (value?.kid === undefined ? undefined : value),
  ];
  const found = tokens.filter((token) => typeof token === 'object');
  if (found.length === 0 || found.length !== tokens.length) throw bad();
  return found as readonly object[];
}
