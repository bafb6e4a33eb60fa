import { canonical, hashTuple } from '@salus/crypto';
import type { DelegationPayload, MemberKind, SignedDelegation } from '../src/context.ts';
import type { Json } from '../src/json.ts';
import { type Authority, createAuthority } from './authority.ts';
import { createLedger, DAY_MS, HOUR_MS, type TestLedger, type TestSigner } from './host.ts';
import { sign, type TestKey, testId, testKey } from './keys.ts';

export type Member = TestSigner & {
  readonly id: string;
  readonly organisation: string;
  readonly kind: MemberKind;
  readonly roles: readonly string[];
  readonly chain: readonly string[];
  readonly notAfterMs: number;
};

export type Organisation = {
  readonly name: string;
  readonly authority: Authority;
  readonly administrator: Member;
  readonly node: Member;
  /** A client with the role `feed`. */
  readonly feed: Member;
  readonly clinician: Member;
  readonly registrar: Member;
  /** The HPKE key that the organisation lists. */
  readonly hpke: TestKey;
};

export type Patient = {
  readonly pid: string;
  readonly organisation: string;
  readonly claimKey: TestKey;
  readonly recovery: TestKey;
  /** Signs as the patient's first device. */
  readonly phone: TestSigner;
  readonly claimBy: TestSigner;
  readonly recoveryBy: TestSigner;
};

export interface TestNetwork extends TestLedger {
  readonly organisations: { readonly [name: string]: Organisation };
  organisation(name: string): Organisation;
  /** A certified member, not enrolled. */
  certify(authority: Authority, subject: Partial<MemberOptions> & { readonly label: string }): Promise<Member>;
  /** A certified and enrolled member of an organisation. */
  enrol(organisation: string, subject: Partial<MemberOptions> & { readonly label: string }): Promise<Member>;
  delegate(
    user: Member,
    delegate: Member,
    scope: readonly string[],
    overrides?: Partial<DelegationPayload>,
  ): SignedDelegation;
  register(organisation: string, label: string): Promise<Patient>;
  /** A registered patient who has claimed with one device. */
  claim(organisation: string, label: string): Promise<Patient>;
}

type MemberOptions = {
  readonly id: string;
  readonly kind: MemberKind;
  readonly roles: readonly string[];
  readonly organisation: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
};

/** A founded network: the first organisation founds, the others join by vote; each enrols node, feed, clinician and registrar. */
export async function createNetwork(names: readonly string[] = ['hospital-a', 'hospital-b']): Promise<TestNetwork> {
  const ledger = createLedger();
  const organisations: { [name: string]: Organisation } = {};
  const network: TestNetwork = {
    ...ledger,
    organisations,
    organisation: (name) => {
      const organisation = organisations[name];
      if (organisation === undefined) throw new Error(`no organisation ${name} in this test`);
      return organisation;
    },
    certify: (authority, subject) => certifyMember(authority, subject, ledger.nowMs()),
    enrol: async (name, subject) => {
      const { authority, administrator } = network.organisation(name);
      const member = await network.certify(authority, subject);
      await ledger.commit({
        transaction: 'membership.enrol',
        args: { certificates: [{ chain: member.chain }] },
        by: administrator,
      });
      return member;
    },
    delegate: (user, delegate, scope, overrides) => {
      const payload: DelegationPayload = {
        version: 'salus:delegation:v1',
        alg: 'ES256',
        network: ledger.host.network,
        user: user.id,
        delegate: delegate.id,
        scope,
        notBeforeMs: ledger.nowMs(),
        notAfterMs: ledger.nowMs() + HOUR_MS,
        nonce: testId('delegation'),
        ...overrides,
      };
      return { payload, signature: sign(user.key, canonical(payload)) };
    },
    register: async (name, label) => {
      const patient = patientOf(name, label);
      await ledger.commit({
        transaction: 'patient.register',
        args: {
          pid: patient.pid,
          claimKey: patient.claimKey.publicKey,
          claimNotAfterMs: ledger.nowMs() + 30 * DAY_MS,
        },
        by: network.organisation(name).registrar,
      });
      return patient;
    },
    claim: async (name, label) => {
      const patient = await network.register(name, label);
      await ledger.commit({
        transaction: 'patient.claim',
        args: {
          sequence: 1,
          devices: [deviceArgs(ledger, patient.pid, `${label} phone`)],
          recovery: patient.recovery.publicKey,
        },
        by: patient.claimBy,
      });
      return patient;
    },
  };
  for (const name of names) organisations[name] = await addOrganisation(network, name);
  return network;
}

/** The arguments of a device with keys of its own, and its proof of possession. */
export function deviceArgs(
  ledger: TestLedger,
  pid: string,
  label: string,
): { publicKey: string; hpke: string; proof: string } {
  const key = testKey(label);
  const hpke = testKey(`${label} hpke`).publicKey;
  const message = hashTuple('device', ledger.host.network, pid, key.publicKey, hpke);
  return { publicKey: key.publicKey, hpke, proof: sign(key, message) };
}

/** Signs as a device of a patient. */
export function deviceBy(pid: string, label: string): TestSigner {
  const key = testKey(label);
  return { signer: `pid:${pid}/${key.kid}`, key };
}

export function patientOf(organisation: string, label: string): Patient {
  const pid = testId(`${organisation} ${label}`);
  const claimKey = testKey(`${label} claim`);
  const recovery = testKey(`${label} recovery`);
  return {
    pid,
    organisation,
    claimKey,
    recovery,
    phone: deviceBy(pid, `${label} phone`),
    claimBy: { signer: `claim:${pid}`, key: claimKey },
    recoveryBy: { signer: `recovery:${pid}`, key: recovery },
  };
}

/** An application to join, signed by the applicant's administrator. */
export function joinArgs(
  ledger: TestLedger,
  applicant: {
    readonly name: string;
    readonly authority: Authority;
    readonly administrator: Member;
    readonly hpke: TestKey;
  },
): { readonly application: Json; readonly signature: string } {
  const application = { ...applicantArgs(applicant), notAfterMs: ledger.nowMs() + DAY_MS };
  const message = hashTuple('join', ledger.host.network, application);
  return { application, signature: sign(applicant.administrator.key, message) };
}

export function applicantArgs(applicant: {
  readonly name: string;
  readonly authority: Authority;
  readonly administrator: Member;
  readonly hpke: TestKey;
}): { readonly [key: string]: Json } {
  return {
    organisation: applicant.name,
    authority: applicant.authority.certificate,
    administrator: { chain: applicant.administrator.chain },
    hpkeKeys: [applicant.hpke.publicKey],
  };
}

/** An organisation's own side, before it is known to the network. */
export async function prepareOrganisation(
  ledger: Pick<TestLedger, 'nowMs'>,
  name: string,
): Promise<{ name: string; authority: Authority; administrator: Member; hpke: TestKey }> {
  const authority = await createAuthority(name, name, ledger.nowMs() - DAY_MS);
  const subject = { label: `${name} administrator`, roles: ['administrator'] };
  const administrator = await certifyMember(authority, subject, ledger.nowMs());
  return { name, authority, administrator, hpke: testKey(`${name} hpke`) };
}

async function addOrganisation(network: TestNetwork, name: string): Promise<Organisation> {
  const applicant = await prepareOrganisation(network, name);
  const { authority, administrator, hpke } = applicant;
  const [first, ...others] = Object.values(network.organisations);
  if (first === undefined) {
    await network.commit({ transaction: 'membership.found', args: applicantArgs(applicant), by: administrator });
  } else {
    const args = joinArgs(network, applicant);
    let answer = await network.commit({ transaction: 'membership.proposeJoin', args, by: first.administrator });
    for (const { administrator: by } of others) {
      const { proposal, status } = answer as { readonly proposal: string; readonly status: string };
      if (status !== 'open') break;
      answer = await network.commit({ transaction: 'membership.vote', args: { proposal, approve: true }, by });
    }
  }
  const certify = (label: string, kind: MemberKind, roles: readonly string[]): Promise<Member> =>
    network.certify(authority, { label: `${name} ${label}`, kind, roles });
  const node = await certify('node', 'node', []);
  const feed = await certify('feed', 'client', ['feed']);
  const clinician = await certify('clinician', 'staff', ['clinician']);
  const registrar = await certify('registrar', 'staff', ['registrar']);
  await network.commit({
    transaction: 'membership.enrol',
    args: { certificates: [node, feed, clinician, registrar].map(({ chain }) => ({ chain })) },
    by: administrator,
  });
  return { name, authority, administrator, node, feed, clinician, registrar, hpke };
}

export async function certifyMember(
  authority: Authority,
  { label, ...subject }: Partial<MemberOptions> & { readonly label: string },
  nowMs: number,
): Promise<Member> {
  const key = testKey(label);
  const id = subject.id ?? testId(label);
  const options = {
    kind: 'staff' as const,
    roles: [],
    organisation: authority.organisation,
    notBeforeMs: nowMs - HOUR_MS,
    notAfterMs: nowMs + 365 * DAY_MS,
    ...subject,
    id,
  };
  const chain = await authority.issue({ ...options, publicKey: key.publicKey });
  return { ...options, signer: `id:${id}`, key, chain };
}
