import type { Json, JsonObject, MemberKind, PrivateArgs, SignedCall } from '@salus/contracts';
import {
  type CallPayload,
  type CertificateAuthority,
  createCa,
  generateSigningKeySync,
  hashTuple,
  issueCertificate,
  kidOf,
  newNonce,
  privateHash,
  randomBytes,
  type SyncSigner,
  signCall,
  signerFromPkcs8,
  toBase64url,
  utf8,
} from '@salus/crypto';

export { grantOf } from './test-grant.ts';

/** Calls stay valid for so long unless told. */
const CALL_DURATION_MS = 10 * 60_000;
const DAY_MS = 86_400_000;
const CA_DAYS = 3_650;
const MEMBER_DAYS = 365;

/** Somebody who signs: an enrolled identity or a key of a patient. */
export type Party = { readonly signer: string; readonly key: SyncSigner };

export type Member = Party & { readonly id: string; readonly certificate: string };

export type CallOptions = {
  /** `contract.transaction`. */
  readonly transaction: string;
  readonly args: JsonObject;
  readonly by: Party;
  readonly values?: JsonObject;
  readonly notAfter?: number | null;
  readonly network?: string;
};

export type PreparedCall = { readonly call: SignedCall; readonly privateArgs?: PrivateArgs };

/** One organisation with real keys and certificates, for suites and benches that need calls which contracts accept. */
export type Consortium = {
  readonly network: string;
  readonly organisation: string;
  readonly administrator: Member;
  readonly node: Member;
  /** A client with the role `feed`: it registers patients and commits records by itself. */
  readonly feed: Member;
  /** Staff at the desk. */
  readonly registrar: Member;
  /** The calls that found the network and enrol node, feed and registrar, in order. */
  founding(): Promise<readonly PreparedCall[]>;
  /** The arguments of `membership.proposeJoin` for this organisation, signed by its administrator. */
  application(): JsonObject;
  sign(options: CallOptions): Promise<PreparedCall>;
  /** A new patient's registration, by the feed. */
  register(patient: Patient): Promise<PreparedCall>;
  claim(patient: Patient): Promise<PreparedCall>;
};

/** A patient with one device; `claimBy` signs with the slip. */
export type Patient = {
  readonly pid: string;
  readonly claimBy: Party;
  readonly device: Party;
  readonly recovery: SyncSigner;
};

export async function createConsortium(options: {
  readonly network: string;
  readonly nowMs: () => number;
  readonly organisation?: string;
}): Promise<Consortium> {
  const { network, nowMs } = options;
  const organisation = options.organisation ?? 'hospital-a';
  const ca = await createCa({ organisation, nowMs: nowMs() - DAY_MS, validDays: CA_DAYS });
  const certify = (kind: MemberKind, roles: readonly string[]) => newMember({ ca, organisation, kind, roles, nowMs });
  const administrator = await certify('staff', ['administrator']);
  const node = await certify('node', []);
  const feed = await certify('client', ['feed']);
  const registrar = await certify('staff', ['registrar']);
  const sign = (call: CallOptions) => prepare({ network, notAfter: nowMs() + CALL_DURATION_MS, ...call });
  return {
    network,
    organisation,
    administrator,
    node,
    feed,
    registrar,
    sign,
    founding: async () => [
      await sign({
        transaction: 'membership.found',
        args: applicant(organisation, ca, administrator),
        by: administrator,
      }),
      await sign({
        transaction: 'membership.enrol',
        args: { certificates: [node, feed, registrar].map(({ certificate }) => ({ chain: [certificate] })) },
        by: administrator,
      }),
    ],
    application: () => {
      const application = { ...applicant(organisation, ca, administrator), notAfterMs: nowMs() + DAY_MS };
      const message = utf8(hashTuple('join', network, application));
      return { application, signature: toBase64url(administrator.key.signSync(message)) };
    },
    register: ({ pid, claimBy }) => {
      const args = { pid, claimKey: claimBy.key.publicKey, claimNotAfterMs: nowMs() + DAY_MS };
      return sign({ transaction: 'patient.register', args, by: feed });
    },
    claim: ({ pid, claimBy, device, recovery }) => {
      const args = { sequence: 1, devices: [deviceArgs(network, pid, device.key)], recovery: recovery.publicKey };
      return sign({ transaction: 'patient.claim', args, by: claimBy });
    },
  };
}

export function newPatient(): Patient {
  const pid = newId();
  const device = newKey();
  return {
    pid,
    claimBy: { signer: `claim:${pid}`, key: newKey() },
    device: { signer: `pid:${pid}/${kidOf(device.publicKey)}`, key: device },
    recovery: newKey(),
  };
}

/** 128 random bits, 22 characters. */
export function newId(): string {
  return toBase64url(randomBytes(16));
}

export function newKey(): SyncSigner {
  return signerFromPkcs8(generateSigningKeySync().privateKey);
}

function applicant(organisation: string, ca: CertificateAuthority, administrator: Member): JsonObject {
  return {
    organisation,
    authority: ca.certificate,
    administrator: { chain: [administrator.certificate] },
    hpkeKeys: [newKey().publicKey],
  };
}

async function newMember(options: {
  readonly ca: CertificateAuthority;
  readonly organisation: string;
  readonly kind: MemberKind;
  readonly roles: readonly string[];
  readonly nowMs: () => number;
}): Promise<Member> {
  const { ca, organisation, kind, roles, nowMs } = options;
  const id = newId();
  const key = newKey();
  const certificate = await issueCertificate({
    ca,
    id,
    organisation,
    kind,
    roles,
    notBeforeMs: nowMs() - DAY_MS / 2,
    notAfterMs: nowMs() + MEMBER_DAYS * DAY_MS,
    publicKey: key.publicKey,
  });
  return { id, signer: `id:${id}`, key, certificate };
}

/** A device with the proof that its key is at hand. */
export function deviceArgs(network: string, pid: string, device: SyncSigner): JsonObject {
  const hpke = newKey().publicKey;
  const message = hashTuple('device', network, pid, device.publicKey, hpke);
  return { publicKey: device.publicKey, hpke, proof: toBase64url(device.signSync(utf8(message))) };
}

async function prepare(
  options: CallOptions & { readonly network: string; readonly notAfter: number | null },
): Promise<PreparedCall> {
  const { network, args, by, notAfter, values } = options;
  const [contract = '', transaction = ''] = options.transaction.split('.');
  const salt = toBase64url(randomBytes(32));
  const payload: CallPayload = {
    version: 'salus:call:v1',
    alg: 'ES256',
    network,
    contract,
    transaction,
    args,
    signer: by.signer,
    nonce: newNonce(),
    notAfter,
    ...(values === undefined ? {} : { privateHash: privateHash(salt, values as Json) }),
  };
  const call = (await signCall(payload, by.key)) as unknown as SignedCall;
  return values === undefined ? { call } : { call, privateArgs: { salt, values } };
}
