import { existsSync, readFileSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import {
  asPatient,
  listDevices,
  type NodeSession,
  OFFERED_PIDS_MAX,
  offerDevice,
  openJoin,
  parseJoin,
  parseOffer,
  readNetwork,
  sealJoin,
  submitCall,
} from '@salus/client';
import { CryptoError, type Json, kidOf, parseJson, randomBytes } from '@salus/crypto';
import { addDevice, createPatientWallet, derivedDeviceKeys, removeDevice, WalletError } from '@salus/wallet';
import { patientWalletOf, saveWalletFile } from '@salus/wallet/node';
import type { Command } from 'commander';
import { CliError } from '../cli-error.ts';
import { EXIT } from '../exit-codes.ts';
import { id, walletOption } from '../options.ts';
import { chooseSecret } from '../passphrase.ts';
import {
  forEachPid,
  keepWallet,
  onlyPid,
  openPatientAtHome,
  type PatientAtHome,
  type PatientOptions,
} from '../patient-node.ts';
import type { Act } from '../program.ts';
import { table, when } from '../terminal.ts';
import { newWalletPath, openPatient } from '../wallet-files.ts';

const FILE_BYTES_MAX = 8 * 1024 * 1024;
const ROOT_SECRET_BYTES = 32;

/** `salus patient devices`, `offer-device`, `add-device`, `join-device`, `remove-device`. */
export function addDeviceCommands(patient: Command, act: Act): void {
  addDevices(patient, act);
  addOffer(patient, act);
  addAdd(patient, act);
  addJoin(patient, act);
  addRemove(patient, act);
}

function addDevices(patient: Command, act: Act): void {
  const command = patient
    .command('devices')
    .description('The devices that may act for your pids, as the ledger lists them.')
    .option('--at <organisation>', 'only for the pid at this organisation')
    .addOption(walletOption('patient'));
  act<PatientOptions>(command, 'salus patient devices --as ann', async (context, options) => {
    const home = await openPatientAtHome(context, options);
    const perPid = await forEachPid(context, home, async (session, { organisation, pid, kid }) => ({
      organisation,
      pid,
      own: kid,
      devices: await listDevices(session, pid),
    }));
    const rows = perPid.flatMap(({ organisation, own, devices }) =>
      devices.map((device) => [
        organisation,
        device.kid,
        device.status,
        when(device.addedMs),
        device.kid === own ? 'this device' : '',
      ]),
    );
    context.terminal.result(table(['at', 'key', 'state', 'since', ''], rows), { pids: perPid });
    return EXIT.ok;
  });
}

function addOffer(patient: Command, act: Act): void {
  const command = patient
    .command('offer-device')
    .argument('<pid...>', 'your pids (see `salus patient show` on the old device)', pidList)
    .description('On a new device: make its own keys and print what the old device needs to add it. No key leaves it.')
    .addOption(walletOption('patient'));
  const example = 'salus patient offer-device f_Wa… qj3B… --as phone > offer.json';
  act<PatientOptions>(command, example, async (context, options, pids) => {
    if (pids.length > OFFERED_PIDS_MAX) {
      throw new CliError('bad-usage', `A wallet has at most ${OFFERED_PIDS_MAX} pids.`);
    }
    const file = newWalletPath(context, options.wallet ?? 'me');
    const network = await readNetwork(context.api);
    const question = 'A passphrase for the wallet of this device (12 characters or more): ';
    const passphrase = await chooseSecret(context.terminal, question, context.passphraseFile);
    const rootSecret = randomBytes(ROOT_SECRET_BYTES);
    const keys = derivedDeviceKeys(rootSecret);
    // An empty content stands in until the old device has sent the real one.
    const { content } = (await createPatientWallet(network, keys)).wallet;
    await saveWalletFile(file, passphrase, { kind: 'patient', rootSecret, content, demonstration: false });
    const offer = await offerDevice(network, keys, pids);
    context.terminal.say('Bring this to the old device: salus patient add-device FILE');
    context.terminal.result(JSON.stringify(offer, null, 2), offer);
    return EXIT.ok;
  });
}

function addAdd(patient: Command, act: Act): void {
  const command = patient
    .command('add-device')
    .argument('<file>', 'what the new device’s offer-device printed')
    .description('On the old device: let the new one act for your pids, and print what it needs to join.')
    .addOption(walletOption('patient'));
  const example = 'salus patient add-device offer.json --as ann > join.json';
  act<PatientOptions>(command, example, async (context, options, [file = '']) => {
    const offer = parseOffer(readJson(resolve(context.workingDirectory, file)));
    const home = await openPatientAtHome(context, options.wallet === undefined ? {} : { wallet: options.wallet });
    let { wallet } = home;
    for (const { pid, device } of offer.devices) {
      const before = wallet;
      wallet = await asPatient(context.api, before, pid, async (session) => {
        // A try that broke off after this may be made again.
        if (await isActive(session, pid, kidOf(device.publicKey))) return before;
        const occasion = { network: before.content.network, nowMs: context.nowMs() };
        const prepared = await addDevice(before, occasion, { pid, device });
        await submitCall(context.api, session.organisation, prepared);
        await keepWallet(context, home.opened, { wallet: prepared.wallet, session });
        return prepared.wallet;
      });
    }
    const { join, kept } = await sealJoin(wallet, offer);
    await home.opened.save({ ...home.opened.stored, content: kept });
    const from = kidOf(join.by.publicKey);
    context.terminal.say(
      `The new device may act. Bring this to it, and type its last word: salus patient join-device FILE ${from}`,
    );
    context.terminal.result(JSON.stringify(join, null, 2), join);
    return EXIT.ok;
  });
}

async function isActive(session: NodeSession, pid: string, kid: string): Promise<boolean> {
  const devices = await listDevices(session, pid);
  return devices.some((device) => device.kid === kid && device.status === 'active');
}

function addJoin(patient: Command, act: Act): void {
  const command = patient
    .command('join-device')
    .argument('<file>', 'what the old device’s add-device printed')
    .argument('<key>', 'the key of the old device, as add-device tells it there: the file is taken from no other', id)
    .description('On the new device: take the wallet’s content. From then on it acts for your pids with its own keys.')
    .addOption(walletOption('patient'));
  act<PatientOptions>(
    command,
    'salus patient join-device join.json 9xQ… --as phone',
    async (context, options, [file = '', from = '']) => {
      const path = resolve(context.workingDirectory, file);
      const join = parseJoin(readJson(path));
      const opened = await openPatient(context, options.wallet);
      if (join.network !== opened.stored.content.network) {
        throw new CliError('bad-file', 'The file is of another network than this wallet.');
      }
      const content = await openJoin(patientWalletOf(opened.stored).keys, join, from);
      await opened.save({ ...opened.stored, content });
      const pids = content.pids.map(({ organisation }) => organisation).join(', ');
      context.terminal.result(`This device acts for your pids at ${pids}.`, { pids: content.pids });
      return EXIT.ok;
    },
  );
}

function addRemove(patient: Command, act: Act): void {
  const command = patient
    .command('remove-device')
    .argument('<key>', 'the device’s key (see `salus patient devices`)', id)
    .description(
      'Remove a device of one pid: it signs nothing more and is sealed nothing new. For a lost device do so at every pid, or recover.',
    )
    .option('--at <organisation>', 'for the pid at this organisation')
    .addOption(walletOption('patient'));
  act<PatientOptions>(
    command,
    'salus patient remove-device 9xQ… --at hospital-a --as ann',
    async (context, options, [kid = '']) => {
      const home: PatientAtHome = await openPatientAtHome(context, options);
      const { pid, organisation } = onlyPid(home);
      const occasion = { network: home.wallet.content.network, nowMs: context.nowMs() };
      const prepared = await removeDevice(home.wallet, occasion, { pid, kid });
      const { block } = await submitCall(context.api, organisation, prepared);
      await home.opened.save({ ...home.opened.stored, content: prepared.wallet.content });
      context.terminal.result(`The device is removed at ${organisation} (block ${block}).`, {
        pid,
        organisation,
        kid,
        block,
      });
      return EXIT.ok;
    },
  );
}

function pidList(value: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), id(value)];
}

function readJson(file: string): Json {
  if (!existsSync(file) || statSync(file).size > FILE_BYTES_MAX) {
    throw new CliError('bad-file', `${file} is missing or too large.`);
  }
  try {
    return parseJson(readFileSync(file), { sizeMax: FILE_BYTES_MAX, depthMax: 12 });
  } catch (cause) {
    if (!(cause instanceof CryptoError) && !(cause instanceof WalletError)) throw cause;
    throw new CliError('bad-file', `${file} is not JSON.`, { cause });
  }
}
