import { createPrivateKey, type KeyObject, sign, X509Certificate } from 'node:crypto';
import { common, msp } from '@hyperledger/fabric-protos';
import {
  type CertificateAuthority,
  createCa,
  createCrl,
  generateSigningKeySync,
  issueMachineCertificate,
  toPem,
} from '@salus/crypto';
import { type ForeignKeyKind, withForeignKey } from './foreign-key.ts';

const NOW_MS = 1_795_251_600_000;
const DAY_MS = 86_400_000;

/** A peer or node of an organisation that signs as Fabric's machines do. */
export type Machine = {
  readonly mspId: string;
  /** `SerializedIdentity` (msp/identities.proto). */
  readonly identity: Uint8Array;
  /** Serial of its certificate, hex. */
  readonly serial: string;
  sign(message: Uint8Array): Uint8Array;
};

export type Organisation = {
  readonly mspId: string;
  readonly peer: Machine;
  readonly node: Machine;
  newMachine(unit: 'peer' | 'client'): Promise<Machine>;
  /** `SerializedIdentity` of a peer whose certified key is of a kind that no machine has. */
  foreignPeer(kind: ForeignKeyKind): Promise<Uint8Array>;
  /** What the channel's configuration says of it: with the certificates that it has revoked, and lists as they are. */
  group(
    revoked?: readonly Machine[],
    lists?: readonly string[],
    change?: (list: string) => string,
  ): Promise<common.ConfigGroup>;
};

export async function createOrganisation(mspId: string): Promise<Organisation> {
  const ca = await createCa({ organisation: mspId, nowMs: NOW_MS - DAY_MS, validDays: 365 });
  let machines = 0;
  const newMachine: Organisation['newMachine'] = (unit) => {
    machines += 1;
    return certify(ca, mspId, { unit, name: `${unit}${machines}.${mspId}` });
  };
  return {
    mspId,
    newMachine,
    peer: await newMachine('peer'),
    node: await newMachine('client'),
    foreignPeer: async (kind) => {
      const pem = await certificateOf(ca, { unit: 'peer', name: `peer0.${mspId}` }, generateSigningKeySync().publicKey);
      const der = withForeignKey(new X509Certificate(pem).raw, ca, kind);
      return identityOf(mspId, toPem('CERTIFICATE', der.toString('base64url')));
    },
    group: async (revoked = [], lists = [], change = (list) => list) => {
      const own = revoked.length === 0 ? [] : [change(await listOf(ca, revoked))];
      return mspGroup(ca, mspId, [...own, ...lists]);
    },
  };
}

/** A machine whose authority is not the one of the organisation that it names. */
export async function createImpostor(mspId: string): Promise<Machine> {
  const ca = await createCa({ organisation: mspId, nowMs: NOW_MS - DAY_MS, validDays: 365 });
  return certify(ca, mspId, { unit: 'peer', name: `peer1.${mspId}` });
}

async function certify(
  ca: CertificateAuthority,
  mspId: string,
  as: { readonly unit: 'peer' | 'client'; readonly name: string },
): Promise<Machine> {
  const { publicKey, privateKey } = generateSigningKeySync();
  const pem = await certificateOf(ca, as, publicKey);
  const key: KeyObject = createPrivateKey({ key: Buffer.from(privateKey), format: 'der', type: 'pkcs8' });
  const serial = new X509Certificate(pem).serialNumber.toLowerCase();
  return { mspId, identity: identityOf(mspId, pem), serial, sign: (message) => sign('sha256', message, key) };
}

async function certificateOf(
  ca: CertificateAuthority,
  { unit, name }: { readonly unit: 'peer' | 'client'; readonly name: string },
  publicKey: string,
): Promise<string> {
  const times = { notBeforeMs: NOW_MS - 1_000, notAfterMs: NOW_MS + DAY_MS };
  const certificate = await issueMachineCertificate({
    ca,
    commonName: name,
    publicKey,
    ...times,
    use: 'identity',
    unit,
  });
  return toPem('CERTIFICATE', certificate);
}

/** `SerializedIdentity` (msp/identities.proto). */
export function identityOf(mspId: string, certificate: string): Uint8Array {
  const identity = new msp.SerializedIdentity();
  identity.setMspid(mspId);
  identity.setIdBytes(Buffer.from(certificate));
  return identity.serializeBinary();
}

async function listOf(ca: CertificateAuthority, revoked: readonly Machine[]): Promise<string> {
  const der = await createCrl({
    ca,
    revoked: revoked.map(({ serial }) => ({ serial, revokedMs: NOW_MS })),
    thisUpdateMs: NOW_MS,
    nextUpdateMs: NOW_MS + DAY_MS,
    number: 1,
  });
  return toPem('X509 CRL', der);
}

function mspGroup(ca: CertificateAuthority, mspId: string, lists: readonly string[]): common.ConfigGroup {
  const fabric = new msp.FabricMSPConfig();
  fabric.setName(mspId);
  fabric.setRootCertsList([Buffer.from(toPem('CERTIFICATE', ca.certificate))]);
  fabric.setRevocationListList(lists.map((list) => Buffer.from(list)));
  const config = new msp.MSPConfig();
  config.setConfig(fabric.serializeBinary());
  const value = new common.ConfigValue();
  value.setValue(config.serializeBinary());
  const group = new common.ConfigGroup();
  group.getValuesMap().set('MSP', value);
  return group;
}
