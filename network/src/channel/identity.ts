import { createHash, createPrivateKey, type KeyObject, randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { signers } from '@hyperledger/fabric-gateway';
import { common, msp } from '@hyperledger/fabric-protos';
import { NetworkError } from '../network-error.ts';

/** Who signs towards Fabric: a certificate of an organisation's Fabric CA and its key, as PEM. */
export type FabricIdentity = {
  readonly mspId: string;
  readonly certificate: string;
  /** PKCS #8 or SEC 1. */
  readonly privateKey: string;
};

export const NONCE_BYTES = 24;

/** Reads the identity of a local MSP folder: `signcerts` and `keystore`. Throws `not-found`. */
export function readIdentity(mspId: string, mspFolder: string): FabricIdentity {
  return {
    mspId,
    certificate: onlyFile(join(mspFolder, 'signcerts')),
    privateKey: onlyFile(join(mspFolder, 'keystore')),
  };
}

/** `SerializedIdentity` (msp/identities.proto): what Fabric calls a creator. */
export function serializeIdentity(identity: Pick<FabricIdentity, 'mspId' | 'certificate'>): Uint8Array {
  const serialized = new msp.SerializedIdentity();
  serialized.setMspid(identity.mspId);
  serialized.setIdBytes(Buffer.from(identity.certificate));
  return serialized.serializeBinary();
}

/** ECDSA over SHA-256 of the message, DER, low S, as Fabric's SW crypto provider demands. */
export async function signBytes(identity: FabricIdentity, message: Uint8Array): Promise<Uint8Array> {
  return signers.newPrivateKeySigner(parseKey(identity))(sha256(message));
}

/** The key of an identity. Throws `bad-input` where it is none. */
export function parseKey(identity: FabricIdentity): KeyObject {
  try {
    return createPrivateKey(identity.privateKey);
  } catch {
    throw new NetworkError('bad-input', `the private key of an identity of ${identity.mspId} is not PEM`);
  }
}

/** A signature header with a fresh nonce. */
export function newSignatureHeader(identity: FabricIdentity): common.SignatureHeader {
  const header = new common.SignatureHeader();
  header.setCreator(serializeIdentity(identity));
  header.setNonce(randomBytes(NONCE_BYTES));
  return header;
}

/** Fabric's transaction id: SHA-256 of nonce and creator, in hex (protoutil `ComputeTxID`). */
export function transactionIdOf(header: common.SignatureHeader): string {
  return sha256(Buffer.concat([header.getNonce_asU8(), header.getCreator_asU8()])).toString('hex');
}

export function sha256(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest();
}

function onlyFile(folder: string): string {
  const names = existsSync(folder) ? readdirSync(folder).sort() : [];
  const [name] = names;
  if (name === undefined || names.length > 1) {
    throw new NetworkError('not-found', `${folder} should hold one file and holds ${names.length}`);
  }
  return readFileSync(join(folder, name), 'utf8');
}
