import { existsSync, readFileSync, rmSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { asPatient, ClientError, type Committed, isUnanswered, putBackup, submitCall } from '@salus/client';
import { randomBytes } from '@salus/crypto';
import {
  claim,
  createPatientWallet,
  derivedDeviceKeys,
  type PatientWallet,
  parseSlip,
  type Slip,
  type WalletContent,
  withoutPid,
} from '@salus/wallet';
import { patientWalletOf, saveWalletFile } from '@salus/wallet/node';
import type { Command } from 'commander';
import { CliError } from '../cli-error.ts';
import type { CommandContext } from '../command-context.ts';
import { EXIT } from '../exit-codes.ts';
import { walletOption } from '../options.ts';
import { chooseSecret } from '../passphrase.ts';
import type { Act } from '../program.ts';
import { newWalletPath, type OpenWallet, openPatient, type PatientStored, walletPath } from '../wallet-files.ts';

const SLIP_BYTES_MAX = 1_024;
const ROOT_SECRET_BYTES = 32;

interface ClaimOptions {
  readonly wallet?: string;
  readonly slipFile?: string;
}

/** A wallet with what is new about it. */
interface Claiming {
  readonly opened: OpenWallet<PatientStored>;
  readonly wallet: PatientWallet;
  /** Of a new wallet; shown now and kept nowhere. */
  readonly recoveryCode: string | undefined;
  /** Undoes what was written, when the ledger refuses the claim; `content` is what is left of it. */
  undo(content: WalletContent): Promise<void>;
}

/** `salus patient claim`: the slip's key, used once, gives the pid to this device. */
export function addClaimCommand(patient: Command, act: Act): void {
  const command = patient
    .command('claim')
    .argument('[slip]', 'the slip that the desk handed over (or --slip-file, or typed)')
    .description(
      'Take your pid at an organisation with its slip. The first claim makes a wallet, encrypted under a passphrase of yours, and shows a recovery code: write it down, it exists nowhere else.',
    )
    .option('--slip-file <file>', 'file whose first line is the slip')
    .addOption(walletOption('patient'));
  act<ClaimOptions>(
    command,
    'salus patient claim SALUS-SLIP:1:hospital-a:… --as ann',
    async (context, options, [word]) => {
      const slip = await readSlip(context, word, options.slipFile);
      const { network } = await context.api.send<{ network: string }>({ method: 'GET', path: '/api/v1/network' });
      const claiming = await prepareWallet(context, options.wallet ?? 'me', network);
      const { committed, wallet } = await submitClaim(context, claiming, { network, slip });
      await leaveBackup(context, wallet, slip.pid);
      const { recoveryCode, opened } = claiming;
      const lines = [
        `The pid ${slip.pid} at ${slip.organisation} is yours (block ${committed.block}); wallet ${opened.file}.`,
        ...(recoveryCode === undefined ? [] : [describeRecovery(recoveryCode, slip)]),
      ];
      context.terminal.result(lines.join('\n'), {
        pid: slip.pid,
        organisation: slip.organisation,
        wallet: opened.file,
        callId: committed.callId,
        block: committed.block,
        ...(recoveryCode === undefined ? {} : { recoveryCode }),
      });
      return EXIT.ok;
    },
  );
}

function describeRecovery(recoveryCode: string, { organisation, pid }: Pick<Slip, 'organisation' | 'pid'>): string {
  return [
    'RECOVERY CODE, shown once: write it down and keep it away from this device.',
    `  ${recoveryCode}`,
    'With it you get your pids back when the device is lost:',
    `  salus patient recover --org ${organisation} --pid ${pid}`,
  ].join('\n');
}

/** The claim stands whether this succeeds or not; the recovery code is still to be shown. */
async function leaveBackup({ api, terminal }: CommandContext, wallet: PatientWallet, pid: string): Promise<void> {
  try {
    await asPatient(api, wallet, pid, (session) => putBackup(session, wallet));
  } catch (error) {
    if (!(error instanceof ClientError)) throw error;
    terminal.say(
      `The wallet is saved, but its backup at the node is not: run \`salus patient backup\` (${error.code}).`,
    );
  }
}

async function readSlip(context: CommandContext, word: string | undefined, file: string | undefined): Promise<Slip> {
  if (word !== undefined) return parseSlip(word);
  if (file === undefined) return parseSlip(await context.terminal.askSecret('Slip: '));
  const path = resolve(context.workingDirectory, file);
  if (!existsSync(path) || statSync(path).size > SLIP_BYTES_MAX) {
    throw new CliError('bad-file', `${path} holds no slip.`);
  }
  return parseSlip(readFileSync(path, 'utf8').split(/\r?\n/, 1)[0] ?? '');
}

/** The keys must be on the disk before the ledger gives them the pid: a crash in between would lose it for ever. */
async function submitClaim(
  context: CommandContext,
  { opened, wallet, recoveryCode, undo }: Claiming,
  { network, slip }: { readonly network: string; readonly slip: Slip },
): Promise<{ readonly committed: Committed; readonly wallet: PatientWallet }> {
  const prepared = await claim(wallet, { network, nowMs: context.nowMs() }, slip);
  await opened.save({ ...opened.stored, content: prepared.wallet.content });
  try {
    return { committed: await submitCall(context.api, slip.organisation, prepared), wallet: prepared.wallet };
  } catch (error) {
    if (isUnanswered(error) || (error instanceof ClientError && error.status === 503)) {
      // It may have been done: whoever has the wallet must have its code as well.
      if (recoveryCode !== undefined) context.terminal.say(describeRecovery(recoveryCode, slip));
      context.terminal.say('Whether the pid was claimed is not known: look with `salus patient show`.');
    } else {
      await undo(withoutPid(prepared.wallet.content, slip.pid));
    }
    throw error;
  }
}

async function prepareWallet(context: CommandContext, name: string, network: string): Promise<Claiming> {
  if (existsSync(walletPath(context, name))) {
    const opened = await openPatient(context, name);
    const undo = (content: WalletContent): Promise<void> => opened.save({ ...opened.stored, content });
    return { opened, wallet: patientWalletOf(opened.stored), recoveryCode: undefined, undo };
  }
  const file = newWalletPath(context, name);
  const passphrase = await chooseSecret(
    context.terminal,
    'A passphrase for the new wallet (12 characters or more): ',
    context.passphraseFile,
  );
  const rootSecret = randomBytes(ROOT_SECRET_BYTES);
  const { wallet, recoveryCode } = await createPatientWallet(network, derivedDeviceKeys(rootSecret));
  const stored: PatientStored = { kind: 'patient', rootSecret, content: wallet.content, demonstration: false };
  const opened = { file, stored, save: (changed: PatientStored) => saveWalletFile(file, passphrase, changed) };
  return { opened, wallet, recoveryCode, undo: async () => rmSync(file, { force: true }) };
}
