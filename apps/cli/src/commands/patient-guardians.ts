import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { listGuardians, submitCall } from '@salus/client';
import { GUARDIAN_SCOPES, type GuardianScope } from '@salus/contracts';
import { parseJson } from '@salus/crypto';
import {
  appointGuardian,
  endGuardian,
  GUARDIAN_OFFER_VERSION,
  type GuardianOffer,
  guardianOffer,
  guardianUntil,
} from '@salus/wallet';
import { patientWalletOf } from '@salus/wallet/node';
import type { Command } from 'commander';
import { CliError } from '../cli-error.ts';
import { EXIT } from '../exit-codes.ts';
import { id, list, timeMs, walletOption } from '../options.ts';
import { forEachPid, onlyPid, openPatientAtHome, type PatientOptions } from '../patient-node.ts';
import type { Act } from '../program.ts';
import { table, when } from '../terminal.ts';
import { openPatient } from '../wallet-files.ts';

interface Listed {
  readonly kid: string;
  readonly scope: readonly string[];
  readonly untilMs: number;
  readonly state: string;
  readonly appointed: { readonly guardian: { readonly name: string; readonly relation: string } } | null;
}

/** `salus patient guardians`, `offer-guardian`, `appoint-guardian`, `end-guardian`: who acts for whom, and what they did. */
export function addGuardianCommands(patient: Command, act: Act): void {
  addOffer(patient, act);
  addAppoint(patient, act);
  addGuardians(patient, act);
  addEnd(patient, act);
}

function addGuardians(patient: Command, act: Act): void {
  const command = patient
    .command('guardians')
    .description('Who acts for your pids, within which scope and until when, and each of their acts.')
    .option('--at <organisation>', 'only for the pid at this organisation')
    .addOption(walletOption('patient'));
  act<PatientOptions>(command, 'salus patient guardians --as ann', async (context, options) => {
    const home = await openPatientAtHome(context, options);
    const pids = await forEachPid(context, home, async (session, { organisation, pid }) => ({
      ...{ organisation, pid, ...(await listGuardians<Listed>(session)) },
    }));
    const people = pids.flatMap(({ organisation, guardians }) =>
      guardians.map(({ kid, scope, untilMs, state, appointed }) => {
        const name = appointed === null ? '' : `${appointed.guardian.name} (${appointed.guardian.relation})`;
        return [organisation, kid, name, scope.join(' '), when(untilMs), state];
      }),
    );
    const acts = pids.flatMap(({ organisation, acts: done }) =>
      done.map(({ guardian, transaction, atMs }) => [organisation, guardian, transaction, when(atMs)]),
    );
    const text = [
      table(['at', 'key', 'who', 'may', 'until', 'state'], people),
      table(['at', 'by', 'act', 'when'], acts),
    ].join('\n\n');
    context.terminal.result(text, { pids });
    return EXIT.ok;
  });
}

function addOffer(patient: Command, act: Act): void {
  const command = patient
    .command('offer-guardian')
    .argument('<pid>', 'the pid for which you are to act', id)
    .argument('<organisation>', 'where that pid is')
    .description('As the one who is to act: make a key for the other person’s pid, and print what appoints it.')
    .addOption(walletOption('patient'));
  const example = 'salus patient offer-guardian f_Wa… hospital-a --as greta > offer.json';
  act<PatientOptions>(command, example, async (context, options, [pid = '', organisation = '']) => {
    const { stored } = await openPatient(context, options.wallet);
    const offer = await guardianOffer(patientWalletOf(stored), { pid, organisation });
    context.terminal.say('Bring this to whom you are to act for: salus patient appoint-guardian FILE');
    context.terminal.result(JSON.stringify(offer, null, 2), offer);
    return EXIT.ok;
  });
}

interface AppointOptions extends PatientOptions {
  readonly name: string;
  readonly relation: string;
  readonly scope: readonly string[];
  readonly until: number;
  readonly evidence: string;
}

function addAppoint(patient: Command, act: Act): void {
  const command = patient
    .command('appoint-guardian')
    .argument('<file>', 'what their offer-guardian printed')
    .description(
      'Let somebody act for one of your pids: within a scope, for a year at most. Name and evidence are kept by the organisation; the ledger holds a key, the scope and the end.',
    )
    .requiredOption('--name <name>', 'who it is')
    .requiredOption('--relation <relation>', 'who it is to you')
    .requiredOption('--scope <scope>', `of ${GUARDIAN_SCOPES.join(', ')}`, list)
    .requiredOption('--until <date>', 'when it ends', timeMs)
    .option('--evidence <text>', 'what shows that it is so', '')
    .addOption(walletOption('patient'));
  const example =
    'salus patient appoint-guardian offer.json --name "Greta Lind" --relation daughter --scope read,consent --until 2027-06-01 --as ann';
  act<AppointOptions>(command, example, async (context, options, [file = '']) => {
    const offer = parseOffer(readFileSync(resolve(context.workingDirectory, file), 'utf8'));
    const { wallet } = await openPatientAtHome(context, options.wallet === undefined ? {} : { wallet: options.wallet });
    const ends = { kind: 'date' } as const;
    const occasion = { network: wallet.content.network, nowMs: context.nowMs() };
    const { kid, call, privateArgs } = await appointGuardian(wallet, occasion, {
      ...{ pid: offer.pid, device: offer.device, ends, scope: options.scope.map(scopeOf) },
      untilMs: guardianUntil(context.nowMs(), ends, options.until),
      guardian: { name: options.name, relation: options.relation },
      evidence: { kind: 'other', text: options.evidence, digest: null },
    });
    const path = `/api/v1/orgs/${offer.organisation}/guardians`;
    const body = { call, privateArgs };
    const { block } = await context.api.send<{ block: number }>({ method: 'POST', path, body, repeatable: true });
    context.terminal.result(`${options.name} may act for you at ${offer.organisation} (block ${block}).`, {
      kid,
      block,
    });
    return EXIT.ok;
  });
}

function scopeOf(word: string): GuardianScope {
  const scope = GUARDIAN_SCOPES.find((known) => known === word);
  if (scope === undefined) throw new CliError('bad-usage', `A scope is one of ${GUARDIAN_SCOPES.join(', ')}.`);
  return scope;
}

function parseOffer(text: string): GuardianOffer {
  const value = parseJson(text) as unknown as Partial<GuardianOffer> | null;
  const { version, network, organisation, pid, device } = value ?? {};
  const isOffer = version === GUARDIAN_OFFER_VERSION && typeof device === 'object';
  if (!isOffer || network === undefined || organisation === undefined || pid === undefined) {
    throw new CliError('bad-file', 'The file holds no offer of a guardian.');
  }
  return { version, network, organisation, pid, device };
}

function addEnd(patient: Command, act: Act): void {
  const command = patient
    .command('end-guardian')
    .argument('<key>', 'the guardian’s key (see `salus patient guardians`)', id)
    .description(
      'End a guardianship of one pid: nothing more is signed in your name. What was granted stays until you revoke it.',
    )
    .option('--at <organisation>', 'for the pid at this organisation')
    .addOption(walletOption('patient'));
  const example = 'salus patient end-guardian 9xQ… --at hospital-a --as ann';
  act<PatientOptions>(command, example, async (context, options, [kid = '']) => {
    const home = await openPatientAtHome(context, options);
    const { pid, organisation } = onlyPid(home);
    const occasion = { network: home.wallet.content.network, nowMs: context.nowMs() };
    const prepared = await endGuardian(home.wallet, occasion, { pid, kid });
    const { block } = await submitCall(context.api, organisation, prepared);
    context.terminal.result(`The guardianship has ended at ${organisation} (block ${block}).`, { pid, kid, block });
    return EXIT.ok;
  });
}
