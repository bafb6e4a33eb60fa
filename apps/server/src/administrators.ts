import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { writePrivateFile } from '@salus/wallet/node';
import { createAccount } from './accounts.ts';
import type { FoundedMember } from './founding.ts';
import { type Node, readHosted } from './node.ts';
import { ServerError } from './server-error.ts';
import { type StaffCredential, saveStaffWallet } from './staff-credentials.ts';

const VERSION = 'salus:administrators:v1';

/**
 * Gives the administrators of a newly founded network their wallets and passwords, mode 0600, for the operator to hand
 * over and delete: from then on everybody else joins by their signatures.
 *
 * @throws ServerError `conflict` where wallets of an earlier founding lie there
 */
export async function openAdministrators(
  node: Node,
  members: readonly FoundedMember[],
  configDirectory: string,
): Promise<void> {
  const credentials = await saveAdministrators(members, { network: node.network, configDirectory });
  await Promise.all(
    credentials.map(({ organisation, account: name, id, password }) =>
      createAccount(readHosted(node, organisation).accounts, { name, id, password, nowMs: node.nowMs() }),
    ),
  );
}

/** Writes the wallets and the file of credentials; the keys are nowhere else afterwards. */
export async function saveAdministrators(
  members: readonly FoundedMember[],
  { network, configDirectory }: { readonly network: string; readonly configDirectory: string },
): Promise<readonly StaffCredential[]> {
  const directory = join(configDirectory, 'administrators');
  if (existsSync(directory)) {
    throw new ServerError(
      'conflict',
      `Wallets of an earlier founding lie in ${directory}: hand them over, then move that directory away.`,
    );
  }
  const credentials = await Promise.all(
    members.map((member) =>
      saveStaffWallet(member, { network, directory, name: member.account, demonstration: false }),
    ),
  );
  const text = JSON.stringify({ version: VERSION, network, staff: credentials }, null, 2);
  writePrivateFile(join(directory, 'credentials.json'), `${text}\n`);
  return credentials;
}
