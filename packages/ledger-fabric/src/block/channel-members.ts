import { type KeyObject, verify, X509Certificate } from 'node:crypto';
import { type common, msp } from '@hyperledger/fabric-protos';
import { findRevokedSerials } from '@salus/crypto';
import type { Endorsement, SerializedIdentity } from './transaction.ts';

/** Certificates between a machine's and its organisation's root, at most. */
const CHAIN_MAX = 4;
/** Identities whose certificates stay judged at hand; a channel has a few a member. */
const IDENTITIES_MAX = 10_000;
/** Characters of a certificate (PEM). */
const CERTIFICATE_LENGTH_MAX = 16 * 1024;
/** P-256, the one curve of the network's machines, as OpenSSL names it. */
const CURVE = 'prime256v1';
/** The NodeOU of peers in a certificate's subject, whose parts Node gives one a line. */
const PEER_UNIT = /^OU=peer$/m;

/** One member's MSP (msp/msp_config.proto), as far as it decides whose a certificate is. */
type Member = {
  readonly mspId: string;
  readonly roots: readonly X509Certificate[];
  readonly intermediates: readonly X509Certificate[];
  /** Upper-case hex serials of revoked certificates. */
  readonly revoked: ReadonlySet<string>;
  /** Certificates and lists that are none here. */
  readonly unreadParts: number;
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
  /** What of the configuration could not be read and counts for nothing, one sentence a member. */
  readonly unread: readonly string[];
  readonly #keys = new Map<string, KeyObject | undefined>();

  /** The configuration of the channel's newest configuration block. */
  constructor(configuration: common.Config) {
    const read = readMembers(configuration);
    this.#members = new Map(read.map((member) => [member.mspId, member]));
    this.organisations = [...this.#members.keys()].sort();
    this.unread = read.flatMap(({ mspId, unreadParts }) =>
      unreadParts === 0 ? [] : [`${unreadParts} certificates or lists of ${mspId} cannot be read`],
    );
  }

  /** MSP ids of the members whose endorsement verifies, sorted, each once. */
  endorsersOf(endorsements: readonly Endorsement[], signedPayload: Uint8Array): readonly string[] {
    const valid = new Set<string>();
    for (const { endorser, signature } of endorsements) {
      const key = this.#keyOf(endorser);
      if (key === undefined) continue;
      if (isSigned(Buffer.concat([signedPayload, endorser.bytes]), key, signature)) valid.add(endorser.mspId);
    }
    return [...valid].sort();
  }

  /** The public key of an identity whose certificate is its member's; judged once. */
  #keyOf(identity: SerializedIdentity): KeyObject | undefined {
    if (identity.certificate.length > CERTIFICATE_LENGTH_MAX || !this.#members.has(identity.mspId)) return undefined;
    const name = `${identity.mspId}/${identity.certificate}`;
    if (this.#keys.has(name)) return this.#keys.get(name);
    if (this.#keys.size >= IDENTITIES_MAX) this.#keys.clear();
    const key = this.#judge(identity);
    this.#keys.set(name, key);
    return key;
  }

  /** Only peers endorse (NodeOUs), and with P-256 keys: what is of another kind, or cannot be read, does not count. */
  #judge({ mspId, certificate }: SerializedIdentity): KeyObject | undefined {
    const member = this.#members.get(mspId);
    if (member === undefined) return undefined;
    return attempt(() => {
      const leaf = new X509Certificate(certificate);
      const { publicKey } = leaf;
      const { asymmetricKeyType, asymmetricKeyDetails } = publicKey;
      const isP256 = asymmetricKeyType === 'ec' && asymmetricKeyDetails?.namedCurve === CURVE;
      return isP256 && !leaf.ca && PEER_UNIT.test(leaf.subject) && isOf(member, leaf) ? publicKey : undefined;
    });
  }
}

function isSigned(message: Uint8Array, key: KeyObject, signature: Uint8Array): boolean {
  return attempt(() => verify('sha256', message, key, signature)) ?? false;
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

function readMembers(configuration: common.Config): readonly Member[] {
  const application = configuration.getChannelGroup()?.getGroupsMap().get('Application');
  return [...(application?.getGroupsMap().entries() ?? [])].map(([name, group]) => readMember(name, group));
}

/** A member whose update of itself cannot be read here stays a member, by what of it can be. */
function readMember(name: string, group: common.ConfigGroup): Member {
  const value = group.getValuesMap().get('MSP')?.getValue_asU8() ?? new Uint8Array();
  const config = attempt(() =>
    msp.FabricMSPConfig.deserializeBinary(msp.MSPConfig.deserializeBinary(value).getConfig_asU8()),
  );
  if (config === undefined) {
    return { mspId: name, roots: [], intermediates: [], revoked: new Set(), unreadParts: 1 };
  }
  const roots = attemptEach(config.getRootCertsList_asU8(), (pem) => new X509Certificate(pem));
  const intermediates = attemptEach(config.getIntermediateCertsList_asU8(), (pem) => new X509Certificate(pem));
  const lists = attemptEach(config.getRevocationListList_asU8(), (list) => findRevokedSerials(derOf(list)));
  return {
    mspId: config.getName(),
    roots: roots.read,
    intermediates: intermediates.read,
    revoked: new Set(lists.read.flat().map((serial) => serial.toUpperCase())),
    unreadParts: roots.unread + intermediates.unread + lists.unread,
  };
}

function attemptEach<T>(
  values: readonly Uint8Array[],
  read: (value: Uint8Array) => T,
): { readonly read: readonly T[]; readonly unread: number } {
  const results = values.map((value) => attempt(() => read(value)));
  const found = results.filter((result) => result !== undefined);
  return { read: found, unread: values.length - found.length };
}

/** Undefined for what another one wrote and cannot be read: it then counts for nothing. */
function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

/** The body of a PEM block, whatever its label and header lines (RFC 1421 §4.4); other bytes are DER, as for Go's `ParseCRL`. */
function derOf(list: Uint8Array): Uint8Array {
  const text = Buffer.from(list).toString('latin1');
  const [, block] = /-----BEGIN [^\r\n]*-----\r?\n(.*?)-----END /s.exec(text) ?? [];
  if (block === undefined) return list;
  const lines = block.split(/\r?\n/);
  return Buffer.from(lines.filter((line) => !line.includes(':')).join(''), 'base64');
}
