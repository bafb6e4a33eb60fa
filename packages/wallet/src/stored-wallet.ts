import {
  CryptoError,
  canonicalBytes,
  fromBase64url,
  type Json,
  openPasswordBox,
  PASSWORD_COST,
  PASSWORD_COST_MIN,
  parseJson,
  sealPasswordBox,
  signerFromPkcs8,
  toBase64url,
} from '@salus/crypto';
import { parseContent, type WalletContent } from './content.ts';
import { derivedDeviceKeys } from './device-keys.ts';
import type { PatientWallet } from './patient-wallet.ts';
import type { StaffWallet } from './staff-wallet.ts';
import { WalletError } from './wallet-error.ts';

export const WALLET_FILE_BYTES_MAX = 8 * 1024 * 1024;
const VERSION = 'salus:wallet-file:v1';

/** What a wallet file holds; keys exist in plain only here, in memory. `demonstration` marks wallets that everybody may open. */
export type StoredWallet =
  | {
      readonly kind: 'patient';
      readonly rootSecret: Uint8Array;
      readonly content: WalletContent;
      readonly demonstration: boolean;
    }
  | {
      readonly kind: 'staff';
      readonly network: string;
      readonly organisation: string;
      readonly id: string;
      readonly roles: readonly string[];
      readonly privateKey: Uint8Array;
      readonly chain: readonly string[];
      readonly demonstration: boolean;
    };

/** The bytes of a wallet file: the wallet under a passphrase. */
export async function sealWallet(passphrase: string, wallet: StoredWallet): Promise<Uint8Array> {
  // A demonstration's passphrase is 120 random bits and guards nothing of worth: stretching it would only slow the start.
  const cost = wallet.demonstration ? PASSWORD_COST_MIN : PASSWORD_COST;
  return sealPasswordBox(passphrase, canonicalBytes(toJson(wallet)), cost);
}

/** @throws WalletError `wrong-passphrase`, `bad-wallet` */
export async function openWallet(passphrase: string, bytes: Uint8Array): Promise<StoredWallet> {
  if (bytes.length > WALLET_FILE_BYTES_MAX) throw malformed();
  return fromJson(parseJson(await unseal(passphrase, bytes), { sizeMax: WALLET_FILE_BYTES_MAX, depthMax: 20 }));
}

/** A stored patient wallet as the functions of this package take it. */
export function patientWalletOf(stored: Extract<StoredWallet, { kind: 'patient' }>): PatientWallet {
  return { content: stored.content, keys: derivedDeviceKeys(stored.rootSecret) };
}

/** A stored staff wallet as the functions of this package take it. */
export function staffWalletOf(stored: Extract<StoredWallet, { kind: 'staff' }>): StaffWallet {
  const { network, organisation, id, roles, chain, privateKey } = stored;
  return { network, organisation, id, roles, chain, signer: signerFromPkcs8(privateKey) };
}

async function unseal(passphrase: string, box: Uint8Array): Promise<Uint8Array> {
  try {
    return await openPasswordBox(passphrase, box);
  } catch (cause) {
    if (cause instanceof CryptoError && cause.code === 'wrong-passphrase') {
      throw new WalletError('wrong-passphrase', 'The passphrase does not open this wallet.', { cause });
    }
    throw new WalletError('bad-wallet', 'The file is not a wallet.', { cause });
  }
}

function toJson(wallet: StoredWallet): Json {
  const { kind, demonstration } = wallet;
  switch (kind) {
    case 'patient':
      return {
        version: VERSION,
        kind,
        demonstration,
        rootSecret: toBase64url(wallet.rootSecret),
        content: wallet.content as unknown as Json,
      };
    case 'staff': {
      const { network, organisation, id, roles, chain, privateKey } = wallet;
      return {
        version: VERSION,
        kind,
        demonstration,
        network,
        organisation,
        id,
        roles,
        chain,
        privateKey: toBase64url(privateKey),
      };
    }
  }
}

function fromJson(value: Json): StoredWallet {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw malformed();
  const fields = value as { readonly [key: string]: Json | undefined };
  if (fields.version !== VERSION) throw malformed();
  const demonstration = fields.demonstration === true;
  const text = (name: string): string => {
    const member = fields[name];
    if (typeof member !== 'string') throw malformed();
    return member;
  };
  const texts = (name: string): readonly string[] => {
    const member = fields[name];
    if (!Array.isArray(member) || !member.every((item) => typeof item === 'string')) throw malformed();
    return member;
  };
  if (fields.kind === 'patient') {
    const content = parseContent(canonicalBytes(fields.content ?? null));
    return { kind: 'patient', demonstration, rootSecret: fromBase64url(text('rootSecret')), content };
  }
  if (fields.kind !== 'staff') throw malformed();
  return {
    kind: 'staff',
    demonstration,
    network: text('network'),
    organisation: text('organisation'),
    id: text('id'),
    roles: texts('roles'),
    chain: texts('chain'),
    privateKey: fromBase64url(text('privateKey')),
  };
}

function malformed(): WalletError {
  return new WalletError('bad-wallet', 'The file is not a wallet of this version.');
}
