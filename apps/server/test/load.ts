import { setTimeout as sleep } from 'node:timers/promises';
import { loadMembers } from '@salus/contracts';
import {
  answerChallenge,
  delegation,
  grant,
  type KeyEnvelope,
  type ListedKey,
  type Occasion,
  revoke,
  type StaffWallet,
} from '@salus/wallet';
import { given } from '../src/demonstration/cast.ts';
import { authorAt, type TestConsortium, type TestPatient } from './consortium.ts';
import { prescriptionsBundle } from './patient-bundle.ts';

export const PASSWORD = 'a password for tests only';
const AT = 'hospital-a';
const DAY_MS = 86_400_000;
const WRITERS = 3;
/** Between a person's actions: the files stay small enough to be verified after each kill. */
const PAUSE_MS = 20;

/** What the node said was done: it must be there for ever. */
export interface Acknowledged {
  /** `MedicationRequest/<id>`. */
  readonly records: string[];
  /** Grants and whether their revocation was acknowledged (true), sent (undefined) or not tried (false). */
  readonly grants: Map<string, boolean | undefined>;
  reads: number;
}

export interface LoadPlan {
  readonly consortium: TestConsortium;
  readonly patient: TestPatient;
  /** The same person all along: the seed of the patient's bundles. */
  readonly seed: number;
  readonly node: string;
  readonly recipients: readonly ListedKey[];
}

/** Everything of the open consortium that the load needs once the node runs elsewhere. */
export async function planLoad(consortium: TestConsortium, patient: TestPatient, seed: number): Promise<LoadPlan> {
  const members = await loadMembers((key) => consortium.node.ledger.get(key));
  const recipients = members.roots('hospital-b')!.hpke.map(({ kid, publicKey }) => ({ kid, publicKey }));
  return { consortium, patient, seed, node: consortium.organisations[0]!.node.id, recipients };
}

/** Writes, grants, revokes and reads at once until the node is gone; returns what was acknowledged until then. */
export async function runLoad(plan: LoadPlan, url: string, acknowledged: Acknowledged): Promise<void> {
  const writers = Array.from({ length: WRITERS }, () => write(plan, url, acknowledged));
  await Promise.all([...writers, consent(plan, url, acknowledged), read(plan, url, acknowledged)].map(untilGone));
}

let bundles = 0;

async function write(plan: LoadPlan, url: string, { records }: Acknowledged): Promise<never> {
  const token = await logInStaff(plan, url);
  for (;;) {
    bundles += 1;
    const body = prescriptionsBundle(AT, plan.seed, { from: bundles * 10, count: 1 + (bundles % 3) });
    const answer = await send(url, 'POST', `/api/v1/orgs/${AT}/imports`, {
      token,
      body,
      type: 'application/fhir+json',
    });
    const entries = answer.entry as { readonly response: { readonly location: string } }[];
    const written = entries
      .map(({ response }) => response.location)
      .filter((at) => at.startsWith('MedicationRequest/'));
    records.push(...written.map((location) => location.split('/').slice(0, 2).join('/')));
  }
}

async function consent(plan: LoadPlan, url: string, { grants }: Acknowledged): Promise<never> {
  const { patient, recipients } = plan;
  const pid = patient.pids.get(AT)!;
  const token = await logInPatient(plan, url);
  for (;;) {
    await sleep(PAUSE_MS);
    const { keys } = await send(url, 'GET', `/api/v1/orgs/${AT}/patient/keys`, { token });
    const nowMs = Date.now();
    const made = await grant(patient.wallet, occasionOf(plan), {
      choice: {
        ...{ pid, grantee: { kind: 'organisation', organisation: 'hospital-b' }, categories: ['medication'] },
        ...{ labelClasses: ['N'], purposes: ['TREAT'], notBeforeMs: nowMs, notAfterMs: nowMs + DAY_MS },
      },
      envelopes: keys as readonly KeyEnvelope[],
      recipients,
    });
    const { call, privateArgs } = given(made);
    await send(url, 'POST', `/api/v1/orgs/${AT}/patient/grants`, {
      token,
      body: { call, privateArgs, seals: made.seals },
    });
    const { grant: id } = made.terms;
    grants.set(id, false);
    if (grants.size % 2 === 0) continue;
    grants.set(id, undefined);
    const revocation = await revoke(made.wallet, occasionOf(plan), { pid, grant: id });
    await send(url, 'POST', `/api/v1/orgs/${AT}/calls`, { body: given(revocation) });
    grants.set(id, true);
  }
}

async function read(plan: LoadPlan, url: string, acknowledged: Acknowledged): Promise<never> {
  const token = await logInPatient(plan, url);
  const path = `/api/v1/orgs/${AT}/patient/records`;
  for (;;) {
    await sleep(PAUSE_MS);
    const { records } = await send(url, 'GET', `${path}?limit=5`, { token });
    for (const { recordId } of records as { readonly recordId: string }[]) {
      await send(url, 'GET', `${path}/${recordId}`, { token });
      acknowledged.reads += 1;
    }
  }
}

async function logInStaff(plan: LoadPlan, url: string): Promise<string> {
  const account = authorAt(AT);
  const wallet: StaffWallet = plan.consortium.cast.staff(account);
  const { token } = await send(url, 'POST', `/api/v1/orgs/${AT}/login`, { body: { account, password: PASSWORD } });
  const scope = ['record.commit', 'record.correct', 'patient.register', 'patient.reissueClaim'];
  const signed = await delegation(wallet, occasionOf(plan), { delegate: plan.node, scope });
  await send(url, 'POST', `/api/v1/orgs/${AT}/delegations`, { token: token as string, body: { delegation: signed } });
  return token as string;
}

async function logInPatient({ patient }: LoadPlan, url: string): Promise<string> {
  const pid = patient.pids.get(AT)!;
  const { kid } = patient.wallet.content.pids.find((entry) => entry.pid === pid)!;
  const path = `/api/v1/orgs/${AT}/patient`;
  const { challenge } = await send(url, 'POST', `${path}/challenge`, { body: { pid, kid } });
  const { signature } = await answerChallenge(patient.wallet, { pid, challenge: challenge as string });
  const { token } = await send(url, 'POST', `${path}/login`, { body: { pid, kid, challenge, signature } });
  return token as string;
}

function occasionOf({ consortium }: LoadPlan): Occasion {
  return { network: consortium.file.network, nowMs: Date.now() };
}

type Json = { readonly [name: string]: unknown };

/** Anything but success fails the test; a connection that breaks is the kill that the test wants. */
async function send(
  url: string,
  method: string,
  path: string,
  {
    token,
    body,
    type = 'application/json',
  }: { readonly token?: string; readonly body?: unknown; readonly type?: string } = {},
): Promise<Json> {
  const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
  if (body !== undefined) headers['content-type'] = type;
  const payload = typeof body === 'string' ? body : JSON.stringify(body);
  let status: number;
  let text: string;
  try {
    const answer = await fetch(`${url}${path}`, { method, headers, ...(body === undefined ? {} : { body: payload }) });
    ({ status } = answer);
    text = await answer.text();
  } catch (cause) {
    throw new NodeGone('the node does not answer', { cause });
  }
  if (status !== 200) throw new Error(`${method} ${path.replace(/\?.*/, '')}: ${status} ${text}`);
  return JSON.parse(text) as Json;
}

class NodeGone extends Error {}

async function untilGone(running: Promise<never>): Promise<void> {
  try {
    await running;
  } catch (error) {
    if (!(error instanceof NodeGone)) throw error;
  }
}
