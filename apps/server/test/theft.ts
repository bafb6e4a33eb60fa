import { cpSync, existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fromUtf8 } from '@salus/crypto';
import { BundleWorkers, backupData } from '@salus/records';
import { answerChallenge, delegation } from '@salus/wallet';
import { openWalletFile, patientWalletOf, staffWalletOf } from '@salus/wallet/node';
import type { FastifyInstance } from 'fastify';
import { findNetworkFile } from '../src/data-directory.ts';
import { CONSORTIUM } from '../src/demonstration/consortium.ts';
import { type Credentials, demonstrationDirectory, readCredentials } from '../src/demonstration/credentials.ts';
import { readMasterKeys } from '../src/master-keys.ts';
import { type Node, openNode } from '../src/node.ts';
import { openData } from '../src/open-data.ts';
import { openApi, send } from './api.ts';
import { assign } from './assign.ts';
import { makePlace, type TestPlace } from './consortium.ts';
import type { Term } from './dictionary.ts';

/** What only the victims know, for the test to compare the thief's finds with. */
export interface Truth {
  readonly network: string;
  readonly terms: readonly Term[];
  /** Text of every record and attachment as it was written. */
  readonly plaintexts: readonly string[];
  readonly pids: readonly { readonly person: string; readonly organisation: string; readonly pid: string }[];
  /** One true secret of each kind, so that the test can show that its attack would work; 32 bytes each. */
  readonly secrets: { readonly dataKey: Buffer; readonly masterKey: Buffer; readonly privateKey: Buffer };
}

/** Everything that was stolen from a node with a demonstration in it, and what it hides. */
export interface Theft {
  readonly place: TestPlace;
  /** Copies of the data directory: while the node ran, after it ended, and from a backup. */
  readonly copies: readonly string[];
  readonly directory: string;
  readonly truth: Truth;
}

/** Founds the demonstration, uses it over HTTP with everybody's log-ins, and steals all but master keys and wallets. */
export async function steal(): Promise<Theft> {
  const place = makePlace('stolen');
  const { settings } = place;
  const directory = join(place.directory, 'stolen');
  const log: string[] = [];
  {
    await using node = await openData(settings, Date.now);
    const app = await openApi(node, place, log);
    const credentials = readCredentials(settings.configDirectory);
    await useAsStaff(app, node, credentials, demonstrationDirectory(settings.configDirectory));
    await useAsPatients(app, credentials, demonstrationDirectory(settings.configDirectory));
    cpSync(settings.dataDirectory, join(directory, 'running'), { recursive: true });
    const vaults = [...node.organisations.values()].map(({ vault }) => vault);
    const ledger = node.ledger as unknown as Parameters<typeof backupData>[0]['ledger'];
    await backupData({ vaults, ledger, directory: join(directory, 'backup'), clock: Date.now });
    await app.close();
  }
  cpSync(settings.dataDirectory, join(directory, 'ended'), { recursive: true });
  stealConfiguration(place, directory);
  writeFileSync(join(directory, 'node.log'), log.join(''));
  if (log.length < 10) throw new Error('the node wrote no log to steal');
  const copies = ['running', 'ended', 'backup'].map((name) => join(directory, name));
  return { place, directory, copies, truth: await readTruth(place) };
}

export function filesBelow(directory: string): readonly string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

/** All of the configuration directory but master keys and what lies on people's devices. */
function stealConfiguration({ settings }: TestPlace, directory: string): void {
  const devices = demonstrationDirectory(settings.configDirectory);
  cpSync(settings.configDirectory, join(directory, 'config'), {
    recursive: true,
    filter: (path) => path !== settings.masterKeyFile && path !== devices,
  });
  if (!existsSync(join(directory, 'config', 'checkpoint.jsonl'))) throw new Error('the checkpoints were not stolen');
}

const ACTING = new Set(['a.rossi', 'b.novak', 'lab.ivers', 'hospital-a.admin']);

/** Staff log in, read patients with names in the address, write a record with a large attachment, and make mistakes. */
async function useAsStaff(
  app: FastifyInstance,
  node: Node,
  { staff, patients }: Credentials,
  directory: string,
): Promise<void> {
  for (const { organisation, account, password, wallet, passphrase, roles } of staff) {
    if (!ACTING.has(account)) continue;
    const { status, json } = await send(app, 'POST', `/api/v1/orgs/${organisation}/login`, {
      body: { account, password },
    });
    if (status !== 200) throw new Error(`${account} could not log in`);
    const token = json.token as string;
    const stored = await openWalletFile(join(directory, wallet), passphrase);
    if (stored.kind !== 'staff') throw new Error('a member of staff has a wallet of staff');
    const opened = staffWalletOf(stored);
    const occasion = { network: node.network, nowMs: Date.now() };
    const scope = ['record.commit', 'record.correct', 'patient.register', 'patient.reissueClaim'];
    const signed = await delegation(opened, occasion, {
      delegate: node.organisations.get(organisation)!.node.id,
      scope,
    });
    await send(app, 'POST', `/api/v1/orgs/${organisation}/delegations`, { token, body: { delegation: signed } });
    for (const { name, at } of patients) {
      const known = at.find((place) => place.organisation === organisation);
      const id = known?.fhirId ?? 'unknown';
      await send(app, 'GET', `/${organisation}/fhir/R4/Patient/${id}?name=${encodeURIComponent(name)}`, { token });
      await send(app, 'GET', `/${organisation}/fhir/R4/Patient/${encodeURIComponent(name)}`, { token });
      await send(app, 'POST', `/${organisation}/fhir/R4`, {
        token,
        body: `{"resourceType":"Bundle","name":"${name}",`,
      });
      if (known === undefined || !roles.includes('clinician')) continue;
      await assign(node.organisations.get(organisation)!, { id, actor: opened.id, nowMs: Date.now() });
      await writeDocument(app, { organisation, token, id, name });
    }
  }
}

/** A document as large as to become an object of its own, full of the patient's name. */
async function writeDocument(
  app: FastifyInstance,
  {
    organisation,
    token,
    id,
    name,
  }: { readonly organisation: string; readonly token: string; readonly id: string; readonly name: string },
): Promise<void> {
  const data = Buffer.from(`Discharge letter of ${name}. `.repeat(12_000)).toString('base64');
  const resource = {
    resourceType: 'DocumentReference',
    status: 'current',
    subject: { reference: `Patient/${id}` },
    content: [{ attachment: { contentType: 'text/plain', data } }],
  };
  const entry = [{ resource, request: { method: 'POST', url: 'DocumentReference' } }];
  const body = JSON.stringify({ resourceType: 'Bundle', type: 'transaction', entry });
  const { status, json } = await send(app, 'POST', `/${organisation}/fhir/R4`, { token, body });
  if (status !== 200) throw new Error(`a document was refused: ${JSON.stringify(json)}`);
}

async function useAsPatients(app: FastifyInstance, { patients }: Credentials, directory: string): Promise<void> {
  for (const { wallet: file, passphrase = '', at } of patients) {
    if (file === undefined) continue;
    const stored = await openWalletFile(join(directory, file), passphrase);
    if (stored.kind !== 'patient') throw new Error('a patient has a wallet of patients');
    const wallet = patientWalletOf(stored);
    for (const { organisation, pid } of at) {
      const path = `/api/v1/orgs/${organisation}/patient`;
      const kid = wallet.content.pids.find((entry) => entry.pid === pid)!.kid;
      const { json } = await send(app, 'POST', `${path}/challenge`, { body: { pid, kid } });
      const challenge = json.challenge as string;
      const { signature } = await answerChallenge(wallet, { pid, challenge });
      const opened = await send(app, 'POST', `${path}/login`, { body: { pid, kid, challenge, signature } });
      const token = opened.json.token as string;
      const listed = await send(app, 'GET', `${path}/records`, { token });
      const [first] = listed.json.records as { readonly recordId: string }[];
      await send(app, 'GET', `${path}/records/${first!.recordId}`, { token });
      for (const what of ['audit', 'requests', 'grants', 'keys']) await send(app, 'GET', `${path}/${what}`, { token });
    }
  }
}

/** Opens the node once more, with its keys, and reads what the thief must not find. */
async function readTruth({ settings, layout }: TestPlace): Promise<Truth> {
  const file = findNetworkFile(layout)!;
  await using workers = new BundleWorkers(1);
  await using node = await openNode({ settings, layout, file, workers, nowMs: Date.now });
  const plaintexts: string[] = [];
  for (const { vault } of node.organisations.values()) {
    const rows = await vault.store.read.selectFrom('record').select(['recordId', 'version']).execute();
    for (const { recordId, version } of rows) {
      const record = await vault.rows.findRecord(recordId!, version!);
      plaintexts.push(fromUtf8(await vault.ciphertext.readPlaintext(record!)));
    }
  }
  const { patients } = readCredentials(settings.configDirectory);
  const pids = patients.flatMap(({ at }, person) =>
    at.map(({ organisation, pid }) => ({ person: String(person), organisation, pid })),
  );
  const fhirIds = patients.flatMap(({ at }, person) =>
    at.map(({ fhirId }) => ({ text: fhirId, label: `patient ${person} resource id` })),
  );
  const terms = [...termsOf(plaintexts), ...fhirIds, ...staffTerms()];
  return { network: node.network, terms, plaintexts, pids, secrets: await readSecrets(node, settings.masterKeyFile) };
}

async function readSecrets(node: Node, masterKeyFile: string): Promise<Truth['secrets']> {
  const { vault } = node.organisations.get('hospital-a')!;
  const { keyId } = await vault.store.read.selectFrom('record').select('keyId').limit(1).executeTakeFirstOrThrow();
  const { privateKey } = await vault.privateKeys.openAuthorityKey((await vault.privateKeys.list('ca'))[0]!.kid);
  // The private scalar of RFC 5915 inside PKCS #8 for P-256.
  const at = Buffer.from(privateKey).indexOf(Buffer.from('0201010420', 'hex'));
  return {
    dataKey: Buffer.from((await vault.keys.openE(keyId)).E),
    masterKey: Buffer.from(readMasterKeys(masterKeyFile, ['hospital-a']).get('hospital-a')!),
    privateKey: Buffer.from(privateKey).subarray(at + 5, at + 37),
  };
}

interface PatientText {
  readonly name: readonly { readonly family: string; readonly given: readonly string[] }[];
  readonly birthDate: string;
  readonly telecom: readonly { readonly value: string }[];
  readonly address: readonly { readonly line: readonly string[]; readonly city: string; readonly postalCode: string }[];
  readonly identifier: readonly { readonly system: string; readonly value: string }[];
}

/** Every name, birth date, address, phone and number of every patient, alone and in the ways that programs join them. */
function* termsOf(plaintexts: readonly string[]): Generator<Term> {
  const patients = plaintexts
    .map((text) => JSON.parse(text) as { readonly resourceType: string })
    .filter(({ resourceType }) => resourceType === 'Patient') as unknown as readonly PatientText[];
  for (const [index, { name, birthDate, telecom, address, identifier }] of patients.entries()) {
    const [{ family, given }] = name as [PatientText['name'][number]];
    const first = given[0]!;
    const term = (text: string, what: string): Term => ({ text, label: `patient ${index} ${what}` });
    yield* [term(family, 'family name'), term(first, 'given name'), term(`${first} ${family}`, 'name')];
    yield* [term(`${family}, ${first}`, 'name'), term(`${family}^${first}`, 'name'), term(`${first}${family}`, 'name')];
    yield* [term(birthDate, 'birth date'), term(birthDate.replaceAll('-', ''), 'birth date')];
    yield term(`${family}|${first}|${birthDate}`, 'name and birth date');
    yield term(`${first} ${family} ${birthDate}`, 'name and birth date');
    for (const { value } of telecom) {
      yield* [
        term(value, 'phone'),
        term(value.replaceAll(/\D/g, ''), 'phone'),
        term(value.replaceAll(' ', ''), 'phone'),
      ];
    }
    for (const { line, city, postalCode } of address) {
      yield* [term(line[0]!, 'street'), term(postalCode, 'postal code'), term(`${postalCode} ${city}`, 'city')];
    }
    for (const { system, value } of identifier) {
      yield* [term(value, 'record number'), term(`${system}|${value}`, 'record number')];
      yield* [term(`Patient|${system}|${value}`, 'record number'), term(value.replace(/^\D+/, ''), 'record number')];
    }
  }
}

function* staffTerms(): Generator<Term> {
  for (const { staff } of CONSORTIUM) {
    for (const { family, given, licence, account } of staff) {
      yield { text: licence, label: `licence of ${account}` };
      yield { text: `${given} ${family}`, label: `name of ${account}` };
      yield { text: family, label: `family name of ${account}` };
    }
  }
}
