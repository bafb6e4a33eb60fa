import { randomBytes, toBase64url } from '@salus/crypto';
import { type VisitTask, visitTaskResource } from '@salus/fhir/visit';
import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  type AgreementBody,
  newVisitId,
  openVisitPlace,
  PROVIDER,
  STAFF,
  seenIn,
  type VisitPlace,
  type VisitSeen,
  type Worker,
} from '../../test/visit-place.ts';
import { VISITS_OPEN_ELSEWHERE_MAX, VISITS_OPEN_OF_PATIENT_MAX } from './visit-document.ts';
import { dropErased } from './visit-erasure.ts';

const HOUR_MS = 3_600_000;
const SET_UP_MS = 180_000;
const ORDER = 'laboratory-order.1';
/** Books and treats, and has not been booked. */
const BOTH = {
  account: 'a.both',
  roles: ['registrar', 'clinician'],
  family: 'Okafor',
  given: 'Ngozi',
  licence: 'hospital-a-9001',
};
let place: VisitPlace;
let agreed: Readonly<Record<'laboratory' | 'pharmacy', AgreementBody>>;
beforeAll(async () => {
  place = await openVisitPlace([BOTH]);
  agreed = await place.agreements();
}, SET_UP_MS);
afterAll(() => place[Symbol.asyncDispose]());

async function must(answer: Promise<{ status: number; text: string; json: unknown }>): Promise<VisitSeen> {
  const { status, text, json } = await answer;
  expect(status, text).toBe(200);
  return seenIn(json as Parameters<typeof seenIn>[0]);
}

function wish(visit: string): object {
  return { visit, reason: 'Thirst', answers: {}, wishedMs: Date.now() + 2 * HOUR_MS };
}

async function bookVisit(): Promise<string> {
  const visit = newVisitId();
  await must(place.asPatient('POST', '', wish(visit)));
  const { practitioner } = place;
  await must(place.act('desk', visit, 'booking', { practitioner, startMs: Date.now() + HOUR_MS, minutes: 20 }));
  return visit;
}

async function beginVisit(): Promise<string> {
  const visit = await bookVisit();
  await must(place.asPatient('POST', `/${visit}/agreement`, agreed));
  await must(place.act('clinician', visit, 'beginning'));
  return visit;
}

async function orderTest(visit: string): Promise<void> {
  await must(place.act('clinician', visit, 'orders', { test: '4548-4' }));
  await place.list('laboratory');
}

/** Takes the visit away at its end, so that the next test has room. */
async function endVisit(visit: string): Promise<void> {
  await must(place.act('clinician', visit, 'closing'));
}

async function seenBy(worker: Worker, visit: string): Promise<VisitSeen | undefined> {
  return (await place.list(worker)).find((each) => each.visit === visit);
}

function hosted(slug: string) {
  return place.server.node.organisations.get(slug)!;
}

async function careRows(): Promise<number> {
  const rows = await hosted('laboratory').vault.store.read.selectFrom('careRelationship').select('batchId').execute();
  return rows.filter(({ batchId }) => batchId === null).length;
}

/** What the provider's node sends if it does not keep to what its own software lets it. */
async function deliver(task: Partial<VisitTask>): Promise<string> {
  const body = JSON.stringify(
    visitTaskResource({
      ...{ visit: newVisitId(), provider: PROVIDER, step: 'laboratory-order', number: 1, version: 1 },
      ...{ status: 'requested', requester: PROVIDER, owner: 'laboratory', pid: place.patients.laboratory.pid },
      ...{ changedMs: Date.now(), reason: null, parts: { order: { resourceType: 'ServiceRequest' } }, ...task },
    }),
  );
  const delivery = toBase64url(randomBytes(16));
  const { id } = hosted(PROVIDER).node;
  const who = { kind: 'member', id, organisation: PROVIDER, roles: ['node'] } as const;
  const sending = { delivery, to: 'laboratory', kind: 'order', body, who, pid: null } as const;
  expect(await hosted(PROVIDER).exchange.deliveries.send(sending)).toMatchObject({ state: 'delivered' });
  return delivery;
}

/** The patient's own page, at the laboratory. */
async function ownPage(): Promise<number> {
  return (await place.asPatient('GET', '', undefined, 'laboratory')).status;
}

async function waiting(): Promise<readonly string[]> {
  const items = await hosted('laboratory').exchange.deliveries.listInbox({ state: 'new', limit: 100 });
  return items.map(({ delivery }) => delivery);
}

it('gives care for an order only to who takes it up in its turn, and not beyond a rejection', async () => {
  const visit = await beginVisit();
  await orderTest(visit);
  const before = await careRows();
  await must(place.act('laboratory', visit, 'order-acceptance', { task: ORDER }));
  expect(await careRows()).toBe(before + 1);
  const again = await place.act('laboratory', visit, 'order-acceptance', { task: ORDER });
  expect(again.json).toMatchObject({ code: 'conflict' });
  expect(await careRows()).toBe(before + 1);
  await must(place.act('laboratory', visit, 'order-rejection', { task: ORDER, reason: 'Broken' }));
  expect(await careRows()).toBe(before);
  const late = await place.act('laboratory', visit, 'order-acceptance', { task: ORDER });
  expect(late.json).toMatchObject({ code: 'conflict' });
  expect(await careRows()).toBe(before);
  await place.list('clinician');
  await endVisit(visit);
});

it('lets nobody act as a clinician in a visit because they are at the desk as well', async () => {
  const visit = await bookVisit();
  const token = await place.server.logIn(BOTH.account, { writing: true });
  const base = `/api/v1/orgs/${PROVIDER}/guided-visits`;
  const { json } = await place.server.send('GET', base, { token });
  expect((json.visits as { visit: string }[]).map((each) => each.visit)).toContain(visit);
  for (const [act, body] of [
    ['beginning', {}],
    ['orders', { test: '4548-4' }],
    ['closing', {}],
  ] as const) {
    const answer = await place.server.send('POST', `${base}/${PROVIDER}/${visit}/${act}`, { token, body });
    expect(answer.status, answer.text).toBe(404);
  }
  expect((await seenBy('clinician', visit))?.course.get('consultation.1')?.status).toBe('requested');
  await must(place.asPatient('POST', `/${visit}/agreement`, { laboratory: null, pharmacy: null }));
  await must(place.act('clinician', visit, 'beginning'));
  await endVisit(visit);
});

it('takes no order about another patient into a visit', async () => {
  const visit = await beginVisit();
  await orderTest(visit);
  await deliver({ visit, number: 2, pid: newVisitId() });
  await deliver({ visit: newVisitId(), pid: null });
  const there = await seenBy('laboratory', visit);
  expect([...there!.course.keys()]).toEqual([ORDER]);
  expect(await waiting()).toEqual([]);
  await must(place.act('laboratory', visit, 'order-rejection', { task: ORDER, reason: 'Not today' }));
  await place.list('clinician');
  await endVisit(visit);
});

it('loses no act to a look at the same visit that was under way', async () => {
  const visit = await beginVisit();
  const { exchange } = hosted('laboratory');
  const accept = exchange.gateway.deliver.bind(exchange.gateway);
  exchange.gateway.deliver = () => Promise.resolve({ kind: 'refused', code: 'peer-unreachable' });
  await must(place.act('clinician', visit, 'orders', { test: '4548-4' }));
  exchange.gateway.deliver = accept;
  const { deliveries } = hosted(PROVIDER).exchange;
  await deliveries.resendPending();
  const findSent = deliveries.findSent.bind(deliveries);
  const reached = Promise.withResolvers<void>();
  const released = Promise.withResolvers<void>();
  deliveries.findSent = async (delivery) => {
    deliveries.findSent = findSent;
    reached.resolve();
    await released.promise;
    return findSent(delivery);
  };
  const look = place.list('clinician');
  await reached.promise;
  const act = place.act('clinician', visit, 'orders', { test: '718-7' });
  await Promise.race([act, new Promise((resolve) => setTimeout(resolve, 3_000))]);
  released.resolve();
  await Promise.all([look, must(act)]);
  const after = await seenBy('clinician', visit);
  expect([...after!.course.keys()]).toContain('laboratory-order.2');
  await place.list('laboratory');
  for (const task of [ORDER, 'laboratory-order.2']) {
    await must(place.act('laboratory', visit, 'order-rejection', { task, reason: 'Not today' }));
  }
  await place.list('clinician');
  await endVisit(visit);
});

it('shows nothing of a visit to whom the patient has denied, and no part that is hidden in the record', async () => {
  const visit = await beginVisit();
  await orderTest(visit);
  const { token } = place.patients.laboratory;
  const persons = [place.server.wallet(STAFF.laboratory.account).id];
  const url = '/api/v1/orgs/laboratory/patient/denials';
  const denied = await place.server.send('POST', url, { token, body: { persons, labelClasses: [] } });
  expect(denied.status, denied.text).toBe(200);
  expect(await seenBy('laboratory', visit)).toBeUndefined();
  for (const [act, body] of [
    ['order-acceptance', {}],
    ['order-rejection', { reason: 'No' }],
  ] as const) {
    expect((await place.act('laboratory', visit, act, { task: ORDER, ...body })).status).toBe(404);
  }
  const { denialId } = denied.json as { denialId: string };
  expect((await place.server.send('DELETE', `${url}/${denialId}`, { token })).status).toBe(204);
  await must(place.act('laboratory', visit, 'order-rejection', { task: ORDER, reason: 'Not today' }));
  const { audit } = hosted(PROVIDER).vault;
  expect((await seenBy('clinician', visit))?.course.get(ORDER)?.parts).toHaveProperty('order');
  const [look] = (await audit.list({ limit: 20 })).filter(({ event }) => event.kind === 'search');
  expect(look?.event.records.length).toBeGreaterThan(0);
  const name = `urn:salus:visit-resource|${PROVIDER}/${visit}/order-1`;
  const base = `/${PROVIDER}/fhir/R4/ServiceRequest`;
  const found = await place.server.send('GET', `${base}?identifier=${name}`, { token: place.tokens.clinician });
  const { id } = found.json.entry[0].resource as { id: string };
  const removed = await place.server.send('DELETE', `${base}/${id}`, { token: place.tokens.clinician });
  expect(removed.status, removed.text).toBeLessThan(300);
  expect((await seenBy('clinician', visit))?.course.get(ORDER)?.parts).not.toHaveProperty('order');
  const { json } = await place.asPatient('GET', '');
  const own = (json.visits as Parameters<typeof seenIn>[0][]).map(seenIn).find((each) => each.visit === visit);
  expect(own?.course.get(ORDER)?.parts).not.toHaveProperty('order');
  await endVisit(visit);
});

it('reads on past what cannot be kept, and past who answers nothing', async () => {
  const visit = await beginVisit();
  await deliver({ parts: { order: { resourceType: 'ServiceRequest', note: [{ text: 'x'.repeat(70_000) }] } } });
  await orderTest(visit);
  expect(await seenBy('laboratory', visit)).toBeDefined();
  expect(await waiting()).toEqual([]);
  const { exchange } = hosted(PROVIDER);
  const accept = exchange.gateway.deliver.bind(exchange.gateway);
  let asked = 0;
  exchange.gateway.deliver = () => {
    asked += 1;
    return Promise.resolve({ kind: 'refused', code: 'peer-unreachable' });
  };
  await deliver({ pid: newVisitId() });
  const second = await deliver({ pid: newVisitId() });
  await place.list('laboratory');
  expect(asked).toBe(1);
  expect(await waiting()).toEqual([second]);
  exchange.gateway.deliver = accept;
  await place.list('laboratory');
  expect(await waiting()).toEqual([]);
  await must(place.act('laboratory', visit, 'order-rejection', { task: ORDER, reason: 'Not today' }));
  await place.list('clinician');
  await endVisit(visit);
});

it('is stopped by no part with a name that every object has, whatever it is a part of', async () => {
  const visit = await beginVisit();
  const named = { parts: { constructor: { resourceType: 'ServiceRequest' } } };
  await deliver(named);
  await deliver({ ...named, step: 'appointment' });
  await orderTest(visit);
  expect(await seenBy('laboratory', visit)).toBeDefined();
  expect(await waiting()).toEqual([]);
  expect(await ownPage()).toBe(200);
  await dropErased(hosted('laboratory'));
  await must(place.act('laboratory', visit, 'order-rejection', { task: ORDER, reason: 'Not today' }));
  await place.list('clinician');
  await endVisit(visit);
});

it('refuses what breaks in a way that nobody foresaw, tells it, and takes what others sent', async () => {
  const visit = await beginVisit();
  const { patients } = hosted('laboratory').vault;
  const findByPid = patients.findByPid.bind(patients);
  const told: unknown[] = [];
  place.server.node.onFailure((error) => void told.push(error));
  const broken = await deliver({});
  patients.findByPid = () => {
    patients.findByPid = findByPid;
    throw new TypeError('nobody foresaw it');
  };
  await must(place.act('clinician', visit, 'orders', { test: '4548-4' }));
  expect(await seenBy('laboratory', visit)).toBeDefined();
  expect(await waiting()).toEqual([]);
  expect(told).toMatchObject([{ message: 'nobody foresaw it' }]);
  const done = await hosted('laboratory').exchange.deliveries.listInbox({ state: 'done', limit: 200 });
  expect(done.map(({ delivery }) => delivery)).toContain(broken);
  await must(place.act('laboratory', visit, 'order-rejection', { task: ORDER, reason: 'Not today' }));
  await place.list('clinician');
  await endVisit(visit);
});

it('holds up neither other visits nor an erasure while another node gives no answer', async () => {
  const visit = await beginVisit();
  const { exchange } = hosted('laboratory');
  const accept = exchange.gateway.deliver.bind(exchange.gateway);
  const reached = Promise.withResolvers<void>();
  const answered = Promise.withResolvers<void>();
  exchange.gateway.deliver = async (request) => {
    reached.resolve();
    await answered.promise;
    return accept(request);
  };
  let isDone = false;
  const act = must(place.act('clinician', visit, 'orders', { test: '4548-4' })).finally(() => {
    isDone = true;
  });
  await reached.promise;
  await dropErased(hosted(PROVIDER));
  const seen = await seenBy('clinician', visit);
  expect(seen?.sent.find(({ task }) => task === ORDER)).toMatchObject({ state: 'pending' });
  expect((await place.asPatient('GET', '')).status).toBe(200);
  expect(isDone).toBe(false);
  exchange.gateway.deliver = accept;
  answered.resolve();
  const done = await act;
  expect(done.sent.find(({ task }) => task === ORDER)).toMatchObject({ state: 'delivered' });
  await place.list('laboratory');
  await must(place.act('laboratory', visit, 'order-rejection', { task: ORDER, reason: 'Not today' }));
  await place.list('clinician');
  await endVisit(visit);
});

it('has every look of the patient in the log, with what it read, before anything is shown', async () => {
  const visit = await beginVisit();
  const { audit } = hosted(PROVIDER).vault;
  const { pid } = place.patients[PROVIDER];
  const [last] = await audit.list({ limit: 1 });
  expect((await place.asPatient('GET', '')).status).toBe(200);
  const lines = (await audit.list({ limit: 20 })).filter(({ seq }) => seq > last!.seq);
  const looks = lines.flatMap(({ event }) => (event.kind === 'search' ? [event] : []));
  expect(looks).toMatchObject([{ pid, purpose: 'PATRQT', who: { kind: 'patient', pid } }]);
  expect(looks[0]?.records.length).toBeGreaterThan(0);
  const append = audit.append.bind(audit);
  audit.append = () => Promise.reject(new Error('the log is full'));
  const { status, text } = await place.asPatient('GET', '').finally(() => {
    audit.append = append;
  });
  expect(status).toBe(500);
  expect(text).not.toContain('Thirst');
  await endVisit(visit);
});

it('keeps room for everybody else when one organisation sends more than it has', async () => {
  const { documents } = hosted('laboratory').vault;
  const names = Array.from({ length: VISITS_OPEN_ELSEWHERE_MAX }, newVisitId);
  const empty = { pid: null, tasks: [], sent: [], received: [], written: {}, begunMs: null };
  for (const visit of names) {
    const agreedNothing = { laboratory: null, pharmacy: null };
    await documents.put('visit', `${PROVIDER}/${visit}`, {
      provider: PROVIDER,
      visit,
      ...empty,
      agreed: agreedNothing,
    });
  }
  const visit = await beginVisit();
  await must(place.act('clinician', visit, 'orders', { test: '4548-4' }));
  expect(await seenBy('laboratory', visit)).toBeUndefined();
  expect(await waiting()).toHaveLength(1);
  for (const each of names) await documents.delete('visit', `${PROVIDER}/${each}`);
  expect(await seenBy('laboratory', visit)).toBeDefined();
  await must(place.act('laboratory', visit, 'order-rejection', { task: ORDER, reason: 'Not today' }));
  await place.list('clinician');
  await endVisit(visit);
});

it('lets one patient have so many visits open, and no more', async () => {
  const visits = Array.from({ length: VISITS_OPEN_OF_PATIENT_MAX }, newVisitId);
  for (const visit of visits) await must(place.asPatient('POST', '', wish(visit)));
  const more = newVisitId();
  expect((await place.asPatient('POST', '', wish(more))).json).toMatchObject({ code: 'overloaded' });
  await must(place.asPatient('POST', `/${visits[0]}/cancellation`, {}));
  // What does not take place keeps nothing of what was said: no record holds it, so nobody could have it erased.
  const over = await hosted(PROVIDER).vault.documents.find('visit-over', `${PROVIDER}/${visits[0]}`);
  expect(over).toMatchObject({ pid: place.patients[PROVIDER].pid });
  expect(JSON.stringify(over)).not.toContain('Thirst');
  await must(place.asPatient('POST', '', wish(more)));
});
