import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  createCa,
  fromUtf8,
  generateSigningKey,
  hashTuple,
  issueCertificate,
  type Json,
  kidOf,
  newNonce,
  randomBytes,
  type SealedEnvelope,
  type SyncSigner,
  signerFromPkcs8,
  toBase64url,
  utf8,
} from '@salus/crypto';
import { createEmbeddedLedger, type EmbeddedLedger, openEmbeddedLedger } from '@salus/ledger';
import {
  claim,
  createPatientWallet,
  delegation,
  derivedDeviceKeys,
  type GrantChoice,
  grant,
  type KeyEnvelope,
  type PatientWallet,
  type PreparedCall,
  prepareCall,
  type StaffWallet,
  sealToken,
  useRequest,
} from '@salus/wallet';
import type { BundleWorkers } from '../src/bundle-workers.ts';
import type { ExchangePeer } from '../src/exchange/exchange-peer.ts';
import type { GrantToken } from '../src/exchange/grant-tokens.ts';
import { type OrganisationExchange, openExchange } from '../src/exchange/organisation-exchange.ts';
import type { ReadingRequest } from '../src/exchange/reading.ts';
import type { PostgresPlace } from '../src/store/postgres/postgres-place.ts';
import { openVault, type Vault } from '../src/vault.ts';
import type { MemberSigner, StoredRecord, Writer } from '../src/vault-types.ts';
import { testDatabase } from './test-store.ts';

/** 2026-11-21T09:00:00Z */
export const START_MS = 1_795_251_600_000;
const DAY_MS = 86_400_000;
const SCOPE = ['record.commit', 'record.correct', 'record.tombstone', 'patient.register', 'patient.reissueClaim'];

type Ca = Awaited<ReturnType<typeof createCa>>;

/** One organisation of a test: its directory, open vault and exchange, and people. */
export interface Member {
  readonly name: string;
  readonly directory: string;
  readonly masterKey: Uint8Array;
  readonly ca: Ca;
  readonly administrator: StaffWallet;
  readonly clinician: StaffWallet;
  readonly node: MemberSigner;
  readonly hpkeKid: string;
  vault: Vault;
  exchange: OrganisationExchange;
}

/** A claimed patient of one organisation. */
export interface Patient {
  readonly pid: string;
  readonly fhirId: string;
  wallet: PatientWallet;
}

export interface GrantParties {
  readonly author: Member;
  readonly reader: Member;
  readonly patient: Patient;
}

/** Organisations on one embedded ledger, with a clock that the test moves. */
export class Consortium implements AsyncDisposable {
  readonly directory: string;
  readonly network: string;
  readonly members = new Map<string, Member>();
  /** What a member finds as the gateway of another: tests put dishonest ones here. */
  readonly peers = new Map<string, ExchangePeer>();
  readonly failures: unknown[] = [];
  readonly #workers: BundleWorkers;
  /** Undefined: SQLite files. */
  #database: ((organisation: string) => PostgresPlace) | undefined;
  ledger: EmbeddedLedger;
  readonly #ledgerSigner: SyncSigner;
  /** How far whoever submits sets the ledger's time back, as a Fabric node may within 30 s. */
  ledgerLagMs = 0;
  #nowMs = START_MS;

  constructor(
    { directory, network }: { readonly directory: string; readonly network: string },
    ledger: EmbeddedLedger,
    ledgerSigner: SyncSigner,
    workers: BundleWorkers,
  ) {
    this.directory = directory;
    this.network = network;
    this.ledger = ledger;
    this.#ledgerSigner = ledgerSigner;
    this.#workers = workers;
  }

  readonly clock = (): number => this.#nowMs;
  readonly ledgerClock = (): number => this.#nowMs - this.ledgerLagMs;

  advance(ms: number): void {
    this.#nowMs += ms;
  }

  member(name: string): Member {
    const member = this.members.get(name);
    if (member === undefined) throw new Error(`no ${name} in this test`);
    return member;
  }

  /** Commits a prepared call, or fails the test. */
  async commit({ call, privateArgs }: PreparedCall): Promise<Json> {
    const outcome = await this.ledger.submit(call, privateArgs ?? undefined);
    if (outcome.kind === 'refused') throw new Error(`refused: ${outcome.code} ${outcome.detail ?? ''}`);
    return outcome.result;
  }

  get occasion() {
    return { network: this.network, nowMs: this.#nowMs };
  }

  async staff(
    ca: Ca,
    organisation: string,
    roles: readonly string[],
    kind: 'staff' | 'client' = 'staff',
  ): Promise<StaffWallet> {
    const { signer, id, chain } = await this.#certify(ca, organisation, kind, roles);
    return { network: this.network, organisation, id, roles, signer, chain };
  }

  /** Issues and enrols another member of staff. */
  async enrolStaff(name: string, roles: readonly string[]): Promise<StaffWallet> {
    const { ca, administrator } = this.member(name);
    const wallet = await this.staff(ca, name, roles);
    await this.#enrol(administrator, [wallet.chain]);
    return wallet;
  }

  async addMember(name: string): Promise<Member> {
    const ca = await createCa({ organisation: name, nowMs: START_MS - DAY_MS, validDays: 365 });
    const administrator = await this.staff(ca, name, ['administrator']);
    const clinician = await this.staff(ca, name, ['clinician']);
    const directory = join(this.directory, 'orgs', name);
    const masterKey = randomBytes(32);
    const vault = await this.#openVault(name, directory, masterKey);
    const nodeSigner = await vault.privateKeys.createSigning('node');
    const hpke = await vault.privateKeys.createHpke();
    const applicant = {
      organisation: name,
      authority: ca.certificate,
      administrator: { chain: administrator.chain },
      hpkeKeys: [hpke.publicKey],
    };
    await this.#join(applicant, administrator);
    const node = await this.#certifyKey(ca, name, 'node', [], nodeSigner);
    await this.#enrol(administrator, [node.chain, clinician.chain]);
    const partial = { name, directory, masterKey, ca, administrator, clinician, hpkeKid: hpke.kid, vault };
    const nodeIdentity = { id: node.id, signer: nodeSigner };
    const exchange = await this.#openExchange(vault, nodeIdentity, hpke.kid);
    const member: Member = { ...partial, node: nodeIdentity, exchange };
    this.members.set(name, member);
    this.peers.set(name, exchange.gateway);
    return member;
  }

  /** A clinician's right to write through the node. */
  async writer(member: Member): Promise<Writer> {
    const { clinician, node } = member;
    const onBehalfOf = await delegation(clinician, this.occasion, { delegate: node.id, scope: SCOPE });
    const { id, organisation, roles } = clinician;
    return { submitter: node, onBehalfOf, who: { kind: 'member', id, organisation, roles } };
  }

  /** Imports a transaction bundle; returns `<type>/<id>` of each entry. */
  async import(member: Member, resources: readonly { readonly [key: string]: unknown }[]): Promise<readonly string[]> {
    const entry = resources.map((resource) => ({
      fullUrl: `urn:uuid:${String(resource.id)}`,
      resource: { ...resource, id: undefined },
      request: { method: 'POST', url: resource.resourceType },
    }));
    return this.importText(member, JSON.stringify({ resourceType: 'Bundle', type: 'transaction', entry }));
  }

  async importText(member: Member, text: string): Promise<readonly string[]> {
    const caller = { kind: 'writer', writer: await this.writer(member), purpose: 'TREAT' } as const;
    const result = await member.vault.repository.transaction(caller, text, { again: true });
    if (result.kind === 'refused') throw new Error(`import: ${result.code} ${JSON.stringify(result.issues)}`);
    return result.outcomes.map((outcome) => `${outcome.type}/${outcome.id}`);
  }

  /** Replaces the text of a resource; returns the new version. */
  async correct(
    member: Member,
    reference: string,
    change: (resource: { [key: string]: unknown }) => void,
  ): Promise<StoredRecord> {
    const record = await this.record(member, reference);
    const resource = JSON.parse(fromUtf8(await member.vault.ciphertext.readPlaintext(record))) as {
      [key: string]: unknown;
    };
    change(resource);
    await member.vault.writer.write({
      writer: await this.writer(member),
      versions: [
        {
          ...{
            owner: record.meta.owner,
            recordId: record.recordId,
            version: record.version + 1,
            pair: record.meta.pair,
          },
          ...{ plaintext: utf8(JSON.stringify(resource)), facts: record.meta, replaces: record },
          ...{ identifiers: [], relationships: [], attachments: [], terms: [] },
        },
      ],
      patients: [],
      bundleToken: null,
      audits: [],
    });
    return this.record(member, reference);
  }

  /** The patient has all versions of a resource erased. */
  async erase(member: Member, patient: Patient, reference: string): Promise<number> {
    const current = await this.record(member, reference);
    const versions = await Promise.all(
      Array.from({ length: current.version }, (_, at) => member.vault.rows.findRecord(current.recordId, at + 1)),
    );
    const leaves = await Promise.all(
      versions
        .filter((record) => record !== undefined)
        .map(async (record) => ({
          ...{ leafHash: record.leafHash, keyId: record.keyId, batch: record.callId, index: record.leafIndex },
          proof: await member.vault.rows.inclusionProof(record),
        })),
    );
    const key = await patient.wallet.keys.signer(patient.pid);
    const signer = `pid:${patient.pid}/${kidOf(key.publicKey)}`;
    const content = { contract: 'record', transaction: 'erase', args: { leaves }, signer };
    const { call } = await prepareCall(this.occasion, content, key);
    const who = { kind: 'patient', pid: patient.pid, kid: kidOf(key.publicKey) } as const;
    return (await member.vault.leafStates.erase(call, who)).erased;
  }

  /** The newest readable version of `<type>/<id>`. */
  async record(member: Member, reference: string): Promise<StoredRecord> {
    const [type = '', id = ''] = reference.split('/');
    const record = await member.vault.rows.findResource(type, id);
    if (record === undefined) throw new Error(`no ${reference}`);
    return record;
  }

  /** The patient of a Patient resource takes their slip and claims it on a phone. */
  async claim(member: Member, fhirId: string): Promise<Patient> {
    const slip = await member.vault.patients.issueSlip(await this.writer(member), fhirId);
    const { wallet } = await createPatientWallet(this.network, derivedDeviceKeys(randomBytes(32)));
    const claimed = await claim(wallet, this.occasion, {
      network: this.network,
      organisation: member.name,
      pid: slip.pid,
      seed: slip.seed,
    });
    await this.commit(claimed);
    return { pid: slip.pid, fhirId, wallet: claimed.wallet };
  }

  /** Envelopes of all keys for the patient's phone, as the author's node gives them out. */
  async envelopes(author: Member, patient: Patient): Promise<readonly KeyEnvelope[]> {
    const { publicKey } = await patient.wallet.keys.hpkeKey(patient.pid);
    const recipient = { kid: kidOf(publicKey), publicKey, grant: null };
    return (await author.vault.keys.envelopesFor(`pid:${patient.pid}`, recipient)) as readonly KeyEnvelope[];
  }

  /** The patient grants; the author's node keeps terms and envelopes, the reader gets the token. */
  async grant(parties: GrantParties, choice: Partial<GrantChoice> = {}): Promise<GrantToken> {
    return parties.reader.exchange.tokens.receive(await this.grantUntold(parties, choice), null);
  }

  /** A committed grant of which the reader knows nothing: its sealed token. */
  async grantUntold(
    { author, reader, patient }: GrantParties,
    choice: Partial<GrantChoice> = {},
  ): Promise<SealedEnvelope> {
    const recipients = [(await reader.vault.privateKeys.list('hpke'))[0]!];
    const prepared = await grant(patient.wallet, this.occasion, {
      choice: {
        pid: patient.pid,
        grantee: { kind: 'organisation', organisation: reader.name },
        categories: ['medication'],
        labelClasses: ['N'],
        purposes: ['TREAT'],
        notBeforeMs: this.#nowMs,
        notAfterMs: this.#nowMs + 30 * DAY_MS,
        ...choice,
      },
      envelopes: await this.envelopes(author, patient),
      recipients,
    });
    await this.commit(prepared);
    patient.wallet = prepared.wallet;
    const { terms, salt } = prepared;
    await author.vault.grants.remember({ terms, salt });
    return (await sealToken(patient.wallet, terms.grant, recipients[0]!)).envelope;
  }

  /** What a reader brings to a session under a grant. */
  async use(
    token: GrantToken,
    staff: StaffWallet,
    { categories = token.terms.categories, purpose = 'TREAT' as const } = {},
  ): Promise<ReadingRequest> {
    const { pid, grant: id } = token.terms;
    const { call, chain } = await useRequest(staff, this.occasion, { token: { pid, grant: id }, purpose, categories });
    const reader = { id: staff.id, organisation: staff.organisation, roles: staff.roles };
    const { terms, salt } = token;
    return { author: token.authorOrganisation, reader, request: call, chain, token: { terms, salt }, ancestors: [] };
  }

  /** Closes a member's exchange and vault and opens them again. */
  async reopen(name: string): Promise<Member> {
    const member = this.member(name);
    await member.exchange[Symbol.asyncDispose]();
    await member.vault[Symbol.asyncDispose]();
    member.vault = await this.#openVault(name, member.directory, member.masterKey);
    member.exchange = await this.#openExchange(member.vault, member.node, member.hpkeKid);
    this.peers.set(name, member.exchange.gateway);
    return member;
  }

  /** Closes everything but keeps the files. */
  async close(): Promise<void> {
    for (const { exchange, vault } of this.members.values()) {
      await exchange[Symbol.asyncDispose]();
      await vault[Symbol.asyncDispose]();
    }
    await this.ledger[Symbol.asyncDispose]();
  }

  /** Opens everything again, on the files as they are now. */
  async open(): Promise<void> {
    this.ledger = await openEmbeddedLedger(this.#ledgerOptions());
    for (const member of this.members.values()) {
      member.vault = await this.#openVault(member.name, member.directory, member.masterKey);
      member.exchange = await this.#openExchange(member.vault, member.node, member.hpkeKid);
      this.peers.set(member.name, member.exchange.gateway);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
    await rm(this.directory, { recursive: true });
  }

  #ledgerOptions() {
    return ledgerOptions(this.directory, this.#ledgerSigner, this.ledgerClock);
  }

  async #openVault(organisation: string, directory: string, masterKey: Uint8Array): Promise<Vault> {
    const { ledger, clock } = this;
    this.#database ??= await testDatabase();
    const postgres = this.#database?.(organisation);
    const onFailure = (error: unknown): void => void this.failures.push(error);
    const place = { directory, ...(postgres === undefined ? {} : { postgres }) };
    return openVault({ ...place, organisation, ledger, masterKey, clock, onFailure, workers: this.#workers });
  }

  #openExchange(vault: Vault, node: MemberSigner, hpkeKid: string): Promise<OrganisationExchange> {
    return openExchange({
      baseUrlOf: (organisation) => `https://${organisation}.example/fhir/R4`,
      vault,
      node,
      hpkeKid,
      findPeer: (other) => this.peers.get(other),
      onFailure: (error) => this.failures.push(error),
    });
  }

  async #join(
    applicant: { readonly organisation: string; readonly [key: string]: Json },
    administrator: StaffWallet,
  ): Promise<void> {
    const [first, ...others] = [...this.members.values()];
    if (first === undefined) {
      await this.#administer(administrator, 'found', applicant);
      return;
    }
    const application = { ...applicant, notAfterMs: this.#nowMs + DAY_MS };
    const message = utf8(hashTuple('join', this.network, application));
    const signature = toBase64url(await administrator.signer.sign(message));
    let answer = await this.#administer(first.administrator, 'proposeJoin', { application, signature });
    for (const other of others) {
      const { proposal, status } = answer as { readonly proposal: string; readonly status: string };
      if (status !== 'open') return;
      answer = await this.#administer(other.administrator, 'vote', { proposal, approve: true });
    }
  }

  async #enrol(administrator: StaffWallet, chains: readonly (readonly string[])[]): Promise<void> {
    await this.#administer(administrator, 'enrol', { certificates: chains.map((chain) => ({ chain })) });
  }

  async #administer(by: StaffWallet, transaction: string, args: { readonly [key: string]: Json }): Promise<Json> {
    const content = { contract: 'membership', transaction, args, signer: `id:${by.id}` };
    return this.commit(await prepareCall(this.occasion, content, by.signer));
  }

  async #certify(ca: Ca, organisation: string, kind: 'staff' | 'client' | 'node', roles: readonly string[]) {
    const { privateKey } = await generateSigningKey();
    return this.#certifyKey(ca, organisation, kind, roles, signerFromPkcs8(privateKey));
  }

  async #certifyKey(
    ca: Ca,
    organisation: string,
    kind: 'staff' | 'client' | 'node',
    roles: readonly string[],
    signer: SyncSigner,
  ) {
    const id = newNonce();
    const certificate = await issueCertificate({
      ...{ ca, id, organisation, kind, roles, publicKey: signer.publicKey },
      ...{ notBeforeMs: START_MS - DAY_MS, notAfterMs: START_MS + 300 * DAY_MS },
    });
    return { signer, id, chain: [certificate] };
  }
}

/** Founds a network of the named organisations in a temporary directory; `workers` are the test file's. */
export async function createConsortium(
  workers: BundleWorkers,
  names: readonly string[] = ['hospital-a', 'hospital-b'],
): Promise<Consortium> {
  const directory = await mkdtemp(join(tmpdir(), 'salus-consortium-'));
  const network = newNonce();
  const ledgerSigner = signerFromPkcs8((await generateSigningKey()).privateKey);
  let clock = (): number => START_MS;
  const ledger = await createEmbeddedLedger({ network, ...ledgerOptions(directory, ledgerSigner, () => clock()) });
  const consortium = new Consortium({ directory, network }, ledger, ledgerSigner, workers);
  clock = consortium.ledgerClock;
  for (const name of names) await consortium.addMember(name);
  return consortium;
}

function ledgerOptions(directory: string, signer: SyncSigner, clock: () => number) {
  const file = join(directory, 'ledger.sqlite');
  return { file, signer, clock, checkpointFile: join(directory, 'checkpoint'), checkpointSigners: () => [] };
}
