import { ADMINISTRATOR_ROLE } from '@salus/contracts';
import {
  type CertificateAuthority,
  createCa,
  type ExtractableHpkeKey,
  generateHpkeKey,
  generateSigningKeySync,
  hashTuple,
  issueCertificate,
  type Json,
  randomBytes,
  type SigningKey,
  signerFromPkcs8,
  toBase64url,
  utf8,
} from '@salus/crypto';
import type { Ledger } from '@salus/ledger';
import { prepareCall } from '@salus/wallet';
import { ServerError } from './server-error.ts';

const DAY_MS = 86_400_000;
const AUTHORITY_DAYS = 3_650;
export const STAFF_CERTIFICATE_DAYS = 730;
const NODE_CERTIFICATE_DAYS = 1_825;
/** A certificate begins a little before it is made: the ledger's clock may run behind. */
export const CLOCK_SLACK_MS = 3_600_000;
const APPLICATION_MS = 3_600_000;

/** An organisation that is to be founded and hosted here. */
export interface OrganisationPlan {
  readonly slug: string;
  /** At least one is an administrator. */
  readonly members: readonly MemberPlan[];
}

export interface MemberPlan {
  readonly account: string;
  readonly roles: readonly string[];
}

/** A member of staff whose key was drawn here on the person's behalf: it goes into a wallet and nowhere else. */
export interface FoundedMember extends MemberPlan {
  readonly organisation: string;
  readonly id: string;
  readonly key: SigningKey;
  readonly chain: readonly string[];
}

/** What the organisation's node keeps, wrapped under the organisation's master key. */
export interface FoundedOrganisation {
  readonly slug: string;
  readonly authority: CertificateAuthority;
  readonly node: { readonly id: string; readonly key: SigningKey; readonly chain: readonly string[] };
  readonly hpke: ExtractableHpkeKey;
  readonly members: readonly FoundedMember[];
}

/**
 * Founds a network on an empty ledger as its members would: the first organisation's administrator founds, each other
 * one applies with its administrator's signature and is voted in, and every administrator enrols their node and staff.
 *
 * @throws ServerError `conflict` naming the contract's code where the ledger refuses a step
 */
export async function foundNetwork(
  ledger: Ledger,
  plans: readonly OrganisationPlan[],
  nowMs: number,
): Promise<readonly FoundedOrganisation[]> {
  const founded: FoundedOrganisation[] = [];
  for (const plan of plans) {
    const organisation = await prepareOrganisation(plan, nowMs);
    await joinNetwork(ledger, organisation, founded, nowMs);
    await enrol(ledger, organisation, nowMs);
    founded.push(organisation);
  }
  return founded;
}

/** Opaque: says nothing about whom it names. */
export function newId(): string {
  return toBase64url(randomBytes(16));
}

async function prepareOrganisation({ slug, members }: OrganisationPlan, nowMs: number): Promise<FoundedOrganisation> {
  const sinceMs = nowMs - CLOCK_SLACK_MS;
  const authority = await createCa({ organisation: slug, nowMs: sinceMs, validDays: AUTHORITY_DAYS });
  const certify = async (kind: 'staff' | 'node', roles: readonly string[], days: number) => {
    const key = generateSigningKeySync();
    const id = newId();
    const certificate = await issueCertificate({
      ca: authority,
      id,
      organisation: slug,
      kind,
      roles,
      publicKey: key.publicKey,
      notBeforeMs: sinceMs,
      notAfterMs: sinceMs + days * DAY_MS,
    });
    return { id, key, chain: [certificate] };
  };
  const certified: FoundedMember[] = [];
  for (const { account, roles } of members) {
    certified.push({ organisation: slug, account, roles, ...(await certify('staff', roles, STAFF_CERTIFICATE_DAYS)) });
  }
  return {
    slug,
    authority,
    node: await certify('node', [], NODE_CERTIFICATE_DAYS),
    hpke: await generateHpkeKey(),
    members: certified,
  };
}

async function joinNetwork(
  ledger: Ledger,
  organisation: FoundedOrganisation,
  members: readonly FoundedOrganisation[],
  nowMs: number,
): Promise<void> {
  const administrator = administratorOf(organisation);
  const application = {
    organisation: organisation.slug,
    authority: organisation.authority.certificate,
    administrator: { chain: administrator.chain },
    hpkeKeys: [organisation.hpke.publicKey],
  };
  const [first, ...others] = members;
  if (first === undefined) {
    await submitAs(ledger, administrator, 'found', application, nowMs);
    return;
  }
  const signed = { ...application, notAfterMs: nowMs + APPLICATION_MS };
  const statement = utf8(hashTuple('join', ledger.network, signed));
  const signature = toBase64url(signerFromPkcs8(administrator.key.privateKey).signSync(statement));
  const proposed = await submitAs(
    ledger,
    administratorOf(first),
    'proposeJoin',
    { application: signed, signature },
    nowMs,
  );
  let { proposal, status } = proposed as { proposal: string; status: string };
  for (const voter of others) {
    if (status !== 'open') return;
    const voted = await submitAs(ledger, administratorOf(voter), 'vote', { proposal, approve: true }, nowMs);
    ({ proposal, status } = voted as { proposal: string; status: string });
  }
}

async function enrol(ledger: Ledger, organisation: FoundedOrganisation, nowMs: number): Promise<void> {
  const administrator = administratorOf(organisation);
  const staff = organisation.members.filter((member) => member !== administrator);
  const certificates = [organisation.node, ...staff].map(({ chain }) => ({ chain }));
  await submitAs(ledger, administrator, 'enrol', { certificates }, nowMs);
}

function administratorOf({ slug, members }: FoundedOrganisation): FoundedMember {
  const administrator = members.find(({ roles }) => roles.includes(ADMINISTRATOR_ROLE));
  if (administrator === undefined) throw new ServerError('bad-setting', `${slug} has no administrator.`);
  return administrator;
}

async function submitAs(
  ledger: Ledger,
  { id, key }: FoundedMember,
  transaction: string,
  args: { readonly [name: string]: Json },
  nowMs: number,
): Promise<Json> {
  const content = { contract: 'membership', transaction, args, signer: `id:${id}` };
  const { call } = await prepareCall({ network: ledger.network, nowMs }, content, signerFromPkcs8(key.privateKey));
  const outcome = await ledger.submit(call);
  if (outcome.kind === 'refused') {
    throw new ServerError('conflict', `membership.${transaction} was refused: ${outcome.code} ${outcome.detail ?? ''}`);
  }
  return outcome.result;
}
