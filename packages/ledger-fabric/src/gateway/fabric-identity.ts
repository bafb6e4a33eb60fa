import { createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { msp } from '@hyperledger/fabric-protos';
import { type SyncSigner, signerFromPkcs8 } from '@salus/crypto';
import type { FabricConnection } from '../connection-file.ts';
import { FabricError } from '../fabric-error.ts';

/** The submitting node towards Fabric. */
export type FabricIdentity = {
  readonly mspId: string;
  /** PEM. */
  readonly certificate: Uint8Array;
  /** `SerializedIdentity` (msp/identities.proto): what Fabric calls a creator. */
  readonly creator: Uint8Array;
  /** ECDSA over SHA-256 of the message, DER with low S, as Fabric's software provider demands (bccsp/sw/ecdsa.go). */
  sign(message: Uint8Array): Uint8Array;
};

const NUMBER_BYTES = 32;
const INTEGER = 0x02;
const SEQUENCE = 0x30;

/** Reads the identity that a connection names. `bad-configuration` when a file is absent or no P-256 key. */
export function readFabricIdentity(connection: FabricConnection): FabricIdentity {
  const { organisation: mspId, identity } = connection;
  const certificate = readRole(identity.certificateFile, 'the node’s Fabric certificate');
  const signer = parseKey(readRole(identity.keyFile, 'the node’s Fabric key'));
  const serialized = new msp.SerializedIdentity();
  serialized.setMspid(mspId);
  serialized.setIdBytes(certificate);
  return {
    mspId,
    certificate,
    creator: serialized.serializeBinary(),
    sign: (message) => derOf(signer.signSync(message)),
  };
}

/** `SEQUENCE { r INTEGER, s INTEGER }` (RFC 3279 §2.2.3) of r ‖ s. */
export function derOf(signature: Uint8Array): Uint8Array {
  const numbers = [signature.subarray(0, NUMBER_BYTES), signature.subarray(NUMBER_BYTES)].map(derInteger);
  const bytes = Buffer.concat(numbers);
  return Buffer.concat([Buffer.from([SEQUENCE, bytes.length]), bytes]);
}

function derInteger(number: Uint8Array): Uint8Array {
  let start = 0;
  while (start < number.length - 1 && number[start] === 0) start += 1;
  const digits = number.subarray(start);
  // A leading zero keeps the number positive.
  const padding = digits[0]! >= 0x80 ? [0] : [];
  return Buffer.from([INTEGER, digits.length + padding.length, ...padding, ...digits]);
}

function parseKey(pem: Uint8Array): SyncSigner {
  try {
    const key = createPrivateKey(Buffer.from(pem));
    return signerFromPkcs8(key.export({ type: 'pkcs8', format: 'der' }));
  } catch {
    // OpenSSL's message may quote the file.
    throw new FabricError('bad-configuration', 'the node’s Fabric key is no P-256 key in PEM');
  }
}

function readRole(file: string, role: string): Uint8Array {
  try {
    return readFileSync(file);
  } catch (cause) {
    throw new FabricError('bad-configuration', `${role} cannot be read`, { cause });
  }
}
