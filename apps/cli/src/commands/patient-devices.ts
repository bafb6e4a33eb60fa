import { existsSync, readFileSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { type DeviceFact, deviceKey } from '@salus/contracts';
import {
  CryptoError,
  canonicalBytes,
  type Json,
  kidOf,
  openHpke,
  parseJson,
  randomBytes,
  type SealedEnvelope,
  sealHpke,
} from '@salus/crypto';
import {
  addDevice,
  createPatientWallet,
  derivedDeviceKeys,
  ownDevice,
  type PatientWallet,
  parseContent,
  removeDevice,
  WalletError,
} from '@salus/wallet';
import { patientWalletOf, saveWalletFile } from '@salus/wallet/node';
import type { Command } from 'commander';
import { CliError } from '../cli-error.ts';
import { EXIT } from '../exit-codes.ts';
import { asPatient, submitCall } from '../node-session.ts';
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

const OFFER_VERSION = 'salus:device-offer:v1';
const JOIN_VERSION = 'salus:device-join:v1';
const FILE_BYTES_MAX = 8 * 1024 * 1024;
const ROOT_SECRET_BYTES = 32;
const PIDS_MAX = 32;

interface OfferedDevice {
  readonly pid: string;
  readonly device: { readonly publicKey: string; readonly hpke: string; readonly proof: string };
}

/** What a new device tells the old one: public keys only, each proven. */
interface DeviceOffer {
  readonly version: typeof OFFER_VERSION;
  readonly network: string;
  readonly devices: readonly OfferedDevice[];
}

/** The wallet's content (no keys), sealed to the new device. */
interface DeviceJoin {
  readonly version: typeof JOIN_VERSION;
  readonly network: string;
  readonly pid: string;
  readonly content: SealedEnvelope;
}

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
    const perPid = await forEachPid(context, home, async ({ api, organisation, token }, { pid, kid }) => {
      const { entries } = await api.send<{
        readonly entries: readonly { readonly value: DeviceFact & { readonly kid: string } }[];
      }>({
        method: 'GET',
        path: '/api/v1/ledger/entries',
        query: { prefix: deviceKey(pid, ''), limit: 200 },
        token,
      });
      return { organisation, pid, own: kid, devices: entries.map(({ value }) => value) };
    });
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
    if (pids.length > PIDS_MAX) throw new CliError('bad-usage', `A wallet has at most ${PIDS_MAX} pids.`);
    const file = newWalletPath(context, options.wallet ?? 'me');
    const { network } = await context.api.send<{ network: string }>({ method: 'GET', path: '/api/v1/network' });
    const question = 'A passphrase for the wallet of this device (12 characters or more): ';
    const passphrase = await chooseSecret(context.terminal, question, context.passphraseFile);
    const rootSecret = randomBytes(ROOT_SECRET_BYTES);
    const keys = derivedDeviceKeys(rootSecret);
    // An empty content stands in until the old device has sent the real one.
    const { content } = (await createPatientWallet(network, keys)).wallet;
    await saveWalletFile(file, passphrase, { kind: 'patient', rootSecret, content, demonstration: false });
    const devices = await Promise.all(
      pids.map(async (pid) => ({ pid, device: (await ownDevice(network, keys, pid)) as OfferedDevice['device'] })),
    );
    const offer: DeviceOffer = { version: OFFER_VERSION, network, devices };
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
    const offer = readOffer(resolve(context.workingDirectory, file));
    const home = await openPatientAtHome(context, options.wallet === undefined ? {} : { wallet: options.wallet });
    let { wallet } = home;
    for (const { pid, device } of offer.devices) {
      const occasion = { network: wallet.content.network, nowMs: context.nowMs() };
      const prepared = await addDevice(wallet, occasion, { pid, device });
      await asPatient(context.api, wallet, pid, async (session) => {
        await submitCall(context.api, session.organisation, prepared);
        await keepWallet(context, home.opened, { wallet: prepared.wallet, session });
      });
      ({ wallet } = prepared);
    }
    const join = await sealJoin(wallet, offer);
    context.terminal.say('The new device may act. Bring this to it: salus patient join-device FILE');
    context.terminal.result(JSON.stringify(join, null, 2), join);
    return EXIT.ok;
  });
}

async function sealJoin({ content }: PatientWallet, { devices }: DeviceOffer): Promise<DeviceJoin> {
  const first = devices[0]!;
  const kids = new Map(devices.map(({ pid, device }) => [pid, kidOf(device.publicKey)]));
  const pids = content.pids.flatMap((entry) => {
    const kid = kids.get(entry.pid);
    return kid === undefined ? [] : [{ ...entry, kid }];
  });
  const sealed = await sealHpke({
    publicKey: first.device.hpke,
    info: [JOIN_VERSION, content.network, first.pid],
    plaintext: canonicalBytes({ ...content, pids } as unknown as Json),
  });
  return { version: JOIN_VERSION, network: content.network, pid: first.pid, content: sealed };
}

function addJoin(patient: Command, act: Act): void {
  const command = patient
    .command('join-device')
    .argument('<file>', 'what the old device’s add-device printed')
    .description('On the new device: take the wallet’s content. From then on it acts for your pids with its own keys.')
    .addOption(walletOption('patient'));
  act<PatientOptions>(
    command,
    'salus patient join-device join.json --as phone',
    async (context, options, [file = '']) => {
      const path = resolve(context.workingDirectory, file);
      const join = readJson<DeviceJoin>(path);
      if (join?.version !== JOIN_VERSION) throw notOf(path, 'add-device');
      const opened = await openPatient(context, options.wallet);
      const key = await patientWalletOf(opened.stored).keys.hpkeKey(join.pid);
      const info = [JOIN_VERSION, opened.stored.content.network, join.pid];
      const plaintext = await openHpke({ ...key, info, envelope: join.content }).catch((cause: unknown) => {
        throw new CliError('bad-file', `${path} is not sealed to this device.`, { exit: EXIT.refused, cause });
      });
      const content = parseContent(plaintext);
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

function readOffer(file: string): DeviceOffer {
  const offer = readJson<DeviceOffer>(file);
  const wellFormed =
    offer?.version === OFFER_VERSION &&
    Array.isArray(offer.devices) &&
    offer.devices.length > 0 &&
    offer.devices.length <= PIDS_MAX &&
    offer.devices.every(
      ({ pid, device }) =>
        typeof pid === 'string' &&
        [device?.publicKey, device?.hpke, device?.proof].every((text) => typeof text === 'string'),
    );
  if (!wellFormed) throw notOf(file, 'offer-device');
  return offer;
}

function readJson<T>(file: string): T | null {
  if (!existsSync(file) || statSync(file).size > FILE_BYTES_MAX) {
    throw new CliError('bad-file', `${file} is missing or too large.`);
  }
  try {
    return parseJson(readFileSync(file), { sizeMax: FILE_BYTES_MAX, depthMax: 12 }) as unknown as T | null;
  } catch (cause) {
    if (!(cause instanceof CryptoError) && !(cause instanceof WalletError)) throw cause;
    throw new CliError('bad-file', `${file} is not JSON.`, { cause });
  }
}

function notOf(file: string, command: string): CliError {
  return new CliError('bad-file', `${file} is not what \`salus patient ${command}\` printed.`);
}
