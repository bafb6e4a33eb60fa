import { randomBytes } from 'node:crypto';
import { formatDeviceCode } from '@salus/wallet';
import { saveWalletFile } from '@salus/wallet/node';
import type { FoundedMember } from './founding.ts';

const PASSWORD_BYTES = 15;

/** How somebody whose key was drawn at the founding logs in; the wallet holds the key, the passphrase opens the wallet. */
export interface StaffCredential {
  readonly kind: 'staff';
  readonly organisation: string;
  readonly name: string;
  readonly roles: readonly string[];
  readonly id: string;
  readonly account: string;
  readonly password: string;
  /** File name of the wallet, beside the file of credentials. */
  readonly wallet: string;
  readonly passphrase: string;
  /** What a browser needs, in one line; of a demonstration only, for it holds the key. */
  readonly device?: string;
}

export function drawSecret(): string {
  return randomBytes(PASSWORD_BYTES).toString('base64url');
}

/** Writes the wallet of a member whose key was drawn here; the key is nowhere else afterwards. */
export async function saveStaffWallet(
  member: FoundedMember,
  {
    network,
    directory,
    name,
    demonstration,
  }: { readonly network: string; readonly directory: string; readonly name: string; readonly demonstration: boolean },
): Promise<StaffCredential> {
  const { organisation, id, roles, account, key, chain } = member;
  const passphrase = drawSecret();
  const wallet = `${account}.wallet`;
  const stored = {
    kind: 'staff',
    network,
    organisation,
    id,
    roles,
    privateKey: key.privateKey,
    chain,
    demonstration,
  } as const;
  await saveWalletFile(`${directory}/${wallet}`, passphrase, stored);
  const password = drawSecret();
  const credential = { kind: 'staff', organisation, name, roles, id, account, password, wallet, passphrase } as const;
  return demonstration ? { ...credential, device: formatDeviceCode({ ...stored, account, password }) } : credential;
}
