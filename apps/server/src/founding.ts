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

/** Draws an organisation's authority, its node's and people's keys and certificates; nothing of it is on a ledger yet. */
export async function prepareOrganisation(
  { slug, members }: OrganisationPlan,
  nowMs: number,
): Promise<FoundedOrganisation> {
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
  const [first, ...others] = members;
  if (first === undefined) {
    await submitAs(ledger, administratorOf(organisation), 'found', applicantOf(organisation), nowMs);
    return;
  }
  const args = signApplication(organisation, { network: ledger.network, notAfterMs: nowMs + APPLICATION_MS });
  const proposed = await submitAs(ledger, administratorOf(first), 'proposeJoin', args, nowMs);
  let { proposal, status } = proposed as { proposal: string; status: string };
  for (const voter of others) {
    if (status !== 'open') return;
    const voted = await submitAs(ledger, administratorOf(voter), 'vote', { proposal, approve: true }, nowMs);
    ({ proposal, status } = voted as { proposal: string; status: string });
  }
}

async function enrol(ledger: Ledger, organisation: FoundedOrganisation, nowMs: number): Promise<void> {
  await submitAs(ledger, administratorOf(organisation), 'enrol', enrolmentOf(organisation), nowMs);
}

type Args = { readonly [name: string]: Json };

/** Arguments of `membership.found`, and what an application holds beside its end. */
export function applicantOf(organisation: FoundedOrganisation): Args {
  return {
    organisation: organisation.slug,
    authority: organisation.authority.certificate,
    administrator: { chain: administratorOf(organisation).chain },
    hpkeKeys: [organisation.hpke.publicKey],
  };
}

/** Arguments of `membership.proposeJoin`: nobody is proposed whose administrator has not signed. */
export function signApplication(
  organisation: FoundedOrganisation,
  { network, notAfterMs }: { readonly network: string; readonly notAfterMs: number },
): { readonly application: Args; readonly signature: string } {
  const application = { ...applicantOf(organisation), notAfterMs };
  const statement = utf8(hashTuple('join', network, application));
  const { key } = administratorOf(organisation);
  return { application, signature: toBase64url(signerFromPkcs8(key.privateKey).signSync(statement)) };
}

/** Arguments of `membership.enrol` for the node and everybody but the administrator, who came with the application. */
export function enrolmentOf(organisation: FoundedOrganisation): Args {
  const administrator = administratorOf(organisation);
  const staff = organisation.members.filter((member) => member !== administrator);
  return { certificates: [organisation.node, ...staff].map(({ chain }) => ({ chain })) };
}

export function administratorOf({ slug, members }: FoundedOrganisation): FoundedMember {
  const administrator = members.find(({ roles }) => roles.includes(ADMINISTRATOR_ROLE));
  if (administrator === undefined) throw new ServerError('bad-setting', `${slug} has no administrator.`);
  return administrator;
}

async function submitAs(
  ledger: Ledger,
  { id, key }: FoundedMember,
  transaction: string,
  args: Args,
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
