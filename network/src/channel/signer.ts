import { verify, X509Certificate } from 'node:crypto';
import type { common, msp } from '@hyperledger/fabric-protos';
import { type ChannelConfig, mspOf, sectionOf } from './config.ts';
import type { PolicyRole } from './policy.ts';
import { readRevocationList } from './revocation.ts';
import { creatorOf, headerOf, type UpdateProposal, type UpdateSignature } from './update.ts';

/** Somebody whose signature on a proposal holds under the channel's own configuration. */
export type Signer = {
  readonly mspId: string;
  readonly certificate: X509Certificate;
  readonly roles: ReadonlySet<PolicyRole>;
};

export type IgnoredSignature = { readonly mspId: string; readonly reason: string };

type Organisation = {
  readonly fabric: msp.FabricMSPConfig;
  readonly roots: readonly X509Certificate[];
  readonly intermediates: readonly X509Certificate[];
  readonly revoked: ReadonlySet<string>;
};

const CHAIN_MAX = 4;

/**
 * Who signed a proposal, each identity once, and which signatures count for nothing and why. The same is asked as by
 * Fabric's MSP: the signature, a chain to the organisation's roots, no revocation; and that the certificate is in time.
 */
export async function readSigners(
  current: ChannelConfig,
  proposal: UpdateProposal,
  nowMs: number,
): Promise<{ readonly signers: readonly Signer[]; readonly ignored: readonly IgnoredSignature[] }> {
  const organisations = await readOrganisations(current);
  const signers = new Map<string, Signer>();
  const ignored: IgnoredSignature[] = [];
  for (const signature of proposal.signatures) {
    const { mspId, certificate } = creatorOf(headerOf(signature));
    const organisation = organisations.get(mspId);
    const parsed = findCertificate(certificate);
    const reason =
      organisation === undefined
        ? 'is of no organisation of the channel'
        : parsed === undefined
          ? 'has no readable certificate'
          : findFault(organisation, parsed, proposal, signature, nowMs);
    if (reason !== undefined) ignored.push({ mspId, reason });
    else if (organisation !== undefined && parsed !== undefined) {
      const roles = rolesOf(organisation.fabric, parsed);
      signers.set(`${mspId} ${parsed.fingerprint256}`, { mspId, certificate: parsed, roles });
    }
  }
  return { signers: [...signers.values()], ignored };
}

function findFault(
  organisation: Organisation,
  certificate: X509Certificate,
  proposal: UpdateProposal,
  { header, signature }: UpdateSignature,
  nowMs: number,
): string | undefined {
  const message = Buffer.concat([Buffer.from(header, 'base64url'), Buffer.from(proposal.update, 'base64url')]);
  if (certificate.publicKey.asymmetricKeyType !== 'ec') return 'is of another kind than ECDSA';
  if (!verify('sha256', message, certificate.publicKey, Buffer.from(signature, 'base64url'))) {
    return 'does not sign this update';
  }
  if (!isIssued(organisation, certificate)) return 'has a certificate of another authority';
  if (organisation.revoked.has(certificate.serialNumber.toLowerCase())) return 'is revoked';
  if (nowMs < Date.parse(certificate.validFrom) || nowMs > Date.parse(certificate.validTo)) {
    return 'has a certificate out of its time';
  }
  return undefined;
}

function isIssued(organisation: Organisation, certificate: X509Certificate): boolean {
  let subject = certificate;
  for (let length = 0; length < CHAIN_MAX; length += 1) {
    const issuedBy = (authority: X509Certificate): boolean =>
      authority.ca && subject.checkIssued(authority) && subject.verify(authority.publicKey);
    if (organisation.roots.some(issuedBy)) return true;
    const between = organisation.intermediates.find(issuedBy);
    if (between === undefined) return false;
    subject = between;
  }
  return false;
}

/** By organisational unit, as the organisation's NodeOUs name them, and by the list of administrators. */
function rolesOf(fabric: msp.FabricMSPConfig, certificate: X509Certificate): ReadonlySet<PolicyRole> {
  const roles = new Set<PolicyRole>(['member']);
  const lines = certificate.subject.split('\n');
  const units = new Set(lines.flatMap((line) => (line.startsWith('OU=') ? [line.slice('OU='.length)] : [])));
  const nodes = fabric.getFabricNodeOus();
  const named = [
    ['client', nodes?.getClientOuIdentifier()],
    ['peer', nodes?.getPeerOuIdentifier()],
    ['admin', nodes?.getAdminOuIdentifier()],
    ['orderer', nodes?.getOrdererOuIdentifier()],
  ] as const;
  for (const [role, unit] of nodes?.getEnable() === true ? named : []) {
    if (unit !== undefined && units.has(unit.getOrganizationalUnitIdentifier())) roles.add(role);
  }
  const listed = fabric.getAdminsList_asU8().map((pem) => findCertificate(Buffer.from(pem).toString('utf8')));
  if (listed.some((admin) => admin?.fingerprint256 === certificate.fingerprint256)) roles.add('admin');
  return roles;
}

async function readOrganisations(current: ChannelConfig): Promise<ReadonlyMap<string, Organisation>> {
  const found = new Map<string, Organisation>();
  for (const section of ['Orderer', 'Application'] as const) {
    for (const [mspId, group] of sectionOf(current, section).getGroupsMap().entries()) {
      found.set(mspId, await readMember(group));
    }
  }
  return found;
}

async function readMember(group: common.ConfigGroup): Promise<Organisation> {
  const fabric = mspOf(group);
  const certificates = (pems: readonly Uint8Array[]): X509Certificate[] =>
    pems.flatMap((pem) => findCertificate(Buffer.from(pem).toString('utf8')) ?? []);
  const lists = await Promise.all(
    fabric.getRevocationListList_asU8().map((pem) => readRevocationList(Buffer.from(pem).toString('utf8'))),
  );
  return {
    fabric,
    roots: certificates(fabric.getRootCertsList_asU8()),
    intermediates: certificates(fabric.getIntermediateCertsList_asU8()),
    revoked: new Set(lists.flatMap((list) => list.revoked.map(({ serial }) => serial))),
  };
}

function findCertificate(pem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(pem);
  } catch {
    return undefined;
  }
}
