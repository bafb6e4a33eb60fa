import { canonicalBytes, fromBase64url, hashTupleBytes, type Json, parseJson, toBase64url } from '@salus/crypto';
import { parseContent, type WalletContent } from './content.ts';
import { toCrockford } from './crockford.ts';
import { WalletError } from './wallet-error.ts';

const PREFIX = 'SALUS-DEVICE:1:';
const PATTERN = /^SALUS-DEVICE:1:([A-Za-z0-9_-]{1,200000}):([0-9A-Z]{4})$/;
const BYTES_MAX = 150_000;
const CHECK_LENGTH = 4;

/**
 * Everything with which a person of a demonstration signs in at a browser, in one line to paste. It holds keys in plain:
 * whoever has it is that person, so there is none outside of a demonstration.
 */
export type DeviceCode =
  | {
      readonly kind: 'patient';
      readonly network: string;
      /** 32 bytes from which `derivedDeviceKeys` makes the keys of every pid. */
      readonly rootSecret: Uint8Array;
      readonly content: WalletContent;
    }
  | {
      readonly kind: 'staff';
      readonly network: string;
      readonly organisation: string;
      readonly id: string;
      readonly roles: readonly string[];
      readonly chain: readonly string[];
      /** PKCS #8. */
      readonly privateKey: Uint8Array;
      readonly account: string;
      readonly password: string;
    };

export function formatDeviceCode(code: DeviceCode): string {
  const body = toBase64url(canonicalBytes(toJson(code)));
  return `${PREFIX}${body}:${checkOf(body)}`;
}

/** @throws WalletError `bad-wallet` where the line is not whole, or none at all */
export function parseDeviceCode(line: string): DeviceCode {
  const [, body, check] = PATTERN.exec(line.trim()) ?? [];
  if (body === undefined || check !== checkOf(body)) {
    throw new WalletError(
      'bad-wallet',
      'This is not the whole line: it begins with SALUS-DEVICE:1: and ends with four letters.',
    );
  }
  const value = parseJson(fromBase64url(body), { sizeMax: BYTES_MAX, depthMax: 20 }) as {
    readonly [key: string]: Json | undefined;
  } | null;
  const text = (name: string): string => {
    const member = value?.[name];
    if (typeof member !== 'string') throw malformed();
    return member;
  };
  const texts = (name: string): readonly string[] => {
    const member = value?.[name];
    if (!Array.isArray(member) || !member.every((item) => typeof item === 'string')) throw malformed();
    return member as readonly string[];
  };
  const network = text('network');
  if (text('kind') === 'patient') {
    const content = parseContent(canonicalBytes(value?.content ?? null));
    return { kind: 'patient', network, rootSecret: fromBase64url(text('rootSecret')), content };
  }
  return {
    kind: 'staff',
    network,
    organisation: text('organisation'),
    id: text('id'),
    roles: texts('roles'),
    chain: texts('chain'),
    privateKey: fromBase64url(text('privateKey')),
    account: text('account'),
    password: text('password'),
  };
}

function toJson(code: DeviceCode): Json {
  switch (code.kind) {
    case 'patient':
      return {
        kind: code.kind,
        network: code.network,
        rootSecret: toBase64url(code.rootSecret),
        content: code.content as unknown as Json,
      };
    case 'staff':
      return {
        kind: code.kind,
        network: code.network,
        organisation: code.organisation,
        id: code.id,
        roles: code.roles,
        chain: code.chain,
        privateKey: toBase64url(code.privateKey),
        account: code.account,
        password: code.password,
      };
  }
}

function checkOf(body: string): string {
  return toCrockford(hashTupleBytes('device-code', body)).slice(0, CHECK_LENGTH);
}

function malformed(): WalletError {
  return new WalletError('bad-wallet', 'The line is not of this version.');
}
