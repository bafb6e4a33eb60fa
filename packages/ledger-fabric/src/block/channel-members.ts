import { type KeyObject, verify, X509Certificate } from 'node:crypto';
import { type common, msp } from '@hyperledger/fabric-protos';
import { findRevokedSerials } from '@salus/crypto';
import { FabricError } from '../fabric-error.ts';
import type { Endorsement, SerializedIdentity } from './transaction.ts';

/** Certificates between a machine's and its organisation's root, at most. */
const CHAIN_MAX = 4;
/** Identities whose certificates stay judged at hand; a channel has a few a member. */
const IDENTITIES_MAX = 10_000;

/** One member's MSP (msp/msp_config.proto), as far as it decides whose a certificate is. */
type Member = {
  readonly mspId: string;
  readonly roots: readonly X509Certificate[];
  readonly intermediates: readonly X509Certificate[];
  /** Upper-case hex serials of revoked certificates. */
  readonly revoked: ReadonlySet<string>;
};

/**
 * The members of a channel by its configuration, and whose signatures are theirs. Peers count an endorsement policy fulfilled
 * although further endorsements beside the needed ones are forged (common/policies `SignatureSetToValidIdentities` drops them
 * silently): whoever is told that an organisation has endorsed must look at its signature.
 */
export class ChannelMembers {
  /** MSP ids, sorted. */
  readonly organisations: readonly string[];
  readonly #members: ReadonlyMap<string, Member>;
  readonly #keys = new Map<string, KeyObject | undefined>();

  /** The configuration of the channel's newest configuration block. `bad-block`. */
  constructor(configuration: common.Config) {
    const members = readMembers(configuration);
    this.#members = members;
    this.organisations = [...members.keys()].sort();
  }

  /** MSP ids of the members whose endorsement verifies, sorted, each once. */
  endorsersOf(endorsements: readonly Endorsement[], signedPayload: Uint8Array): readonly string[] {
    const valid = new Set<string>();
    for (const { endorser, signature } of endorsements) {
      const key = this.#keyOf(endorser);
      if (key === undefined) continue;
      if (verify('sha256', Buffer.concat([signedPayload, endorser.bytes]), key, signature)) valid.add(endorser.mspId);
    }
    return [...valid].sort();
  }

  /** The public key of an identity whose certificate is its member's; judged once. */
  #keyOf(identity: SerializedIdentity): KeyObject | undefined {
    const name = `${identity.mspId}/${identity.certificate}`;
    if (this.#keys.has(name)) return this.#keys.get(name);
    if (this.#keys.size >= IDENTITIES_MAX) this.#keys.clear();
    const key = this.#judge(identity);
    this.#keys.set(name, key);
    return key;
  }

  #judge({ mspId, certificate }: SerializedIdentity): KeyObject | undefined {
    const member = this.#members.get(mspId);
    const leaf = findCertificate(certificate);
    if (member === undefined || leaf === undefined || leaf.ca) return undefined;
    return isOf(member, leaf) ? leaf.publicKey : undefined;
  }
}

/** Does a chain of unrevoked certificates lead to a root of the member? As in Fabric, expiry does not count for what is in a block. */
function isOf(member: Member, leaf: X509Certificate): boolean {
  let current = leaf;
  for (let length = 0; length < CHAIN_MAX; length += 1) {
    if (member.revoked.has(current.serialNumber)) return false;
    const issued = (authority: X509Certificate): boolean =>
      current.checkIssued(authority) && current.verify(authority.publicKey);
    if (member.roots.some(issued)) return true;
    const next = member.intermediates.find(issued);
    if (next === undefined) return false;
    current = next;
  }
  return false;
}

function readMembers(configuration: common.Config): ReadonlyMap<string, Member> {
  try {
    const application = configuration.getChannelGroup()?.getGroupsMap().get('Application');
    const members = new Map<string, Member>();
    for (const [, group] of application?.getGroupsMap().entries() ?? []) {
      const member = readMember(group);
      members.set(member.mspId, member);
    }
    return members;
  } catch (cause) {
    throw new FabricError('bad-block', 'the channel’s configuration cannot be read', { cause });
  }
}

function readMember(group: common.ConfigGroup): Member {
  const value = group.getValuesMap().get('MSP')?.getValue_asU8() ?? new Uint8Array();
  const config = msp.FabricMSPConfig.deserializeBinary(msp.MSPConfig.deserializeBinary(value).getConfig_asU8());
  const certificates = (pems: readonly Uint8Array[]) => pems.map((pem) => new X509Certificate(pem));
  const lists = config.getRevocationListList_asU8().map(derOfPem);
  return {
    mspId: config.getName(),
    roots: certificates(config.getRootCertsList_asU8()),
    intermediates: certificates(config.getIntermediateCertsList_asU8()),
    revoked: new Set(lists.flatMap((list) => findRevokedSerials(list).map((serial) => serial.toUpperCase()))),
  };
}

function findCertificate(pem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(pem);
  } catch {
    // Whatever it is, it is no certificate of a member.
    return undefined;
  }
}

/** The body of a PEM block, whatever its label. */
function derOfPem(pem: Uint8Array): Uint8Array {
  const [, body = ''] = /-----BEGIN [^-]+-----([^-]+)-----END/.exec(Buffer.from(pem).toString('latin1')) ?? [];
  return Buffer.from(body, 'base64');
}
