import {
  type CertificateAuthority,
  createCa,
  generateSigningKeySync,
  issueMachineCertificate,
  type MachineUnit,
  toPem,
} from '@salus/crypto';
import type { ChannelConfig } from './config.ts';
import { decodeChannelConfig } from './config.ts';
import { configOfBlock } from './config-block.ts';
import type { Consensus, Consenter } from './consensus.ts';
import { createGenesisBlock } from './genesis.ts';
import type { FabricIdentity } from './identity.ts';
import type { OrganisationDefinition } from './organisation.ts';
import { signProposal, type UpdateProposal } from './update.ts';

/** Organisations in memory, for tests of the channel configuration that need no network. */
export type TestMember = {
  readonly slug: string;
  readonly ca: CertificateAuthority;
  readonly definition: OrganisationDefinition;
  readonly admin: FabricIdentity;
  readonly issue: (unit: MachineUnit, commonName?: string) => Promise<FabricIdentity>;
};

export const NOW_MS = Date.UTC(2030, 0, 2);
const DAY_MS = 86_400_000;

export async function createMember(slug: string, ordererPort?: number): Promise<TestMember> {
  const times = { nowMs: NOW_MS - DAY_MS, validDays: 365 };
  const ca = await createCa({ organisation: slug, ...times });
  const tlsca = await createCa({ organisation: slug, ...times });
  const issue = async (unit: MachineUnit, commonName = `${unit}.${slug}`): Promise<FabricIdentity> => {
    const { publicKey, privateKey } = generateSigningKeySync();
    const certificate = await issueMachineCertificate({
      ca,
      commonName,
      publicKey,
      use: 'identity',
      unit,
      notBeforeMs: NOW_MS - DAY_MS,
      notAfterMs: NOW_MS + 30 * DAY_MS,
    });
    return { mspId: slug, certificate: toPem('CERTIFICATE', certificate), privateKey: pemOfKey(privateKey) };
  };
  const definition: OrganisationDefinition = {
    mspId: slug,
    rootCertificates: [toPem('CERTIFICATE', ca.certificate)],
    intermediateCertificates: [],
    tlsRootCertificates: [toPem('CERTIFICATE', tlsca.certificate)],
    tlsIntermediateCertificates: [],
    revocationLists: [],
    anchorPeers: [{ host: `${slug}.example`, port: 7051 }],
    ordererEndpoints: ordererPort === undefined ? [] : [`${slug}.example:${ordererPort}`],
  };
  return { slug, ca, definition, admin: await issue('admin'), issue };
}

export async function createConsenter(member: TestMember, id: number, port = 7050): Promise<Consenter> {
  const { certificate } = await member.issue('orderer', `orderer${id}.${member.slug}`);
  return {
    id,
    host: `${member.slug}.example`,
    port,
    mspId: member.slug,
    identity: certificate,
    clientTlsCertificate: certificate,
    serverTlsCertificate: certificate,
  };
}

/** A channel at its genesis block; the members with an orderer endpoint order. */
export async function createChannel(
  members: readonly TestMember[],
  consensus: Consensus = 'raft',
): Promise<ChannelConfig> {
  const ordering = members.filter(({ definition }) => definition.ordererEndpoints.length > 0);
  const consenters = await Promise.all(ordering.map((member, index) => createConsenter(member, index + 1)));
  const organisations = members.map(({ definition }) => definition);
  const block = createGenesisBlock({ channel: 'salus', consensus, organisations, consenters, createdMs: NOW_MS });
  return decodeChannelConfig('salus', configOfBlock(block));
}

function pemOfKey(pkcs8: Uint8Array): string {
  return toPem('PRIVATE KEY', Buffer.from(pkcs8).toString('base64url'));
}

/** Three members, two of them with an orderer, of a channel for each consensus; and one who is no member. */
export async function createTestChannels() {
  const [hospital, laboratory, pharmacy, research] = await Promise.all([
    createMember('hospital-a', 7050),
    createMember('laboratory', 7050),
    createMember('pharmacy'),
    createMember('research'),
  ]);
  const members = [hospital, laboratory, pharmacy];
  const [raft, bft] = await Promise.all([createChannel(members), createChannel(members, 'bft')]);
  return { hospital, laboratory, pharmacy, research, raft, bft };
}

/** With the signatures of these members' administrators, in this order. */
export async function signAll(proposal: UpdateProposal, ...members: readonly TestMember[]): Promise<UpdateProposal> {
  let signed = proposal;
  for (const { admin } of members) signed = await signProposal(signed, admin);
  return signed;
}
