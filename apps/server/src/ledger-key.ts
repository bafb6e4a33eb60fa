import { existsSync, readFileSync } from 'node:fs';
import { generateSigningKeySync, type SyncSigner, signerFromPkcs8 } from '@salus/crypto';
import { createMasterKey } from '@salus/records';
import { writePrivateFile } from '@salus/wallet/node';
import type { DataLayout } from './data-directory.ts';
import type { MasterKeys } from './master-keys.ts';
import { ServerError } from './server-error.ts';

/** The name of the ledger's own master key in the file of master keys. */
export const LEDGER_KEY_NAME = 'ledger';
const CONTEXT = ['ledger-key'];

/** Draws the key that signs the ledger's blocks; at rest it is sealed under a master key of its own. */
export function createLedgerKey(layout: DataLayout, masterKeys: MasterKeys, network: string): SyncSigner {
  const key = generateSigningKeySync();
  const sealed = masterKeyOf(masterKeys, network).seal('private-key', CONTEXT, key.privateKey);
  writePrivateFile(layout.ledgerKeyFile, Buffer.from(sealed).toString('base64url'));
  return signerFromPkcs8(key.privateKey);
}

/** @throws ServerError `master-key-missing` where the file is absent or another master key sealed it. */
export function openLedgerKey(layout: DataLayout, masterKeys: MasterKeys, network: string): SyncSigner {
  if (!existsSync(layout.ledgerKeyFile)) {
    throw new ServerError(
      'master-key-missing',
      `The ledger's sealed key is missing: ${layout.ledgerKeyFile}. Restore it from a backup.`,
    );
  }
  const sealed = Buffer.from(readFileSync(layout.ledgerKeyFile, 'utf8').trim(), 'base64url');
  try {
    return signerFromPkcs8(masterKeyOf(masterKeys, network).open('private-key', CONTEXT, sealed));
  } catch (cause) {
    throw new ServerError(
      'master-key-missing',
      'The master key named ledger does not open the ledger’s key: it is another network’s.',
      { cause },
    );
  }
}

function masterKeyOf(masterKeys: MasterKeys, network: string): ReturnType<typeof createMasterKey> {
  const key = masterKeys.get(LEDGER_KEY_NAME);
  if (key === undefined)
    throw new ServerError('master-key-missing', `There is no master key named ${LEDGER_KEY_NAME}.`);
  return createMasterKey(key, { network, organisation: LEDGER_KEY_NAME });
}
