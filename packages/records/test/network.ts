import { join } from 'node:path';
import type { SignedCall, SignedDelegation } from '@salus/contracts';
import {
  type CertificateAuthority,
  canonicalBytes,
  createCa,
  generateHpkeKey,
  generateSigningKeySync,
  type HpkeKey,
  hashTuple,
  issueCertificate,
  type Json,
  newNonce,
  randomBytes,
  type SyncSigner,
  signCall,
  signerFromPkcs8,
  toBase64url,
  utf8,
} from '@salus/crypto';
import { createEmbeddedLedger, type Ledger, openEmbeddedLedger } from '@salus/ledger';
import type { MemberSigner, Writer } from '../src/vault-types.ts';

/** A real embedded ledger with real certificates, for tests of this package. */

export interface TestMember extends MemberSigner {
  readonly signer: SyncSigner;
  /** PKCS #8. */
  readonly privateKey: Uint8Array;
  readonly organisation: string;
  readonly roles: readonly string[];
  readonly chain: readonly string[];
}

export interface TestOrganisation {
  readonly slug: string;
  readonly authority: CertificateAuthority;
  readonly administrator: TestMember;
  readonly node: TestMember;
  readonly clinician: TestMember;
  readonly registrar: TestMember;
  readonly hpke: HpkeKey;
}

export interface TestConsortium {
  readonly ledger: Ledger;
  readonly network: string;
  readonly clock: () => number;
  readonly organisations: readonly TestOrganisation[];
  /** PKCS #8 of the key that signs blocks, for tests that open the ledger in another process. */
  readonly ledgerKey: Uint8Array;
  /** Opens the ledger again after it was closed. */
  reopen(): Promise<TestConsortium>;
}

const DAY_MS = 86_400_000;

export async function foundTestConsortium(
  directory: string,
  slugs: readonly string[],
  clock: () => number = Date.now,
): Promise<TestConsortium> {
  const { privateKey: ledgerKey } = generateSigningKeySync();
  const options = {
    file: join(directory, 'ledger.sqlite'),
    checkpointFile: join(directory, 'checkpoints.jsonl'),
    signer: signerFromPkcs8(ledgerKey),
    checkpointSigners: () => [],
    clock,
  };
  const network = toBase64url(randomBytes(16));
  const ledger = await createEmbeddedLedger({ ...options, network });
  const organisations: TestOrganisation[] = [];
  for (const slug of slugs) {
    const organisation = await makeOrganisation(slug, clock());
    await joinNetwork(ledger, organisation, organisations, clock());
    organisations.push(organisation);
  }
  const consortiumOf = (opened: Ledger): TestConsortium => ({
    ledger: opened,
    network,
    clock,
    organisations,
    ledgerKey,
    reopen: async () => consortiumOf(await openEmbeddedLedger(options)),
  });
  return consortiumOf(ledger);
}

/** A writer of an organisation: the person delegates to the node. */
export async function testWriter(
  consortium: Pick<TestConsortium, 'network' | 'clock'>,
  organisation: TestOrganisation,
  person: TestMember = organisation.clinician,
): Promise<Writer> {
  const nowMs = consortium.clock();
  const payload: SignedDelegation['payload'] = {
    version: 'salus:delegation:v1',
    alg: 'ES256',
    network: consortium.network,
    user: person.id,
    delegate: organisation.node.id,
    scope: ['record.commit', 'record.correct', 'record.tombstone', 'patient.register', 'patient.reissueClaim'],
    notBeforeMs: nowMs - 1000,
    notAfterMs: nowMs + 11 * 60 * 60 * 1000,
    nonce: newNonce(),
  };
  const signature = toBase64url(person.signer.signSync(canonicalBytes(payload as unknown as Json)));
  const { id, roles } = person;
  return {
    submitter: organisation.node,
    onBehalfOf: { payload, signature },
    who: { kind: 'member', id, organisation: organisation.slug, roles },
  };
}

type Acting = { readonly signerName: string; readonly signer: SyncSigner };

/** A call signed by its own signer: staff, slip or device. */
export async function signAs(
  network: string,
  { signerName, signer }: Acting,
  transaction: string,
  args: { readonly [name: string]: Json },
  nowMs: number,
): Promise<SignedCall> {
  const [contract = '', name = ''] = transaction.split('.');
  const payload = {
    version: 'salus:call:v1',
    alg: 'ES256',
    network,
    contract,
    transaction: name,
    args,
    signer: signerName,
    nonce: newNonce(),
    notAfter: nowMs + 600_000,
  } as const;
  return (await signCall(payload, signer)) as SignedCall;
}

/** Submits such a call; a refusal throws its code. */
export async function submitAs(
  ledger: Ledger,
  acting: Acting,
  transaction: string,
  args: { readonly [name: string]: Json },
  nowMs: number,
): Promise<Json> {
  const result = await ledger.submit(await signAs(ledger.network, acting, transaction, args, nowMs));
  if (result.kind === 'refused') throw new Error(`${transaction} was refused: ${result.code} ${result.detail ?? ''}`);
  return result.result;
}

async function makeOrganisation(slug: string, nowMs: number): Promise<TestOrganisation> {
  const sinceMs = nowMs - 3_600_000;
  const authority = await createCa({ organisation: slug, nowMs: sinceMs, validDays: 3650 });
  const member = async (kind: 'staff' | 'node', roles: readonly string[]): Promise<TestMember> => {
    const key = generateSigningKeySync();
    const id = toBase64url(randomBytes(16));
    const certificate = await issueCertificate({
      ca: authority,
      id,
      organisation: slug,
      kind,
      roles,
      publicKey: key.publicKey,
      notBeforeMs: sinceMs,
      notAfterMs: sinceMs + 365 * DAY_MS,
    });
    const { privateKey } = key;
    return { id, organisation: slug, roles, chain: [certificate], privateKey, signer: signerFromPkcs8(privateKey) };
  };
  return {
    slug,
    authority,
    administrator: await member('staff', ['administrator']),
    node: await member('node', []),
    clinician: await member('staff', ['clinician']),
    registrar: await member('staff', ['registrar']),
    hpke: await generateHpkeKey(),
  };
}

async function joinNetwork(
  ledger: Ledger,
  organisation: TestOrganisation,
  members: readonly TestOrganisation[],
  nowMs: number,
): Promise<void> {
  const { administrator } = organisation;
  const application = {
    organisation: organisation.slug,
    authority: organisation.authority.certificate,
    administrator: { chain: administrator.chain },
    hpkeKeys: [organisation.hpke.publicKey],
  };
  const as = (member: TestMember) => ({ signerName: `id:${member.id}`, signer: member.signer });
  const [first, ...others] = members;
  if (first === undefined) {
    await submitAs(ledger, as(administrator), 'membership.found', application, nowMs);
  } else {
    const signed = { ...application, notAfterMs: nowMs + 3_600_000 };
    const statement = utf8(hashTuple('join', ledger.network, signed));
    const signature = toBase64url(administrator.signer.signSync(statement));
    const args = { application: signed, signature };
    let state = (await submitAs(ledger, as(first.administrator), 'membership.proposeJoin', args, nowMs)) as {
      readonly proposal: string;
      readonly status: string;
    };
    for (const voter of others) {
      if (state.status !== 'open') break;
      const vote = { proposal: state.proposal, approve: true };
      state = (await submitAs(ledger, as(voter.administrator), 'membership.vote', vote, nowMs)) as typeof state;
    }
  }
  const certificates = [organisation.node, organisation.clinician, organisation.registrar].map(({ chain }) => ({
    chain,
  }));
  await submitAs(ledger, as(administrator), 'membership.enrol', { certificates }, nowMs);
}
