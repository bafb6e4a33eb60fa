import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { writePrivateFile } from '@salus/wallet/node';
import { createAccount } from './accounts.ts';
import type { FoundedMember } from './founding.ts';
import { type Node, readHosted } from './node.ts';
import { ServerError } from './server-error.ts';
import { saveStaffWallet } from './staff-credentials.ts';

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
  const directory = join(configDirectory, 'administrators');
  if (existsSync(directory)) {
    throw new ServerError(
      'conflict',
      `Wallets of an earlier founding lie in ${directory}: hand them over, then move that directory away.`,
    );
  }
  const credentials = await Promise.all(
    members.map(async (member) => {
      const place = { network: node.network, directory, name: member.account, demonstration: false };
      const credential = await saveStaffWallet(member, place);
      const { account: name, id, password } = credential;
      await createAccount(readHosted(node, member.organisation).accounts, { name, id, password, nowMs: node.nowMs() });
      return credential;
    }),
  );
  const text = JSON.stringify({ version: VERSION, network: node.network, staff: credentials }, null, 2);
  writePrivateFile(join(directory, 'credentials.json'), `${text}\n`);
}
