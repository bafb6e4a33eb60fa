import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { signerFromPkcs8 } from '@salus/crypto';
import { BundleWorkers } from '@salus/records';
import {
  answerChallenge,
  claim,
  createPatientWallet,
  delegation,
  derivedDeviceKeys,
  type GrantChoice,
  grant,
  type KeyEnvelope,
  type Occasion,
  type PatientWallet,
  type PreparedCall,
  parseSlip,
  revoke,
  type StaffWallet,
  sealToken,
  useRequest,
} from '@salus/wallet';
import type { FastifyInstance, InjectOptions } from 'fastify';
import { createAccount } from '../src/accounts.ts';
import { dataLayout, writeNetworkFile } from '../src/data-directory.ts';
import { author, CONSORTIUM, type DemonstrationStaff } from '../src/demonstration/consortium.ts';
import { tellStories } from '../src/demonstration/stories.ts';
import { foundDirectory } from '../src/founded-directory.ts';
import type { FoundedMember } from '../src/founding.ts';
import { createHttp } from '../src/http/server.ts';
import { createMetrics } from '../src/metrics.ts';
import { type Node, openNode } from '../src/node.ts';
import { addRoutes } from '../src/routes/routes.ts';
import { BearerTokens } from '../src/smart/bearer.ts';
import { SmartServers } from '../src/smart/smart-server.ts';
import { Subscriptions } from '../src/subscriptions/subscriptions.ts';

export const PASSWORD = 'a password for tests only';
const SCOPE = [
  ...['record.commit', 'record.correct', 'record.tombstone', 'record.move'],
  ...['patient.register', 'patient.reissueClaim', 'patient.merge', 'patient.unmerge'],
];

/** What an HTTP request came back with. */
export interface Answer {
  readonly status: number;
  readonly type: string;
  readonly text: string;
  /** Of any shape: each test knows the route that it asks. */
  readonly json: ReturnType<typeof JSON.parse>;
}

/** A node with two hospitals, a laboratory and a pharmacy, nobody's records in it, spoken to over HTTP. */
export interface TestServer extends AsyncDisposable {
  readonly app: FastifyInstance;
  readonly node: Node;
  readonly directory: string;
  readonly log: readonly string[];
  readonly clock: { offsetMs: number };
  occasion(): Occasion;
  wallet(account: string): StaffWallet;
  send(method: InjectOptions['method'], url: string, options?: SendOptions): Promise<Answer>;
  /** Logs in and, with `writing`, hands in a delegation. */
  logIn(account: string, options?: { readonly writing?: boolean }): Promise<string>;
}

export interface SendOptions {
  readonly token?: string;
  readonly body?: unknown;
  readonly raw?: string | Buffer;
  readonly type?: string;
  readonly headers?: { readonly [name: string]: string };
}

export async function openTestServer(
  slugs: readonly string[] = ['hospital-a', 'hospital-b', 'laboratory', 'pharmacy'],
  publicUrl = 'http://127.0.0.1:8470',
  /** Who works at the first of them besides. */
  colleagues: readonly DemonstrationStaff[] = [],
): Promise<TestServer> {
  const directory = mkdtempSync(join(tmpdir(), 'salus-server-'));
  const layout = dataLayout(join(directory, 'data'));
  const clock = { offsetMs: 0 };
  const nowMs = (): number => Date.now() + clock.offsetMs;
  const settings = {
    masterKeyFile: join(directory, 'keys.json'),
    checkpointFile: join(directory, 'checkpoint.jsonl'),
    backupDirectory: join(directory, 'backups'),
    publicUrl,
    tls: null,
    logLevel: 'debug',
    metricsToken: null,
    ledger: null,
    exchangePeersFile: null,
  } as const;
  const workers = new BundleWorkers(1);
  const plans = CONSORTIUM.filter(({ slug }) => slugs.includes(slug)).map(({ slug, staff }) => ({
    slug,
    members: slug === slugs[0] ? [...staff, ...colleagues] : staff,
  }));
  const { file, organisations } = await foundDirectory({
    settings,
    layout,
    plans,
    demonstration: false,
    forgettable: [],
    workers,
    nowMs,
  });
  writeNetworkFile(layout, file);
  const node = await openNode({ settings, layout, file, workers, nowMs });
  const members = organisations.flatMap((organisation) => organisation.members);
  const log: string[] = [];
  const failures: unknown[] = [];
  node.onFailure((error) => failures.push(error));
  const metrics = createMetrics(async () => ({
    ledgerHeight: await node.ledger.height(),
    sessions: node.sessions.size,
    alarms: 0,
  }));
  const smart = new SmartServers(node);
  const apps = new BearerTokens(smart);
  const app = await createHttp({
    settings,
    metrics,
    sessions: node.sessions,
    apps,
    logTo: (line) => log.push(line),
  });
  const subscriptions = await Subscriptions.open(node, {
    endpoints: { listed: new Set(['127.0.0.1']), demonstration: false },
    recallApp: (slug, token) => apps.recall(slug, token),
    registry: metrics.registry,
    onFailure: (error) => failures.push(error),
  });
  subscriptions.listen(app.server);
  addRoutes(app, node, { metrics, smart, subscriptions });
  await app.ready();
  const accounts = new Set<string>();
  const send: TestServer['send'] = async (method, url, { token, body, raw, type, headers: others } = {}) => {
    const payload = raw ?? (body === undefined ? undefined : JSON.stringify(body));
    const headers: Record<string, string> = { ...others };
    if (token !== undefined) headers.authorization = `Bearer ${token}`;
    if (payload !== undefined) headers['content-type'] = type ?? 'application/json';
    const answer = await app.inject({
      method,
      url,
      headers,
      ...(payload === undefined ? {} : { payload }),
    } as InjectOptions);
    const found = String(answer.headers['content-type'] ?? '');
    return {
      status: answer.statusCode,
      type: found,
      text: answer.body,
      json: /[^d]json/.test(found) ? JSON.parse(answer.body) : undefined,
    };
  };
  const occasion = (): Occasion => ({ network: node.network, nowMs: nowMs() });
  const wallet = (account: string): StaffWallet => walletOf(node.network, members, account);
  return {
    app,
    node,
    directory,
    log,
    clock,
    occasion,
    wallet,
    send,
    logIn: async (account, { writing = false } = {}) => {
      const { organisation, id } = wallet(account);
      const hosted = node.organisations.get(organisation)!;
      if (!accounts.has(account))
        await createAccount(hosted.accounts, { name: account, id, password: PASSWORD, nowMs: nowMs() });
      accounts.add(account);
      const { json } = await send('POST', `/api/v1/orgs/${organisation}/login`, {
        body: { account, password: PASSWORD },
      });
      const { token } = json as { token: string };
      if (writing) {
        const signed = await delegation(wallet(account), occasion(), { delegate: hosted.node.id, scope: SCOPE });
        const given = await send('POST', `/api/v1/orgs/${organisation}/delegations`, {
          token,
          body: { delegation: signed },
        });
        if (given.status !== 200) throw new Error(given.text);
      }
      return token;
    },
    [Symbol.asyncDispose]: async () => {
      await subscriptions[Symbol.asyncDispose]();
      await app.close();
      await node[Symbol.asyncDispose]();
      await workers[Symbol.asyncDispose]();
      rmSync(directory, { recursive: true });
      if (failures.length > 0) throw new AggregateError(failures, 'background work failed');
    },
  };
}

/** A story's chapter at one organisation, told from a seed of its own. */
export function chapterAt(slug: string, seed = 7, title = 'chest-pain'): string {
  const stories = tellStories({ seed, endMs: Date.now(), count: 3 });
  const chapter = stories
    .find((story) => story.title === title)
    ?.chapters.find(({ organisation }) => organisation === slug);
  if (chapter === undefined) throw new Error(`no story of ${slug}`);
  return chapter.bundle;
}

/** A patient who was imported, got a slip at the desk and claimed it. */
export interface TestPatient {
  readonly pid: string;
  readonly fhirId: string;
  readonly organisation: string;
  wallet: PatientWallet;
  readonly recoveryCode: string;
  token: string;
}

export async function importChapter(
  server: TestServer,
  slug: string,
  bundle = chapterAt(slug),
): Promise<{ readonly fhirId: string; readonly locations: readonly string[] }> {
  const token = await server.logIn(author(slug).account, { writing: true });
  const answer = await server.send('POST', `/api/v1/orgs/${slug}/imports`, {
    token,
    raw: bundle,
    type: 'application/fhir+json',
  });
  if (answer.status !== 200) throw new Error(answer.text);
  const locations = (answer.json.entry as { response: { location: string } }[]).map(
    ({ response }) => response.location,
  );
  const patient = locations.find((location) => location.startsWith('Patient/'))!;
  return { fhirId: patient.split('/')[1]!, locations };
}

export async function claimPatient(server: TestServer, slug: string, fhirId: string): Promise<TestPatient> {
  const secret = crypto.getRandomValues(new Uint8Array(32));
  const created = await createPatientWallet(server.node.network, derivedDeviceKeys(secret));
  const { pid, wallet } = await claimWith(server, created.wallet, { organisation: slug, fhirId });
  const { recoveryCode } = created;
  const patient = { pid, fhirId, organisation: slug, wallet, recoveryCode, token: '' };
  patient.token = await logInPatient(server, patient);
  return patient;
}

/** The desk prints a slip, and its pid is claimed with a wallet that may have others. */
export async function claimWith(
  server: TestServer,
  wallet: PatientWallet,
  { organisation, fhirId }: Pick<TestPatient, 'organisation' | 'fhirId'>,
): Promise<Pick<TestPatient, 'pid' | 'wallet'>> {
  const path = `/api/v1/orgs/${organisation}`;
  const token = await server.logIn(author(organisation).account, { writing: true });
  const printed = await server.send('POST', `${path}/patients/${fhirId}/slip`, { token });
  if (printed.status !== 200) throw new Error(printed.text);
  const slip = parseSlip(printed.json.slip as string);
  const change = await claim(wallet, server.occasion(), slip);
  const claimed = await server.send('POST', `${path}/calls`, { body: bodyOf(change) });
  if (claimed.status !== 200) throw new Error(claimed.text);
  return { pid: slip.pid, wallet: change.wallet };
}

export async function logInPatient(
  server: TestServer,
  { wallet, pid, organisation }: Pick<TestPatient, 'wallet' | 'pid' | 'organisation'>,
): Promise<string> {
  const kid = wallet.content.pids.find((entry) => entry.pid === pid)!.kid;
  const path = `/api/v1/orgs/${organisation}/patient`;
  const { json } = await server.send('POST', `${path}/challenge`, { body: { pid, kid } });
  const { signature } = await answerChallenge(wallet, { pid, challenge: json.challenge as string });
  const answer = await server.send('POST', `${path}/login`, {
    body: { pid, kid, challenge: json.challenge as string, signature },
  });
  return answer.json.token as string;
}

export interface Granted {
  readonly grant: string;
  readonly answer: Answer;
}

/** The patient grants `categories` to another organisation and hands it the token. */
export async function grantAccess(
  server: TestServer,
  patient: TestPatient,
  { to, reader, ...choice }: { readonly to: string; readonly reader: string } & Partial<GrantChoice>,
): Promise<Granted> {
  const path = `/api/v1/orgs/${patient.organisation}/patient`;
  const { json: keys } = await server.send('GET', `${path}/keys`, { token: patient.token });
  const { json: network } = await server.send('GET', '/api/v1/network');
  const listed = network.organisations.find((entry: { organisation: string }) => entry.organisation === to) as {
    hpke: { kid: string; publicKey: string }[];
  };
  const nowMs = server.occasion().nowMs;
  const made = await grant(patient.wallet, server.occasion(), {
    choice: {
      pid: patient.pid,
      categories: ['medication'],
      labelClasses: ['N'],
      purposes: ['TREAT'],
      notBeforeMs: nowMs,
      notAfterMs: nowMs + 86_400_000,
      ...choice,
      grantee: choice.grantee ?? { kind: 'organisation', organisation: to },
    },
    envelopes: keys.keys as readonly KeyEnvelope[],
    recipients: listed.hpke,
  });
  const answer = await server.send('POST', `${path}/grants`, {
    token: patient.token,
    body: { ...bodyOf(made), seals: made.seals },
  });
  if (answer.status === 200) {
    patient.wallet = made.wallet;
    const { envelope } = await sealToken(patient.wallet, made.terms.grant, listed.hpke[0]!);
    const handed = await server.send('POST', `/api/v1/orgs/${to}/tokens`, {
      token: reader,
      body: { token: envelope },
    });
    if (handed.status !== 200) throw new Error(handed.text);
  }
  return { grant: made.terms.grant, answer };
}

/** A reader's signed request as the body of POST /reads, with the token that the reader's organisation holds. */
export async function readingBody(
  server: TestServer,
  {
    account,
    token,
    patient,
    grant: id,
    purpose = 'TREAT',
    categories = ['medication'],
  }: {
    readonly account: string;
    readonly token: string;
    readonly patient: TestPatient;
    readonly grant: string;
    readonly purpose?: Parameters<typeof useRequest>[2]['purpose'];
    readonly categories?: readonly string[];
  },
): Promise<object> {
  const wallet = server.wallet(account);
  const { json } = await server.send('GET', `/api/v1/orgs/${wallet.organisation}/tokens`, { token });
  const found = (json.tokens as { terms: { grant: string }; salt: string }[]).find(({ terms }) => terms.grant === id);
  const { call, chain } = await useRequest(wallet, server.occasion(), {
    token: { pid: patient.pid, grant: id },
    purpose,
    categories,
  });
  return {
    author: patient.organisation,
    call,
    chain,
    token: found === undefined ? null : { terms: found.terms, salt: found.salt },
  };
}

export async function revokeGrant(server: TestServer, patient: TestPatient, id: string): Promise<Answer> {
  const change = await revoke(patient.wallet, server.occasion(), { pid: patient.pid, grant: id });
  patient.wallet = change.wallet;
  return server.send('POST', `/api/v1/orgs/${patient.organisation}/calls`, { body: bodyOf(change) });
}

export function bodyOf({ call, privateArgs }: PreparedCall): object {
  return { call, ...(privateArgs === null ? {} : { privateArgs }) };
}

function walletOf(network: string, members: readonly FoundedMember[], account: string): StaffWallet {
  const member = members.find((known) => known.account === account);
  if (member === undefined) throw new Error(`nobody has the account ${account}`);
  const { organisation, id, roles, key, chain } = member;
  return { network, organisation, id, roles, chain, signer: signerFromPkcs8(key.privateKey) };
}
