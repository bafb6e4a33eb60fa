import { loadMembers } from '@salus/contracts';
import { type HpkePrivateKey, verifyCertificate } from '@salus/crypto';
import { CoverRoots } from '../cover-roots.ts';
import { DisputeBook } from '../disputes.ts';
import { EmergencyBook } from '../emergencies.ts';
import { ForeignChanges } from '../foreign/foreign-changes.ts';
import { ForeignGrants } from '../foreign/foreign-grants.ts';
import { ForeignRecords } from '../foreign/foreign-records.ts';
import { ForeignSessions } from '../foreign/foreign-sessions.ts';
import type { LedgerView } from '../ledger-view.ts';
import { PlaceLists, RequestBook } from '../requests.ts';
import { RootPublisher } from '../root-publisher.ts';
import type { Vault } from '../vault.ts';
import type { MemberSigner } from '../vault-types.ts';
import { AppReading } from './app-reading.ts';
import { createAttachmentPieces } from './attachment-pieces.ts';
import { Deliveries } from './deliveries.ts';
import type { ExchangePeer } from './exchange-peer.ts';
import { ExpirySweep } from './expiry-sweep.ts';
import { Gateway } from './gateway.ts';
import { GatewaySessions, type Reader } from './gateway-session.ts';
import { GrantFollower } from './grant-follower.ts';
import { GrantTokens } from './grant-tokens.ts';
import { type HandedOn, handOn, takeHandedOn } from './hand-on.ts';
import { KeptRecords } from './kept-records.ts';
import { PlaceReading } from './place-reading.ts';
import { ExchangeReader } from './reader.ts';

export interface ExchangeOptions {
  readonly vault: Vault;
  /** The organisation's enrolled node. */
  readonly node: MemberSigner;
  /** The HPKE key that the ledger lists for the organisation and that new sessions name. */
  readonly hpkeKid: string;
  /** The gateways of other organisations, in this process or behind mutual TLS. */
  findPeer(organisation: string): ExchangePeer | undefined;
  /** Base of another organisation's FHIR API, without a slash at the end. */
  baseUrlOf(organisation: string): string;
  /** Told of what fails in the background: roots, expiries. */
  readonly onFailure: (error: unknown) => void;
}

/** Everything by which one organisation meets the others and its patients' consent. */
export interface OrganisationExchange extends AsyncDisposable {
  readonly gateway: Gateway;
  readonly reader: ExchangeReader;
  /** What patients' apps read at home. */
  readonly apps: AppReading;
  readonly deliveries: Deliveries;
  readonly requests: RequestBook;
  readonly tokens: GrantTokens;
  /** Hands the token of a patient's grant on to its grantee's organisation. Codes as `handOn`. */
  handOn(handed: HandedOn): Promise<void>;
  readonly places: PlaceLists;
  /** What locate grants tell of patients' other places of treatment. */
  readonly treatedElsewhere: PlaceReading;
  /** What patients state about records here. */
  readonly disputes: DisputeBook;
  /** Emergency access to this organisation's records. */
  readonly emergencies: EmergencyBook;
  readonly kept: KeptRecords;
  /** What others' patients granted, in this organisation's base. */
  readonly foreign: ForeignRecords;
  /** What patients' apps read elsewhere, by grants that the patients handed over here. */
  readonly foreignSessions: ForeignSessions;
  readonly roots: RootPublisher;
  readonly expiries: ExpirySweep;
}

/** Opens the exchange of one vault; close it before the vault, so that the last roots reach the ledger. */
export async function openExchange(options: ExchangeOptions): Promise<OrganisationExchange> {
  const { vault, node, findPeer, baseUrlOf, onFailure } = options;
  const { organisation, ledger, store, masterKey, clock, audit } = vault;
  const openHpke = (kid: string): Promise<{ publicKey: string; privateKey: HpkePrivateKey }> =>
    vault.privateKeys.openHpke(kid);
  const base = {
    network: ledger.network,
    organisation,
    node,
    clock,
    ledger,
    store,
    masterKey,
    audit,
    findPeer,
    openHpke,
  };
  const sessions = new GatewaySessions(store, masterKey);
  const places = new PlaceLists(base);
  const disputes = new DisputeBook({ ledger, clock, store: vault.disputes, rows: vault.rows });
  const emergencies = new EmergencyBook(vault.documents);
  const deliveries = new Deliveries(base);
  const tokens = new GrantTokens(base);
  const door = {
    ...base,
    sessions,
    emergencies,
    findReader: (name: string, chain: readonly string[], atMs: number) => findReader(ledger, name, chain, atMs),
    guard: vault.guard,
    grants: vault.grants,
    listDenials: (pid: string) => vault.access.denials.list(pid),
  };
  const gateway = new Gateway({
    ...door,
    rows: vault.rows,
    keyRing: vault.keys,
    ciphertexts: vault.ciphertext,
    attachments: createAttachmentPieces(store, vault.attachments),
    findPlaces: (pid, grant) => places.find(pid, grant),
    listDisputes: (pid) => disputes.listOfPid(pid),
    acceptDelivery: (payload) => deliveries.accept(payload),
    acceptToken: (body) => takeHandedOn(tokens, body),
  });
  const hpke = { kid: options.hpkeKid, ...(await openHpke(options.hpkeKid)) };
  const reader = new ExchangeReader({ ...base, hpke });
  const roots = new RootPublisher({ ...base, onFailure });
  const covers = new CoverRoots({ ...base, roots, onFailure });
  const changes = new ForeignChanges(clock);
  const follower = new GrantFollower(ledger, { reader, covers, changes }, onFailure);
  const expiries = new ExpirySweep({ ...base, sessions, onFailure });
  const kept = new KeptRecords({ ...base, documents: vault.documents });
  const { access, rows, patients, foreignIds: ids, foreignLinks: links } = vault;
  const grants = new ForeignGrants(vault.documents);
  const foreignSessions = new ForeignSessions({ ...base, grants, tokens, reader });
  const foreign = new ForeignRecords({
    ...{ organisation, access, rows, patients, reader, kept, ids, links, baseUrlOf, changes, clock },
    sessions: foreignSessions,
  });
  return {
    gateway,
    reader,
    apps: new AppReading({ ...door, hpkeKid: options.hpkeKid }),
    deliveries,
    requests: new RequestBook(base),
    tokens,
    handOn: (handed) => handOn({ ...base, grants: vault.grants }, handed),
    places,
    treatedElsewhere: new PlaceReading({ ...base, hpkeKid: options.hpkeKid }),
    disputes,
    emergencies,
    kept,
    foreign,
    foreignSessions,
    roots,
    expiries,
    [Symbol.asyncDispose]: async () => {
      await follower[Symbol.asyncDispose]();
      covers[Symbol.dispose]();
      await expiries[Symbol.asyncDispose]();
      await roots[Symbol.asyncDispose]();
    },
  };
}

/** Whom a chain certifies by an organisation's own live authorities. */
async function findReader(
  ledger: LedgerView,
  organisation: string,
  chain: readonly string[],
  atMs: number,
): Promise<Reader | undefined> {
  const members = await loadMembers((key) => ledger.get(key));
  const roots = members.authorities(organisation, atMs).map((fact) => fact.certificate);
  if (roots.length === 0) return undefined;
  const facts = await verifyCertificate({ chain, roots, atMs });
  return facts?.organisation === organisation ? { id: facts.id, organisation, roles: facts.roles } : undefined;
}
