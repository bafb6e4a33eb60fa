import { X509Certificate } from 'node:crypto';
import { type IdentityFact, identityKey, type RootsFact, rootsKey } from '@salus/contracts';
import { type CertificateAuthority, type Json, kidOf } from '@salus/crypto';
import type { Ledger } from '@salus/ledger';
import {
  type BundleWorkers,
  type ExchangePeer,
  Exports,
  type MemberSigner,
  type OrganisationExchange,
  openExchange,
  openVault,
  RecordsError,
  type Vault,
} from '@salus/records';
import type { Account, AccountStore } from './accounts.ts';
import { reconcileAppointments } from './appointments.ts';
import { readTlsIdentity, type TlsIdentity } from './exchange/node-certificate.ts';
import { statementsOf } from './fhir/operations/dispute-entries.ts';
import type { FoundedOrganisation } from './founding.ts';
import { ServerError } from './server-error.ts';
import { type StorageSettings, storageOf } from './storage.ts';

/** One organisation that this process hosts, with keys, database and objects of its own. */
export interface HostedOrganisation extends AsyncDisposable {
  readonly slug: string;
  /** Base of its FHIR API, without a slash at the end. */
  readonly baseUrl: string;
  /** The organisation's node on the ledger: it signs what it submits by itself. */
  readonly node: MemberSigner;
  readonly vault: Vault;
  readonly exchange: OrganisationExchange;
  /** Bulk exports: jobs and sealed files. */
  readonly exports: Exports;
  readonly accounts: AccountStore;
  /** What certifies new members; opened for the moment that it is needed. */
  openAuthority(): Promise<CertificateAuthority>;
  /** By what the node proves to other organisations' nodes who it is. */
  openTlsIdentity(): Promise<TlsIdentity>;
  /** Told of failures that no caller waits for; they never hold health data. */
  readonly onFailure: (error: unknown) => void;
}

export interface OrganisationOptions {
  readonly slug: string;
  /** The certified id of the organisation's node. */
  readonly nodeId: string;
  readonly directory: string;
  readonly storage: StorageSettings;
  readonly masterKey: Uint8Array;
  readonly ledger: Ledger;
  readonly nowMs: () => number;
  /** Where relative references lead. */
  readonly publicUrl: string;
  readonly workers: BundleWorkers;
  /** Public address of another organisation's node; undefined where it is this one's. */
  findPublicUrl(slug: string): string | undefined;
  /** The door of another organisation; undefined where none of that name is connected. */
  findPeer(slug: string): ExchangePeer | undefined;
  readonly onFailure: (error: unknown) => void;
}

const ACCOUNT = 'account';

/** Opens the vault (settling what a crash left), the node's keys and the exchange with other organisations. */
export async function openOrganisation(options: OrganisationOptions): Promise<HostedOrganisation> {
  const { slug, nodeId, directory, masterKey, ledger, nowMs, publicUrl, workers, findPeer, onFailure } = options;
  const baseUrlOf = (author: string): string => `${options.findPublicUrl(author) ?? publicUrl}/${author}/fhir/R4`;
  const storage = storageOf(options.storage, slug);
  const baseUrl = `${publicUrl}/${slug}/fhir/R4`;
  const vault = await openVault({
    ...{ ...storage, directory, organisation: slug, ledger, masterKey, clock: nowMs, workers, onFailure },
    baseUrl: `${baseUrl}/`,
  });
  try {
    const node = { id: nodeId, signer: await vault.privateKeys.openSigner(await newest(vault, 'node')) };
    const hpkeKid = await newest(vault, 'hpke');
    const exchange = await openExchange({ vault, node, hpkeKid, findPeer, baseUrlOf, onFailure });
    const { disputes } = exchange;
    await reconcileAppointments(vault);
    const exports = await Exports.open({
      ...vault,
      onFailure,
      listStatements: (pid) => statementsOf(vault, disputes, pid),
    });
    // What a crash cut off in the middle of a move; a feed is its own submitter.
    await vault.moves.resume((id) => findSubmitter(vault, node, id), onFailure);
    return {
      slug,
      baseUrl,
      node,
      vault,
      exchange,
      exports,
      accounts: accountsOf(vault),
      onFailure,
      openAuthority: () => openAuthority(vault),
      openTlsIdentity: () => openTlsIdentity(vault, nodeId),
      [Symbol.asyncDispose]: async () => {
        await exports[Symbol.asyncDispose]();
        await exchange[Symbol.asyncDispose]();
        await vault[Symbol.asyncDispose]();
      },
    };
  } catch (error) {
    await vault[Symbol.asyncDispose]();
    throw error;
  }
}

async function findSubmitter(vault: Vault, node: MemberSigner, id: string): Promise<MemberSigner | undefined> {
  if (id === node.id) return node;
  const identity = (await vault.ledger.get(identityKey(id))) as IdentityFact | undefined;
  if (identity === undefined) return undefined;
  const kid = kidOf(identity.publicKey);
  return vault.privateKeys
    .openSigner(kid)
    .then((signer) => ({ id, signer }))
    .catch((error: unknown) => {
      if (error instanceof RecordsError && error.code === 'not-found') return undefined;
      throw error;
    });
}

/** Puts a newly founded organisation's keys into its vault. */
export async function keepKeys({ privateKeys }: Vault, { node, authority, hpke }: FoundedOrganisation): Promise<void> {
  await privateKeys.keep('node', node.key);
  await privateKeys.keep('ca', { publicKey: publicKeyOf(authority.certificate), privateKey: authority.privateKey });
  await privateKeys.keep('hpke', hpke);
}

/** Accounts lie sealed in the organisation's vault. */
export function accountsOf({ documents }: Vault): AccountStore {
  return {
    find: async (name) => (await documents.find(ACCOUNT, name)) as unknown as Account | undefined,
    put: (account) => documents.put(ACCOUNT, account.name, account as unknown as Json),
    remove: (name) => documents.delete(ACCOUNT, name),
    list: async () => (await documents.list(ACCOUNT)).map(({ value }) => value as unknown as Account),
  };
}

async function openAuthority({ organisation, ledger, privateKeys }: Vault): Promise<CertificateAuthority> {
  const kid = await newest({ privateKeys }, 'ca');
  const { privateKey, publicKey } = await privateKeys.openAuthorityKey(kid);
  const roots = (await ledger.get(rootsKey(organisation))) as RootsFact | undefined;
  const fact = roots?.ca.find(({ certificate, untilMs }) => untilMs === null && publicKeyOf(certificate) === publicKey);
  if (fact === undefined)
    throw new ServerError('conflict', 'The ledger lists no live authority of which this node holds the key.');
  return { organisation, certificate: fact.certificate, privateKey: privateKey.slice() };
}

async function openTlsIdentity({ ledger, privateKeys }: Vault, id: string): Promise<TlsIdentity> {
  const { privateKey } = await privateKeys.openNodeKey(await newest({ privateKeys }, 'node'));
  return readTlsIdentity(ledger, { id, privateKey });
}

async function newest({ privateKeys }: Pick<Vault, 'privateKeys'>, purpose: 'node' | 'ca' | 'hpke'): Promise<string> {
  const [key] = await privateKeys.list(purpose);
  if (key === undefined) throw new ServerError('master-key-missing', `The vault holds no key of purpose ${purpose}.`);
  return key.kid;
}

/** base64url of the uncompressed point of a certificate in DER. */
function publicKeyOf(certificate: string): string {
  const { x = '', y = '' } = new X509Certificate(Buffer.from(certificate, 'base64url')).publicKey.export({
    format: 'jwk',
  });
  const point = Buffer.concat([Buffer.of(4), Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')]);
  return point.toString('base64url');
}
