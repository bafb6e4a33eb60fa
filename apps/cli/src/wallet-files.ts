import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join, resolve, sep } from 'node:path';
import { WalletError } from '@salus/wallet';
import { openWalletFile, type StoredWallet, saveWalletFile } from '@salus/wallet/node';
import { CliError } from './cli-error.ts';
import type { CommandContext } from './command-context.ts';
import { EXIT } from './exit-codes.ts';
import { readSecret } from './passphrase.ts';

export type PatientStored = Extract<StoredWallet, { kind: 'patient' }>;
export type StaffStored = Extract<StoredWallet, { kind: 'staff' }>;
type WalletKind = StoredWallet['kind'];

/** An opened wallet file. The passphrase stays in memory, so that a change can be saved. */
export interface OpenWallet<Stored extends StoredWallet> {
  readonly file: string;
  readonly stored: Stored;
  save(changed: Stored): Promise<void>;
}

const EXTENSION = '.wallet';
const CREDENTIALS_BYTES_MAX = 1024 * 1024;

/** Where a node that founded a network put wallets, with the credentials that open them beside. */
const FOUNDED_DIRECTORIES = ['demonstration', 'administrators'] as const;

/** The file of a wallet: a path as given; a name in the person's own directory, else among those of a founding. */
export function walletPath(places: Places, wallet: string): string {
  if (wallet.includes(sep) || wallet.endsWith(EXTENSION)) return resolve(places.workingDirectory, wallet);
  const own = join(places.configDirectory, 'wallets', `${wallet}${EXTENSION}`);
  const founded = foundedIn(places).map((directory) => join(directory, `${wallet}${EXTENSION}`));
  return existsSync(own) ? own : (founded.find((file) => existsSync(file)) ?? own);
}

type Places = Pick<CommandContext, 'configDirectory' | 'foundedDirectories' | 'workingDirectory'>;

function foundedIn({ foundedDirectories }: Pick<Places, 'foundedDirectories'>): readonly string[] {
  return foundedDirectories.flatMap((directory) => FOUNDED_DIRECTORIES.map((name) => join(directory, name)));
}

/** The name by which `--as` finds a wallet file again. */
export function walletName(file: string): string {
  return basename(file, EXTENSION);
}

/** Opens a patient's wallet; the passphrase of a founding stands in the credentials beside it. */
export async function openPatient(
  context: CommandContext,
  wallet: string | undefined,
): Promise<OpenWallet<PatientStored>> {
  const { file, passphrase, stored } = await open(context, wallet);
  if (stored.kind !== 'patient') throw wrongKind(file, 'patient');
  return { file, stored, save: (changed) => saveWalletFile(file, passphrase, changed) };
}

/** Opens the wallet of a member of staff. */
export async function openStaff(context: CommandContext, wallet: string | undefined): Promise<OpenWallet<StaffStored>> {
  const { file, passphrase, stored } = await open(context, wallet);
  if (stored.kind !== 'staff') throw wrongKind(file, 'staff');
  return { file, stored, save: (changed) => saveWalletFile(file, passphrase, changed) };
}

/** Opens either kind, for what patients and staff may both do. */
export async function openWallet(context: CommandContext, wallet: string | undefined): Promise<Opened> {
  return open(context, wallet);
}

/** How the credentials of a founding say that a wallet is opened and its owner logs in. */
export interface FoundedCredential {
  readonly wallet?: string;
  readonly passphrase?: string;
  readonly account?: string;
  readonly password?: string;
}

/** What the credentials beside a wallet say of it, where a founding put both there. */
export function foundedCredential(
  places: Pick<Places, 'foundedDirectories'>,
  file: string,
): FoundedCredential | undefined {
  const directory = foundedIn(places).find((candidate) => resolve(file).startsWith(resolve(candidate) + sep));
  if (directory === undefined) return undefined;
  const credentials = join(directory, 'credentials.json');
  if (!existsSync(credentials)) return undefined;
  if (statSync(credentials).size > CREDENTIALS_BYTES_MAX) return undefined;
  const { staff = [], patients = [] } = JSON.parse(readFileSync(credentials, 'utf8')) as {
    readonly staff?: readonly FoundedCredential[];
    readonly patients?: readonly FoundedCredential[];
  };
  return [...staff, ...patients].find(({ wallet }) => wallet !== undefined && walletName(wallet) === walletName(file));
}

/** A wallet that does not exist yet, so that no command replaces somebody's keys. */
export function newWalletPath(places: Places, wallet: string): string {
  const file =
    wallet.includes(sep) || wallet.endsWith(EXTENSION)
      ? resolve(places.workingDirectory, wallet)
      : join(places.configDirectory, 'wallets', `${wallet}${EXTENSION}`);
  if (existsSync(file)) {
    throw new CliError('wallet-exists', `There is a wallet at ${file} already.`, { next: 'Choose another name.' });
  }
  return file;
}

interface Opened {
  readonly file: string;
  readonly passphrase: string;
  readonly stored: StoredWallet;
}

/** A command that looks into a wallet twice asks for its passphrase once. */
const openedBy = new WeakMap<CommandContext, Map<string, Promise<Opened>>>();

async function open(context: CommandContext, wallet: string | undefined): Promise<Opened> {
  const file = walletPath(context, wallet ?? onlyWallet(context));
  const opened = openedBy.get(context) ?? new Map<string, Promise<Opened>>();
  openedBy.set(context, opened);
  const before = opened.get(file);
  if (before !== undefined) return before;
  const opening = openFile(context, file);
  opened.set(file, opening);
  return opening;
}

async function openFile(context: CommandContext, file: string): Promise<Opened> {
  if (!existsSync(file)) {
    throw new CliError('wallet-missing', `There is no wallet at ${file}.`, { next: knownSentence(context) });
  }
  const known = context.passphraseFile === undefined ? foundedCredential(context, file)?.passphrase : undefined;
  const passphrase = known ?? (await readSecret(context.terminal, `Passphrase of ${file}: `, context.passphraseFile));
  try {
    return { file, passphrase, stored: await openWalletFile(file, passphrase) };
  } catch (cause) {
    if (!(cause instanceof WalletError)) throw cause;
    throw new CliError({ relayed: cause.code }, cause.message, { exit: EXIT.denied, cause });
  }
}

/** Without --as: a person's only wallet. */
function onlyWallet(places: Places): string {
  const own = walletsIn(join(places.configDirectory, 'wallets'));
  const [only] = own;
  if (only !== undefined && own.length === 1) return only;
  throw new CliError('wallet-not-named', 'Say whose wallet to use.', {
    next: `Give --as WALLET. ${knownSentence(places)}`,
  });
}

function knownSentence(places: Pick<Places, 'configDirectory' | 'foundedDirectories'>): string {
  const directories = [join(places.configDirectory, 'wallets'), ...foundedIn(places)];
  const known = directories.flatMap((directory) => walletsIn(directory));
  if (known.length === 0) return 'A patient makes one with `salus patient claim SLIP`.';
  return `Known wallets: ${known.join(', ')}.`;
}

function walletsIn(directory: string): readonly string[] {
  if (!existsSync(directory)) return [];
  return readdirSync(directory)
    .filter((name) => name.endsWith(EXTENSION))
    .map((name) => walletName(name))
    .sort();
}

function wrongKind(file: string, wanted: WalletKind): CliError {
  const whose = wanted === 'patient' ? 'a patient' : 'a member of staff';
  return new CliError('wrong-wallet', `${file} is not the wallet of ${whose}.`, { next: 'Name another with --as.' });
}
