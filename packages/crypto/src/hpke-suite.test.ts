import { createCipheriv } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { testData } from '@salus/testing';
import {
  AEAD_AES_128_GCM,
  AEAD_AES_256_GCM,
  AEAD_ChaCha20Poly1305,
  AEAD_EXPORT_ONLY,
  CipherSuite,
  KDF_HKDF_SHA256,
  KDF_HKDF_SHA512,
  KEM_DHKEM_P256_HKDF_SHA256,
  KEM_DHKEM_P521_HKDF_SHA512,
  KEM_DHKEM_X25519_HKDF_SHA256,
  type Key,
  type RecipientContext,
} from 'hpke';
import { describe, expect, it } from 'vitest';
import { fromBase64url, toBase64url, utf8 } from './bytes.ts';
import { openHpke, type SealedEnvelope, sealHpke } from './hpke.ts';
import { aes256Gcm, dhkemP256, hkdfSha256Kdf } from './hpke-suite.ts';
import { kidOf } from './signature.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'));

type Setup = {
  readonly mode: string;
  readonly kem_id: string;
  readonly kdf_id: string;
  readonly aead_id: string;
  readonly info: string;
  readonly ikmR: string;
  readonly pkRm: string;
  readonly skRm: string;
  readonly psk?: string;
  readonly psk_id?: string;
  readonly enc: string;
  readonly key?: string;
  readonly base_nonce?: string;
  readonly encryptions?: readonly {
    readonly seq: string;
    readonly pt: string;
    readonly aad: string;
    readonly nonce: string;
    readonly ct: string;
  }[];
  readonly exports: readonly {
    readonly exporter_context: string;
    readonly L: string;
    readonly exported_value: string;
  }[];
};

const KEMS = new Map([
  ['16', KEM_DHKEM_P256_HKDF_SHA256],
  ['18', KEM_DHKEM_P521_HKDF_SHA512],
  ['32', KEM_DHKEM_X25519_HKDF_SHA256],
]);
const KDFS = new Map([
  ['1', KDF_HKDF_SHA256],
  ['3', KDF_HKDF_SHA512],
]);
const AEADS = new Map([
  ['1', AEAD_AES_128_GCM],
  ['2', AEAD_AES_256_GCM],
  ['3', AEAD_ChaCha20Poly1305],
  ['65535', AEAD_EXPORT_ONLY],
]);
const CIPHERS = new Map([
  ['1', 'aes-128-gcm'],
  ['2', 'aes-256-gcm'],
  ['3', 'chacha20-poly1305'],
]);

const vectors = testData('hpke/hpke-rfc9180-vectors.json');

/** The parts of the suite of Salus, and those of the library for the suites that Salus does not use. */
const OWN = {
  kems: new Map([['16', dhkemP256]]),
  kdfs: new Map([['1', hkdfSha256Kdf]]),
  aeads: new Map([['2', aes256Gcm]]),
};

/**
 * The vectors lack the very suite of Salus, but have each part of it: DHKEM(P-256) with HKDF-SHA256 under two other
 * AEADs, and AES-256-GCM under another KEM.
 */
describe('RFC 9180 appendix A', () => {
  it.runIf(vectors)('is met by the library in every suite and both modes it has', async () => {
    const seen = { setups: 0, opened: 0, exported: 0, authModes: 0 };
    for (const setup of readSetups()) {
      if (setup.mode === '2' || setup.mode === '3') {
        // Modes Auth and AuthPSK are not in the library (draft-ietf-hpke-hpke left them out); Salus signs instead.
        seen.authModes += 1;
        continue;
      }
      seen.setups += 1;
      const suite = new CipherSuite(KEMS.get(setup.kem_id)!, KDFS.get(setup.kdf_id)!, AEADS.get(setup.aead_id)!);
      const { opened, exported } = await checkSetup(suite, setup);
      seen.opened += opened;
      seen.exported += exported;
    }
    expect(seen).toEqual({ setups: 14, opened: 72, exported: 42, authModes: 14 });
  });

  it.runIf(vectors)('is met with the own KEM, KDF and AEAD in every suite that has one of them', async () => {
    const seen = { kem: 0, kdf: 0, aead: 0, opened: 0 };
    for (const setup of readSetups()) {
      const kem = OWN.kems.get(setup.kem_id);
      const kdf = OWN.kdfs.get(setup.kdf_id);
      const aead = OWN.aeads.get(setup.aead_id);
      const authenticated = setup.mode === '2' || setup.mode === '3';
      if (authenticated || (kem === undefined && kdf === undefined && aead === undefined)) continue;
      const otherKdf = kdf ?? KDFS.get(setup.kdf_id)!;
      const otherAead = aead ?? AEADS.get(setup.aead_id)!;
      // Two calls, for the library's keys and the own ones are of different types.
      const { opened } =
        kem === undefined
          ? await checkSetup(new CipherSuite(KEMS.get(setup.kem_id)!, otherKdf, otherAead), setup)
          : await checkSetup(new CipherSuite(kem, otherKdf, otherAead), setup);
      seen.opened += opened;
      if (kem !== undefined) seen.kem += 1;
      if (kdf !== undefined) seen.kdf += 1;
      if (aead !== undefined) seen.aead += 1;
    }
    expect(seen).toEqual({ kem: 6, kdf: 10, aead: 2, opened: 72 });
  });

  it('is met by the own suite alike: it opens what the library sealed, and the reverse', async () => {
    const theirs = new CipherSuite(KEM_DHKEM_P256_HKDF_SHA256, KDF_HKDF_SHA256, AEAD_AES_256_GCM);
    const pair = await theirs.GenerateKeyPair(true);
    const publicKey = toBase64url(await theirs.SerializePublicKey(pair.publicKey));
    const privateKey = await theirs.SerializePrivateKey(pair.privateKey);
    const info = utf8('["a",1]');
    const sealed = await theirs.Seal(pair.publicKey, utf8('to us'), { info });
    const envelope: SealedEnvelope = {
      version: 'salus:hpke:v1',
      suite: 'P256-HKDF-SHA256-AES256GCM',
      kid: kidOf(publicKey),
      enc: toBase64url(sealed.encapsulatedSecret),
      ciphertext: toBase64url(sealed.ciphertext),
    };
    expect(await openHpke({ publicKey, privateKey, info: ['a', 1], envelope })).toEqual(utf8('to us'));
    const ours = await sealHpke({ publicKey, info: ['a', 1], plaintext: utf8('to them') });
    const opened = await theirs.Open(pair, fromBase64url(ours.enc), fromBase64url(ours.ciphertext), { info });
    expect(new Uint8Array(opened)).toEqual(utf8('to them'));
  });
});

function readSetups(): readonly Setup[] {
  const suites = JSON.parse(readFileSync(vectors ?? '', 'utf8')) as readonly { setups: readonly Setup[] }[];
  return suites.flatMap((each) => each.setups);
}

/** Key derivation, key schedule, exports and ciphertexts of one set-up. */
async function checkSetup<K extends Key>(
  suite: CipherSuite<K>,
  setup: Setup,
): Promise<{ readonly opened: number; readonly exported: number }> {
  const pair = await suite.DeriveKeyPair(bytes(setup.ikmR), true);
  expect(hex(await suite.SerializePublicKey(pair.publicKey as K))).toBe(setup.pkRm);
  expect(hex(await suite.SerializePrivateKey(pair.privateKey as K))).toBe(setup.skRm);
  const psk = setup.psk === undefined ? {} : { psk: bytes(setup.psk), pskId: bytes(setup.psk_id ?? '') };
  const context = await suite.SetupRecipient(pair, bytes(setup.enc), { info: bytes(setup.info), ...psk });
  for (const { exporter_context, L, exported_value } of setup.exports) {
    expect(hex(await context.Export(bytes(exporter_context), Number(L)))).toBe(exported_value);
  }
  return { opened: await openAll(context, setup), exported: setup.exports.length };
}

/** Opens the stated ciphertexts in order; a context counts its messages, so those between are made up on the way. */
async function openAll(context: RecipientContext, setup: Setup): Promise<number> {
  let opened = 0;
  let sequence = 0;
  for (const { seq, pt, aad, nonce, ct } of setup.encryptions ?? []) {
    for (; sequence < Number(seq); sequence += 1) await context.Open(filler(setup, sequence));
    expect(hex(nonceAt(setup, sequence))).toBe(nonce);
    expect(hex(await context.Open(bytes(ct), bytes(aad)))).toBe(pt);
    sequence += 1;
    opened += 1;
  }
  return opened;
}

function filler(setup: Setup, sequence: number): Uint8Array {
  const name = CIPHERS.get(setup.aead_id) as 'aes-256-gcm';
  const cipher = createCipheriv(name, bytes(setup.key ?? ''), nonceAt(setup, sequence), { authTagLength: 16 });
  const ciphertext = Buffer.concat([cipher.update(''), cipher.final()]);
  return new Uint8Array(Buffer.concat([ciphertext, cipher.getAuthTag()]));
}

function nonceAt(setup: Setup, sequence: number): Uint8Array {
  const nonce = bytes(setup.base_nonce ?? '');
  nonce[11]! ^= sequence & 255;
  nonce[10]! ^= sequence >> 8;
  return nonce;
}
