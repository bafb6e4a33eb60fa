import { hashTuple, kidOf, randomBytes, type SealedEnvelope, signerFromPkcs8, toBase64url, utf8 } from '@salus/crypto';
import { derivedDeviceKeys, parseRecoveryCode, recover, recoveryKeyOf, restoreContent } from '@salus/wallet';
import { saveWalletFile } from '@salus/wallet/node';
import type { Command } from 'commander';
import type { ApiClient } from '../api-client.ts';
import { CliError } from '../cli-error.ts';
import { EXIT } from '../exit-codes.ts';
import { asPatient, submitCall } from '../node-session.ts';
import { id, walletOption } from '../options.ts';
import { chooseSecret, readSecret } from '../passphrase.ts';
import { putBackup } from '../patient-node.ts';
import type { Act } from '../program.ts';
import { newWalletPath } from '../wallet-files.ts';

/** Recovery keys that a code is tried with: each claim and each recovery takes the next. */
const RECOVERY_KEYS_TRIED = 32;
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
      'On a new device: take your pids back with the recovery code. Every other device loses them at once. Needs one pid and its organisation; the others stand in the backup that the node keeps.',
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
    const { network } = await api.send<{ network: string }>({ method: 'GET', path: '/api/v1/network' });
    const backup = await fetchBackup(api, network, { ...options, recoveryCode });
    const content = await restoreContent(network, recoveryCode, backup);
    const question = 'A passphrase for the wallet of this device (12 characters or more): ';
    const passphrase = await chooseSecret(terminal, question, context.passphraseFile);
    const rootSecret = randomBytes(ROOT_SECRET_BYTES);
    let wallet = { content, keys: derivedDeviceKeys(rootSecret) };
    const save = (): Promise<void> =>
      saveWalletFile(file, passphrase, { kind: 'patient', rootSecret, content: wallet.content, demonstration: false });
    const outcomes: Outcome[] = [];
    for (const { pid, organisation } of content.pids) {
      const before = wallet;
      const prepared = await recover(wallet, { network, nowMs: context.nowMs() }, { pid, recoveryCode });
      wallet = { ...wallet, content: prepared.wallet.content };
      // The keys must be on the disk before the ledger gives them the pid.
      await save();
      try {
        const { block } = await submitCall(api, organisation, prepared);
        outcomes.push({ organisation, pid, block });
        terminal.say(`Recovered at ${organisation} (block ${block}).`);
      } catch (error) {
        if (!(error instanceof CliError)) throw error;
        // One pid that is closed, or was recovered before, does not keep the others.
        terminal.say(`Not recovered at ${organisation}: ${error.message} (${error.code})`);
        outcomes.push({ organisation, pid, error: error.code });
        if (error.exit !== EXIT.unreachable) wallet = before;
        await save();
      }
    }
    const recovered = outcomes.filter((outcome) => 'block' in outcome);
    for (const { pid } of recovered) {
      await asPatient(api, wallet, pid, (session) => putBackup(session, wallet));
    }
    const text = `${recovered.length} of ${outcomes.length} pids are yours again, with this device alone; wallet ${file}. The recovery code stays the same.`;
    terminal.result(text, { wallet: file, outcomes });
    return recovered.length === outcomes.length ? EXIT.ok : EXIT.refused;
  });
}

/** What became of one pid. */
type Outcome =
  | { readonly organisation: string; readonly pid: string; readonly block: number }
  | { readonly organisation: string; readonly pid: string; readonly error: string };

/** Logs in with whichever of the code's keys is the pid's recovery key now, and takes the sealed backup. */
async function fetchBackup(
  api: ApiClient,
  network: string,
  { org, pid, recoveryCode }: { readonly org: string; readonly pid: string; readonly recoveryCode: string },
): Promise<SealedEnvelope> {
  const secret = parseRecoveryCode(recoveryCode);
  const path = `/api/v1/orgs/${org}/patient`;
  for (let index = 0; index < RECOVERY_KEYS_TRIED; index += 1) {
    const key = recoveryKeyOf(secret, index);
    const kid = kidOf(key.publicKey);
    const { challenge } = await api.send<{ challenge: string }>({
      method: 'POST',
      path: `${path}/challenge`,
      body: { pid, kid },
    });
    const statement = utf8(hashTuple('login', network, org, pid, kid, challenge));
    const signature = toBase64url(await signerFromPkcs8(key.privateKey).sign(statement));
    const token = await tryLogIn(api, `${path}/login`, { pid, kid, challenge, signature });
    if (token === undefined) continue;
    const { backup } = await api.send<{ backup: SealedEnvelope }>({ method: 'GET', path: `${path}/backup`, token });
    await api.send({ method: 'POST', path: '/api/v1/logout', token });
    return backup;
  }
  throw new CliError('wrong-recovery-code', 'This recovery code is not the one of that pid.', {
    exit: EXIT.denied,
    next: 'Check --pid and --org, and that nobody recovered the pid with another code.',
  });
}

async function tryLogIn(api: ApiClient, path: string, body: object): Promise<string | undefined> {
  try {
    return (await api.send<{ token: string }>({ method: 'POST', path, body })).token;
  } catch (error) {
    if (error instanceof CliError && error.code === 'wrong-credentials') return undefined;
    throw error;
  }
}
