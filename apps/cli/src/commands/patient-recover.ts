import { readNetwork, recoverPids, restoreBackups } from '@salus/client';
import { randomBytes } from '@salus/crypto';
import { derivedDeviceKeys, type PatientWallet } from '@salus/wallet';
import { saveWalletFile } from '@salus/wallet/node';
import type { Command } from 'commander';
import { EXIT } from '../exit-codes.ts';
import { id, walletOption } from '../options.ts';
import { chooseSecret, readSecret } from '../passphrase.ts';
import type { Act } from '../program.ts';
import { newWalletPath } from '../wallet-files.ts';

const ROOT_SECRET_BYTES = 32;

interface RecoverOptions {
  readonly wallet?: string;
  readonly org: string;
  readonly pid: string;
  readonly codeFile?: string;
}

/** `salus patient recover`: all pids of the wallet get this device's keys and lose every other. */
export function addRecoverCommand(patient: Command, act: Act): void {
  const command = patient
    .command('recover')
    .description(
      'On a new device: take your pids back with the recovery code. Every other device loses them at once. Needs one pid and its organisation; the others stand in the backups that your devices left at the node.',
    )
    .requiredOption('--org <organisation>', 'where one of your pids is')
    .requiredOption('--pid <pid>', 'that pid', id)
    .option('--code-file <file>', 'file of mode 0600 whose first line is the recovery code (else it is asked for)')
    .addOption(walletOption('patient'));
  const example = 'salus patient recover --org hospital-a --pid f_Wa… --as ann-new';
  act<RecoverOptions>(command, example, async (context, options) => {
    const { api, terminal } = context;
    const file = newWalletPath(context, options.wallet ?? 'me');
    const recoveryCode = await readSecret(terminal, 'Recovery code: ', options.codeFile);
    const network = await readNetwork(api);
    const { org: organisation, pid } = options;
    const start = { network, organisation, pid, recoveryCode };
    const { content, seen, hasBackup } = await restoreBackups(api, start);
    const question = 'A passphrase for the wallet of this device (12 characters or more): ';
    const passphrase = await chooseSecret(terminal, question, context.passphraseFile);
    const rootSecret = randomBytes(ROOT_SECRET_BYTES);
    const restored = { content, seen, keys: derivedDeviceKeys(rootSecret) };
    const save = ({ content: changed }: PatientWallet): Promise<void> =>
      saveWalletFile(file, passphrase, { kind: 'patient', rootSecret, content: changed, demonstration: false });
    const recovery = await recoverPids(api, restored, { recoveryCode, nowMs: context.nowMs, save });
    const outcomes = recovery.outcomes.map((outcome) =>
      'block' in outcome
        ? outcome
        : { organisation: outcome.organisation, pid: outcome.pid, error: outcome.error.code },
    );
    for (const outcome of recovery.outcomes) {
      const { organisation } = outcome;
      terminal.say(
        'block' in outcome
          ? `Recovered at ${organisation} (block ${outcome.block}).`
          : `${outcome.isRefused ? 'Not recovered' : 'Perhaps recovered'} at ${organisation}: ${outcome.error.message} (${outcome.error.code})`,
      );
    }
    if (!hasBackup) {
      terminal.say('No backup was found: pids at other organisations come back with this code and one of them.');
    }
    if (!recovery.isLedgerKnown) {
      terminal.say(
        'Your devices left word of a ledger that this node does not show: a backup was made up, or the ledger was replaced.',
      );
    }
    if (!recovery.isBackedUp) terminal.say('The backup is not at every node: run `salus patient backup`.');
    const recovered = outcomes.filter((outcome) => 'block' in outcome);
    const text = `${recovered.length} of ${outcomes.length} pids are yours again, with this device alone; wallet ${file}. The recovery code stays the same.`;
    terminal.result(text, { wallet: file, outcomes });
    return recovered.length === outcomes.length ? EXIT.ok : EXIT.refused;
  });
}
