import { existsSync, readFileSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { type StaffAtWork, submitCall } from '@salus/client';
import { ADMINISTRATOR_ROLE } from '@salus/contracts';
import {
  CryptoError,
  generateSigningKeySync,
  parseJson,
  randomBytes,
  signerFromPkcs8,
  toBase64url,
  verifyEs256,
} from '@salus/crypto';
import { staffCall } from '@salus/wallet';
import { saveWalletFile } from '@salus/wallet/node';
import type { Command } from 'commander';
import { CliError } from '../cli-error.ts';
import { EXIT } from '../exit-codes.ts';
import { asStaff } from '../node-session.ts';
import { accountOption, id, list, walletOption } from '../options.ts';
import { chooseSecret, readSecret } from '../passphrase.ts';
import type { Act } from '../program.ts';
import { newWalletPath, openStaff } from '../wallet-files.ts';
import { addAppCommands } from './staff-apps.ts';
import { addMemberCommands } from './staff-members.ts';
import { addMove } from './staff-move.ts';
import { addRelease } from './staff-release.ts';

const ENROLMENT_VERSION = 'salus:enrolment:v1';
const FILE_BYTES_MAX = 64 * 1024;
const PASSWORD_BYTES = 15;
const PUBLIC_KEY = /^B[A-Za-z0-9_-]{86}$/;

interface StaffOptions {
  readonly wallet?: string;
  readonly account?: string;
}

/** What an administrator hands to a new colleague: nothing that signs. */
interface Enrolment {
  readonly version: typeof ENROLMENT_VERSION;
  readonly network: string;
  readonly organisation: string;
  readonly id: string;
  readonly account: string;
  readonly roles: readonly string[];
  readonly publicKey: string;
  readonly chain: readonly string[];
}

/** `salus staff …`: wallets of members of staff, and their enrolment by an administrator. */
export function addStaffCommands(program: Command, act: Act): void {
  const staff = program.command('staff').description('Members of staff: their wallets, enrolment and revocation.');
  addShow(staff, act);
  addNew(staff, act);
  addEnrol(staff, act);
  addAccept(staff, act);
  addPassword(staff, act);
  addRevoke(staff, act);
  addAppCommands(staff, act);
  addMemberCommands(staff, act);
  addMove(staff, act);
  addRelease(staff, act);
}

function addShow(staff: Command, act: Act): void {
  const command = staff
    .command('show')
    .description('Whose wallet it is. Asks no node and shows no key.')
    .addOption(walletOption('staff'));
  act<StaffOptions>(command, 'salus staff show --as a.rossi', async (context, options) => {
    const { file, stored } = await openStaff(context, options.wallet);
    const { network, organisation, id: person, roles, demonstration, chain } = stored;
    const state =
      chain.length === 0
        ? 'not enrolled yet: `salus staff accept FILE`'
        : `${roles.join(', ')} at ${organisation}, id ${person}`;
    const text = `${file}${demonstration ? ' (of a demonstration: everybody may open it)' : ''}\n${state}\nnetwork ${network}`;
    context.terminal.result(text, {
      file,
      demonstration,
      network,
      organisation,
      id: person,
      roles,
      enrolled: chain.length > 0,
    });
    return EXIT.ok;
  });
}

function addNew(staff: Command, act: Act): void {
  const command = staff
    .command('new')
    .description(
      'On a new colleague’s own device: make a key and a wallet, and print the public key for the administrator.',
    )
    .addOption(walletOption('staff'));
  act<StaffOptions>(command, 'salus staff new --as c.weber', async (context, options) => {
    const file = newWalletPath(context, options.wallet ?? 'me');
    const { network } = await context.api.send<{ network: string }>({ method: 'GET', path: '/api/v1/network' });
    const question = 'A passphrase for the new wallet (12 characters or more): ';
    const passphrase = await chooseSecret(context.terminal, question, context.passphraseFile);
    const { privateKey, publicKey } = generateSigningKeySync();
    // Certificate and id come with the enrolment.
    const pending = { organisation: '', id: '', roles: [], chain: [] };
    await saveWalletFile(file, passphrase, { kind: 'staff', network, privateKey, demonstration: false, ...pending });
    const text = `Wallet ${file}. Give the administrator this public key:\n${publicKey}`;
    context.terminal.result(text, { wallet: file, network, publicKey });
    return EXIT.ok;
  });
}

interface EnrolOptions extends StaffOptions {
  readonly name: string;
  readonly roles: readonly string[];
  readonly publicKey: string;
  readonly newPasswordFile?: string;
}

function addEnrol(staff: Command, act: Act): void {
  const command = staff
    .command('enrol')
    .description(
      'As administrator: certify a colleague’s public key, put it on the ledger with your signature, and open an account. Give the printed enrolment to the colleague, and the first password in person.',
    )
    .requiredOption('--name <account>', 'the account to open')
    .requiredOption(
      '--roles <list>',
      'clinician, nurse, pharmacist, laboratory, registrar, researcher, privacy-officer, administrator',
      list,
    )
    .requiredOption('--public-key <key>', 'what `salus staff new` printed')
    .option('--new-password-file <file>', 'first password of the account, mode 0600 (else one is drawn and printed)')
    .addOption(walletOption('staff'))
    .addOption(accountOption());
  const example =
    'salus staff enrol --name c.weber --roles clinician --public-key BPx… --as hospital-a.admin > enrolment.json';
  act<EnrolOptions>(command, example, async (context, options) => {
    const { name, roles, publicKey, newPasswordFile } = options;
    if (!PUBLIC_KEY.test(publicKey)) {
      throw new CliError('bad-usage', 'This is no public key.', {
        next: 'It is what `salus staff new` prints: B and 86 more characters.',
      });
    }
    const drawn = newPasswordFile === undefined ? toBase64url(randomBytes(PASSWORD_BYTES)) : undefined;
    const password = drawn ?? (await readSecret(context.terminal, '', newPasswordFile));
    const enrolment = await asStaff(context, options, async (administrator) => {
      demandAdministrator(administrator);
      return enrol(administrator, { account: name, roles, publicKey, password });
    });
    context.terminal.say(`${name} is enrolled as ${roles.join(', ')}. Hand this over: salus staff accept FILE`);
    if (drawn !== undefined) {
      context.terminal.say(`First password, told in person and changed with \`salus staff password\`: ${drawn}`);
    }
    context.terminal.result(JSON.stringify(enrolment, null, 2), enrolment);
    return EXIT.ok;
  });
}

async function enrol(
  { session, wallet, occasion }: StaffAtWork,
  person: {
    readonly account: string;
    readonly roles: readonly string[];
    readonly publicKey: string;
    readonly password: string;
  },
): Promise<Enrolment> {
  const { api, organisation, token } = session;
  const { id: given, chain } = await api.send<{ readonly id: string; readonly chain: readonly string[] }>({
    method: 'POST',
    path: `/api/v1/orgs/${organisation}/staff`,
    body: person,
    token,
  });
  const args = { certificates: [{ chain }] };
  await submitCall(
    api,
    organisation,
    await staffCall(wallet, occasion, { contract: 'membership', transaction: 'enrol', args }),
  );
  const { account, roles, publicKey } = person;
  return {
    version: ENROLMENT_VERSION,
    network: wallet.network,
    organisation,
    id: given,
    account,
    roles,
    publicKey,
    chain,
  };
}

function addAccept(staff: Command, act: Act): void {
  const command = staff
    .command('accept')
    .argument('<file>', 'the enrolment that the administrator handed over')
    .description('On the new colleague’s device: take the certificate into the wallet.')
    .addOption(walletOption('staff'));
  act<StaffOptions>(
    command,
    'salus staff accept enrolment.json --as c.weber',
    async (context, options, [file = '']) => {
      const enrolment = readEnrolment(resolve(context.workingDirectory, file));
      const opened = await openStaff(context, options.wallet);
      const { organisation, id: person, roles, chain, network, publicKey } = enrolment;
      const probe = randomBytes(32);
      const signature = await signerFromPkcs8(opened.stored.privateKey).sign(probe);
      if (network !== opened.stored.network || !verifyEs256(publicKey, probe, signature)) {
        const next = 'Name the wallet that `salus staff new` made with --as.';
        throw new CliError('wrong-wallet', 'The enrolment is for another wallet.', { exit: EXIT.refused, next });
      }
      await opened.save({ ...opened.stored, organisation, id: person, roles, chain });
      const text = `This wallet is ${enrolment.account}, ${roles.join(', ')} at ${organisation}.`;
      context.terminal.result(text, { organisation, id: person, roles });
      return EXIT.ok;
    },
  );
}

function addPassword(staff: Command, act: Act): void {
  const command = staff
    .command('password')
    .description('Change your password and end your other sessions.')
    .option('--new-password-file <file>', 'the new one, mode 0600 (else it is asked for)')
    .addOption(walletOption('staff'))
    .addOption(accountOption());
  interface Options extends StaffOptions {
    readonly newPasswordFile?: string;
  }
  act<Options>(command, 'salus staff password --as c.weber', async (context, options) => {
    const current = await readSecret(context.terminal, 'Current password: ', context.passwordFile);
    const next = await chooseSecret(
      context.terminal,
      'New password (12 characters or more): ',
      options.newPasswordFile,
    );
    await asStaff(context, options, async ({ session: { api, organisation, token } }) =>
      api.send({ method: 'POST', path: `/api/v1/orgs/${organisation}/password`, body: { current, next }, token }),
    );
    context.terminal.result('The password is changed.', { changed: true });
    return EXIT.ok;
  });
}

interface RevokeOptions extends StaffOptions {
  readonly reason: string;
  readonly name?: string;
}

function addRevoke(staff: Command, act: Act): void {
  const command = staff
    .command('revoke')
    .argument('<person>', 'the colleague’s opaque id (see `salus ledger state membership/identity/ --prefix`)', id)
    .description(
      'As administrator: revoke a colleague’s certificate on the ledger, which ends what the key may do anywhere, and close the account.',
    )
    .option('--name <account>', 'the account to close')
    .option('--reason <code>', 'why, as a word', 'cessation')
    .addOption(walletOption('staff'))
    .addOption(accountOption());
  act<RevokeOptions>(
    command,
    'salus staff revoke 9xQ… --name c.weber --as hospital-a.admin',
    async (context, options, [person = '']) => {
      const { reason, name } = options;
      const { block } = await asStaff(context, options, async (administrator) => {
        demandAdministrator(administrator);
        const { session, wallet, occasion } = administrator;
        const { api, organisation, token } = session;
        const call = { contract: 'membership', transaction: 'revoke', args: { id: person, reason } };
        const committed = await submitCall(api, organisation, await staffCall(wallet, occasion, call));
        if (name !== undefined) {
          const path = `/api/v1/orgs/${organisation}/staff/${encodeURIComponent(name)}`;
          await api.send({ method: 'DELETE', path, token, repeatable: true });
        }
        return committed;
      });
      context.terminal.result(`Revoked (block ${block}).`, { id: person, block, account: name ?? null });
      return EXIT.ok;
    },
  );
}

function demandAdministrator({ wallet }: StaffAtWork): void {
  if (wallet.roles.includes(ADMINISTRATOR_ROLE)) return;
  const next = 'Use the wallet of an administrator: --as WALLET.';
  throw new CliError('not-permitted', 'This is for administrators.', { exit: EXIT.denied, next });
}

function readEnrolment(file: string): Enrolment {
  const bad = (cause?: unknown): CliError =>
    new CliError('bad-file', `${file} is not what \`salus staff enrol\` printed.`, { cause });
  if (!existsSync(file) || statSync(file).size > FILE_BYTES_MAX) throw bad();
  try {
    const value = parseJson(readFileSync(file), {
      sizeMax: FILE_BYTES_MAX,
      depthMax: 8,
    }) as unknown as Enrolment | null;
    const texts = [value?.network, value?.organisation, value?.id, value?.account, value?.publicKey];
    const lists = [value?.roles, value?.chain];
    const wellFormed =
      value?.version === ENROLMENT_VERSION &&
      texts.every((text) => typeof text === 'string') &&
      lists.every(
        (items) => Array.isArray(items) && items.length > 0 && items.every((item) => typeof item === 'string'),
      );
    if (wellFormed) return value;
  } catch (cause) {
    if (!(cause instanceof CryptoError)) throw cause;
    throw bad(cause);
  }
  throw bad();
}
