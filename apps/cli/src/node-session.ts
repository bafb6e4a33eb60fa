import {
  logInPatient,
  logInStaff,
  type NodeSession,
  type StaffAtWork,
  type StaffNodeSession,
  whileLoggedIn,
} from '@salus/client';
import { patientWalletOf, staffWalletOf } from '@salus/wallet/node';
import type { CommandContext } from './command-context.ts';
import { readSecret } from './passphrase.ts';
import {
  foundedCredential,
  type OpenWallet,
  openStaff,
  openWallet,
  type StaffStored,
  walletName,
} from './wallet-files.ts';

/** Logs a member of staff in, lets `work` run and ends the session, however `work` ends. */
export async function asStaff<T>(
  context: CommandContext,
  options: { readonly wallet?: string | undefined; readonly account?: string | undefined },
  work: (staff: StaffAtWork) => Promise<T>,
): Promise<T> {
  const opened = await openStaff(context, options.wallet);
  const session = await logIn(context, opened, options.account);
  const wallet = staffWalletOf(opened.stored);
  const occasion = { network: wallet.network, nowMs: context.nowMs() };
  return whileLoggedIn(session, () => work({ session, wallet, occasion }));
}

/** Logs anybody in, for what the ledger shows to every member and patient. */
export async function asAnybody<T>(
  context: CommandContext,
  wallet: string | undefined,
  work: (session: NodeSession) => Promise<T>,
): Promise<T> {
  const { file, stored } = await openWallet(context, wallet);
  if (stored.kind === 'staff') {
    const session = await logIn(context, { file, stored }, undefined);
    return whileLoggedIn(session, () => work(session));
  }
  const patient = patientWalletOf(stored);
  const [first] = stored.content.pids;
  const session = await logInPatient(context.api, patient, first?.pid ?? '');
  return whileLoggedIn(session, () => work(session));
}

async function logIn(
  context: CommandContext,
  { file, stored }: Pick<OpenWallet<StaffStored>, 'file' | 'stored'>,
  named: string | undefined,
): Promise<StaffNodeSession> {
  const { api, terminal, passwordFile } = context;
  const known = foundedCredential(context, file);
  const account = named ?? known?.account ?? walletName(file);
  const { organisation } = stored;
  const password =
    (passwordFile === undefined ? known?.password : undefined) ??
    (await readSecret(terminal, `Password of ${account} at ${organisation}: `, passwordFile));
  return logInStaff(api, { organisation, account, password });
}
