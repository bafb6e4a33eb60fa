import { existsSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { asPatient, putBackup, submitCall, submitGrant } from '@salus/client';
import { closePid, makeCard, type PidEntry } from '@salus/wallet';
import type { Command } from 'commander';
import { CliError } from '../cli-error.ts';
import { EXIT } from '../exit-codes.ts';
import { labelsOf } from '../grant-choice.ts';
import { integer, list, walletOption } from '../options.ts';
import { forEachPid, keepWallet, onlyPid, openPatientAtHome, type PatientOptions } from '../patient-node.ts';
import type { Act } from '../program.ts';
import { table, when } from '../terminal.ts';
import { openPatient } from '../wallet-files.ts';
import { addAppCommand } from './patient-apps.ts';
import { addClaimCommand } from './patient-claim.ts';
import { addDeviceCommands } from './patient-devices.ts';
import { addGuardianCommands } from './patient-guardians.ts';
import { addRecoverCommand } from './patient-recover.ts';
import { demandCategories } from './request.ts';

const DAY_MS = 86_400_000;
const CLOCK_SLACK_MS = 60_000;
const CARD_DAYS = 365;
const CARD_CATEGORIES = ['allergies', 'medication', 'problems', 'immunizations'];

/** `salus patient …`: a person's wallet, pids and devices. */
export function addPatientCommands(program: Command, act: Act): void {
  const patient = program.command('patient').description('Your wallet: pids, devices, recovery and emergency card.');
  addClaimCommand(patient, act);
  addShow(patient, act);
  addDeviceCommands(patient, act);
  addGuardianCommands(patient, act);
  addRecoverCommand(patient, act);
  addBackup(patient, act);
  addCard(patient, act);
  addAppCommand(patient, act);
  addClose(patient, act);
}

function addShow(patient: Command, act: Act): void {
  const command = patient
    .command('show')
    .description('What the wallet knows: pids, grants, the last checkpoint seen. Asks no node and shows no key.')
    .addOption(walletOption('patient'));
  act<PatientOptions>(command, 'salus patient show --as ann', async (context, options) => {
    const { file, stored } = await openPatient(context, options.wallet);
    const { network, pids, grants, checkpoint } = stored.content;
    const rows = pids.map(({ organisation, pid, kid }) => [organisation, pid, kid]);
    const text = [
      `${file}${stored.demonstration ? ' (of a demonstration: everybody may open it)' : ''}, network ${network}`,
      table(['organisation', 'pid', 'key of this device'], rows),
      `${grants.length} grants made, ${grants.filter(({ revokedMs }) => revokedMs !== null).length} of them ended here.`,
      checkpoint === null
        ? 'No checkpoint seen yet: `salus audit` keeps one.'
        : `Last checkpoint seen: block ${checkpoint.number}, ${checkpoint.hash}.`,
    ].join('\n');
    const { demonstration } = stored;
    context.terminal.result(text, {
      file,
      demonstration,
      network,
      pids,
      grants: grants.map(({ terms }) => terms),
      checkpoint,
    });
    return EXIT.ok;
  });
}

function addBackup(patient: Command, act: Act): void {
  const command = patient
    .command('backup')
    .description(
      'Leave the wallet’s content with every node that keeps a pid of yours, sealed so that only the recovery code opens it.',
    )
    .option('--at <organisation>', 'only there')
    .addOption(walletOption('patient'));
  act<PatientOptions>(command, 'salus patient backup --as ann', async (context, options) => {
    const home = await openPatientAtHome(context, options);
    const organisations = await forEachPid(context, home, async (session) => {
      await putBackup(session, home.wallet);
      return session.organisation;
    });
    context.terminal.result(`Backed up at ${organisations.join(', ')}.`, { organisations });
    return EXIT.ok;
  });
}

interface CardOptions extends PatientOptions {
  readonly categories?: readonly string[];
  readonly labels?: readonly string[];
  readonly days: number;
  readonly out?: string;
}

function addCard(patient: Command, act: Act): void {
  const command = patient
    .command('card')
    .description(
      'Make an emergency card for one pid: whoever holds it and is a clinician may break the glass at another organisation. Its file is a secret: print it as a QR code and delete it. It is ended like any grant, with `salus revoke`.',
    )
    .option('--at <organisation>', 'for the pid at this organisation')
    .option('--categories <list>', `what it opens (default: ${CARD_CATEGORIES.join(', ')})`, list)
    .option('--labels <list>', 'label classes, or all (default: all)', list)
    .option('--days <count>', 'how long it is valid', integer(1, 3650), CARD_DAYS)
    .option('--out <file>', 'where the card goes, mode 0600 (needed without --json)')
    .addOption(walletOption('patient'));
  act<CardOptions>(command, 'salus patient card --at hospital-a --out card.json --as ann', async (context, options) => {
    const { categories = CARD_CATEGORIES, labels = ['all'], days, out } = options;
    if (out === undefined && !context.terminal.json) {
      throw new CliError('bad-usage', 'Say where the card shall go.', { next: 'Give --out FILE, or --json.' });
    }
    if (out !== undefined && existsSync(resolve(context.workingDirectory, out))) {
      throw new CliError('bad-file', 'There is a file of that name already.', { next: 'Give --out another name.' });
    }
    demandCategories(categories);
    const home = await openPatientAtHome(context, options);
    const { pid } = onlyPid(home);
    const nowMs = context.nowMs();
    const made = await makeCard(
      home.wallet,
      { network: home.wallet.content.network, nowMs },
      {
        pid,
        categories,
        labelClasses: labelsOf(labels),
        notBeforeMs: nowMs - CLOCK_SLACK_MS,
        notAfterMs: nowMs + days * DAY_MS,
      },
    );
    const block = await asPatient(context.api, home.wallet, pid, async (session) => {
      const committed = await submitGrant(session, made);
      await keepWallet(context, home.opened, { wallet: made.wallet, session });
      return committed.block;
    });
    const { grant, terms } = made.card;
    if (out !== undefined) {
      writeFileSync(resolve(context.workingDirectory, out), JSON.stringify(made.card, null, 2), {
        mode: 0o600,
        flag: 'wx',
      });
    }
    const text = `The card is grant ${grant}, until ${when(terms.notAfterMs)} (block ${block}).`;
    context.terminal.result(text, { grant, block, card: made.card });
    return EXIT.ok;
  });
}

function addClose(patient: Command, act: Act): void {
  const command = patient
    .command('close')
    .description('Close a pid for good: nothing is granted, claimed or written for it any more.')
    .option('--at <organisation>', 'the pid at this organisation')
    .option('--yes', 'close it without being asked')
    .addOption(walletOption('patient'));
  act<PatientOptions & { readonly yes?: boolean }>(
    command,
    'salus patient close --at hospital-a --as ann',
    async (context, options) => {
      const home = await openPatientAtHome(context, options);
      const { pid, organisation }: PidEntry = onlyPid(home);
      const question = `Close the pid at ${organisation}? It cannot be opened again.`;
      if (options.yes !== true && !(await context.terminal.confirm(question))) {
        throw new CliError('cancelled', 'Nothing was closed.', { exit: EXIT.refused });
      }
      const occasion = { network: home.wallet.content.network, nowMs: context.nowMs() };
      const prepared = await closePid(home.wallet, occasion, pid);
      const { block } = await submitCall(context.api, organisation, prepared);
      await home.opened.save({ ...home.opened.stored, content: prepared.wallet.content });
      context.terminal.result(`The pid at ${organisation} is closed (block ${block}).`, { pid, organisation, block });
      return EXIT.ok;
    },
  );
}
