import { loadMembers } from '@salus/contracts';
import { kidOf, randomBytes, signerFromPkcs8 } from '@salus/crypto';
import type { VaultCaller } from '@salus/records';
import {
  claim,
  createPatientWallet,
  delegation,
  derivedDeviceKeys,
  formatSlip,
  type GrantChoice,
  grant,
  type ListedKey,
  type Occasion,
  type PatientWallet,
  parseSlip,
  type StaffWallet,
  sealToken,
} from '@salus/wallet';
import { submitCall, takeGrant } from '../consent.ts';
import type { FoundedMember } from '../founding.ts';
import type { Node } from '../node.ts';
import type { HostedOrganisation } from '../organisation.ts';

type Writer = Extract<VaultCaller, { kind: 'writer' }>;
const WRITING_SCOPE = [
  'record.commit',
  'record.correct',
  'record.tombstone',
  'record.move',
  'patient.merge',
  'patient.unmerge',
  'patient.register',
  'patient.reissueClaim',
];

/** A patient of the demonstration with a wallet: the device is a secret that goes into the wallet's file. */
export interface CastPatient {
  readonly rootSecret: Uint8Array;
  readonly recoveryCode: string;
  wallet: PatientWallet;
}

/** Everybody who acts in the demonstration's stories; each signs with a key of their own, as people do. */
export interface Cast {
  readonly node: Node;
  readonly occasion: () => Occasion;
  organisation(slug: string): HostedOrganisation;
  staff(account: string): StaffWallet;
  /** The person as a writer: the wallet's key signs a delegation to the organisation's node. */
  writer(account: string): Promise<Writer>;
}

export function castOf(node: Node, members: readonly FoundedMember[]): Cast {
  const occasion = (): Occasion => ({ network: node.network, nowMs: node.nowMs() });
  const staff = (account: string): StaffWallet => {
    const member = members.find((known) => known.account === account);
    if (member === undefined) throw new Error(`nobody in the demonstration has the account ${account}`);
    const { organisation, id, roles, key, chain } = member;
    return { network: node.network, organisation, id, roles, chain, signer: signerFromPkcs8(key.privateKey) };
  };
  const organisation = (slug: string): HostedOrganisation => node.organisations.get(slug)!;
  const writers = new Map<string, Promise<Writer>>();
  const delegate = async (account: string): Promise<Writer> => {
    const wallet = staff(account);
    const { node: submitter } = organisation(wallet.organisation);
    const onBehalfOf = await delegation(wallet, occasion(), { delegate: submitter.id, scope: WRITING_SCOPE });
    const who = { kind: 'member', id: wallet.id, organisation: wallet.organisation, roles: wallet.roles } as const;
    return { kind: 'writer', writer: { submitter, onBehalfOf, who }, purpose: 'TREAT' };
  };
  return {
    node,
    occasion,
    staff,
    organisation,
    writer: (account) => {
      const known = writers.get(account) ?? delegate(account);
      writers.set(account, known);
      return known;
    },
  };
}

/** The desk prints a slip for one of its patients. */
export async function printSlip(
  cast: Cast,
  { slug, account, fhirId }: { readonly slug: string; readonly account: string; readonly fhirId: string },
): Promise<string> {
  const { writer } = await cast.writer(account);
  const { pid, seed } = await cast.organisation(slug).vault.patients.issueSlip(writer, fhirId);
  return formatSlip({ network: cast.node.network, organisation: slug, pid, seed });
}

export async function createPatient(cast: Cast): Promise<CastPatient> {
  const rootSecret = randomBytes(32);
  const { wallet, recoveryCode } = await createPatientWallet(cast.node.network, derivedDeviceKeys(rootSecret));
  return { rootSecret, recoveryCode, wallet };
}

export async function claimSlip(cast: Cast, patient: CastPatient, text: string): Promise<void> {
  const slip = parseSlip(text);
  const change = await claim(patient.wallet, cast.occasion(), slip);
  await submitCall(cast.organisation(slip.organisation), given(change));
  patient.wallet = change.wallet;
}

/** The patient grants at the author's node and hands the token to the grantee's organisation. Returns the grant's id. */
export async function grantTo(
  cast: Cast,
  patient: CastPatient,
  {
    author,
    grantee,
    choice,
  }: { readonly author: string; readonly grantee: string; readonly choice: Omit<GrantChoice, 'grantee'> },
): Promise<string> {
  const { vault } = cast.organisation(author);
  const device = await patient.wallet.keys.hpkeKey(choice.pid);
  const recipients = await listedKeys(cast, grantee);
  const [recipient] = recipients;
  const envelopes = await vault.keys.envelopesFor(`pid:${choice.pid}`, {
    kid: kidOf(device.publicKey),
    publicKey: device.publicKey,
    grant: null,
  });
  const made = await grant(patient.wallet, cast.occasion(), {
    choice: { ...choice, grantee: { kind: 'organisation', organisation: grantee } },
    envelopes,
    recipients,
  });
  await takeGrant(cast.organisation(author), given(made), { seals: made.seals });
  patient.wallet = made.wallet;
  const { envelope } = await sealToken(patient.wallet, made.terms.grant, recipient!);
  await cast.organisation(grantee).exchange.tokens.receive(envelope, null);
  return made.terms.grant;
}

export function given({ call, privateArgs }: Pick<Awaited<ReturnType<typeof claim>>, 'call' | 'privateArgs'>) {
  return { call, ...(privateArgs === null ? {} : { privateArgs }) };
}

async function listedKeys({ node }: Cast, slug: string): Promise<readonly ListedKey[]> {
  const members = await loadMembers((key) => node.ledger.get(key));
  const live =
    members.roots(slug)?.hpke.filter(({ holder, untilMs }) => holder === 'organisation' && untilMs === null) ?? [];
  return live.map(({ kid, publicKey }) => ({ kid, publicKey }));
}
