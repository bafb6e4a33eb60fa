import { leafKey } from '@salus/contracts';
import { newNonce } from '@salus/crypto';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { type Consortium, createConsortium, type Member } from '../../test/consortium.ts';
import { BundleWorkers } from '../bundle-workers.ts';
import { Deliveries, type Sending } from './deliveries.ts';
import { type DeliveryTable, type InboxSecret, openDelivery, putRow, sealDelivery } from './delivery-rows.ts';
import { settleEarlierDeliveries } from './earlier-deliveries.ts';
import type { ExchangePeer } from './exchange-peer.ts';
import { signPeerRequest } from './peer-request.ts';

const workers = new BundleWorkers(1);
let consortium: Consortium;
let sender: Member;
let receiver: Member;

beforeAll(async () => {
  consortium = await createConsortium(workers, ['hospital-a', 'laboratory']);
  sender = consortium.member('hospital-a');
  receiver = consortium.member('laboratory');
}, 240_000);

afterEach(() => {
  consortium.peers.set('laboratory', receiver.exchange.gateway);
});

afterAll(async () => {
  await consortium[Symbol.asyncDispose]();
  await workers[Symbol.asyncDispose]();
});

function sending(overrides: Partial<Sending> = {}): Sending {
  const { id, organisation, roles } = sender.clinician;
  return {
    delivery: newNonce(),
    to: 'laboratory',
    kind: 'order',
    body: '{"resourceType":"ServiceRequest"}',
    who: { kind: 'member', id, organisation, roles },
    pid: null,
    ...overrides,
  };
}

const inbox = () => receiver.exchange.deliveries.listInbox({ state: 'new', limit: 100 });

test('hands an order over once, with a receipt that the receiver signed, logged on both sides', async () => {
  const order = sending();
  const sent = await sender.exchange.deliveries.send(order);
  expect(sent).toMatchObject({ state: 'delivered', code: null });
  expect(sent.receipt?.payload).toMatchObject({ delivery: order.delivery, from: 'hospital-a', to: 'laboratory' });
  expect(await sender.exchange.deliveries.send(order)).toEqual(sent);
  const arrived = (await inbox()).filter(({ delivery }) => delivery === order.delivery);
  expect(arrived).toMatchObject([{ from: 'hospital-a', kind: 'order', body: order.body, state: 'new' }]);
  const [[out], [at]] = await Promise.all([
    sender.vault.audit.list({ limit: 1 }),
    receiver.vault.audit.list({ limit: 1 }),
  ]);
  expect(out?.event).toMatchObject({ kind: 'delivery', who: order.who, outcome: 'ok' });
  expect(at?.event).toMatchObject({ kind: 'delivery', exchange: { peer: 'hospital-a', id: out?.event.exchange?.id } });
});

test('keeps what was not answered and sends it again after a restart, without a second arrival', async () => {
  const { gateway } = receiver.exchange;
  consortium.peers.set('laboratory', {
    ...({} as ExchangePeer),
    deliver: async (request) => {
      await gateway.deliver(request);
      throw new Error('the answer was lost');
    },
  });
  const order = sending();
  await expect(sender.exchange.deliveries.send(order)).rejects.toThrow('lost');
  consortium.peers.set('laboratory', gateway);
  await consortium.reopen('hospital-a');
  expect((await sender.exchange.deliveries.findSent(order.delivery))?.state).toBe('pending');
  expect(await sender.exchange.deliveries.resendPending()).toBe(1);
  expect((await sender.exchange.deliveries.findSent(order.delivery))?.state).toBe('delivered');
  expect((await inbox()).filter(({ delivery }) => delivery === order.delivery)).toHaveLength(1);
});

test('refuses another body under a delivery id that has arrived, and tells two senders’ ids apart', async () => {
  const order = sending();
  await sender.exchange.deliveries.send(order);
  const { vault, node } = sender;
  const twin = new Deliveries({
    ...{ network: consortium.network, organisation: 'hospital-a', node, clock: consortium.clock },
    ...{ store: receiver.vault.store, masterKey: vault.masterKey, ledger: consortium.ledger, audit: vault.audit },
    findPeer: () => receiver.exchange.gateway,
    openHpke: (kid) => vault.privateKeys.openHpke(kid),
  });
  expect(await twin.send({ ...order, body: '{"other":1}' })).toMatchObject({ state: 'refused', code: 'conflict' });
  const back = { ...sending({ to: 'hospital-a' }), delivery: order.delivery };
  expect(await receiver.exchange.deliveries.send(back)).toMatchObject({ state: 'delivered' });
});

test('refuses a delivery that is sealed to another organisation, or whose envelope was changed', async () => {
  const order = sending();
  let code: string | undefined;
  consortium.peers.set('laboratory', {
    ...({} as ExchangePeer),
    deliver: async ({ payload }) => {
      const { body, to } = payload;
      const meant = { ...consortium, organisation: 'hospital-a', node: sender.node, clock: consortium.clock };
      const changed = { ...body, kind: 'result' as const };
      const answer = await receiver.exchange.gateway.deliver(await signPeerRequest(meant, to, 'deliver', changed));
      code = answer.kind === 'refused' ? answer.code : undefined;
      return answer;
    },
  });
  expect(await sender.exchange.deliveries.send(order)).toMatchObject({ state: 'refused' });
  expect(code).toBe('key-mismatch');
});

test('believes no receipt of another delivery or of another node', async () => {
  const first = sending();
  const { receipt } = await sender.exchange.deliveries.send(first);
  consortium.peers.set('laboratory', {
    ...({} as ExchangePeer),
    deliver: async () => ({ kind: 'ok', result: receipt! }),
  });
  await expect(sender.exchange.deliveries.send(sending())).rejects.toMatchObject({ code: 'signature-invalid' });
});

test('refuses requests that were seen, are old, are for another, or are not signed by a node of the sender', async () => {
  const { gateway } = receiver.exchange;
  const meant = { network: consortium.network, organisation: 'hospital-a', node: sender.node, clock: consortium.clock };
  const body = { session: newNonce(), after: null, limit: 1 };
  const refused = async (request: Parameters<typeof gateway.manifest>[0], code: string): Promise<void> => {
    expect(await gateway.manifest(request)).toEqual({ kind: 'refused', code });
  };
  const good = await signPeerRequest(meant, 'laboratory', 'manifest', body);
  await refused(good, 'not-found');
  await refused(good, 'signature-invalid');
  await refused(
    await signPeerRequest({ ...meant, clock: () => consortium.clock() - 121_000 }, 'laboratory', 'manifest', body),
    'signature-invalid',
  );
  await refused(await signPeerRequest(meant, 'hospital-a', 'manifest', body), 'signature-invalid');
  await refused(
    await signPeerRequest({ ...meant, organisation: 'laboratory' }, 'laboratory', 'manifest', body),
    'signature-invalid',
  );
  await refused(
    await signPeerRequest({ ...meant, node: receiver.node }, 'laboratory', 'manifest', body),
    'signature-invalid',
  );
  const { clinician } = sender;
  await refused(
    await signPeerRequest({ ...meant, node: clinician }, 'laboratory', 'manifest', body),
    'signature-invalid',
  );
});

test('refuses malformed requests and bodies without failing on them', async () => {
  const { gateway } = receiver.exchange;
  const meant = { network: consortium.network, organisation: 'hospital-a', node: sender.node, clock: consortium.clock };
  for (const request of [
    null,
    undefined,
    {},
    [],
    'x',
    { payload: {}, signature: '' },
    { payload: null, signature: 1 },
  ]) {
    expect(await gateway.open(request as never)).toEqual({ kind: 'refused', code: 'signature-invalid' });
  }
  const bodies: readonly unknown[] = [
    null,
    [],
    {},
    'x',
    { session: 1 },
    { session: 'x', request: {}, chain: [], token: 7 },
  ];
  let refused = 0;
  for (const operation of [
    'open',
    'manifest',
    'fetch',
    'references',
    'attachment',
    'places',
    'delegate',
    'deliver',
  ] as const) {
    for (const body of bodies) {
      const request = await signPeerRequest(meant, 'laboratory', operation, body);
      expect(await gateway[operation](request as never), operation).toEqual({ kind: 'refused', code: 'bad-input' });
      refused += 1;
    }
  }
  expect(refused).toBe(48);
});

test('refuses what no envelope holds, and a receiver whom nobody knows', async () => {
  const big = sending({ body: 'x'.repeat(1024 * 1024 + 1) });
  await expect(sender.exchange.deliveries.send(big)).rejects.toMatchObject({ code: 'too-large' });
  await expect(sender.exchange.deliveries.send(sending({ to: 'nobody' }))).rejects.toMatchObject({ code: 'not-found' });
});

test('makes room in the inbox with what was dealt with', async () => {
  const order = sending();
  await sender.exchange.deliveries.send(order);
  await receiver.exchange.deliveries.settle('hospital-a', order.delivery);
  expect((await inbox()).some(({ delivery }) => delivery === order.delivery)).toBe(false);
  await expect(receiver.exchange.deliveries.settle('hospital-a', newNonce())).rejects.toMatchObject({
    code: 'not-found',
  });
});

test('keeps nothing of what a delivery said, on either side, once it was dealt with', async () => {
  const order = sending({ body: '{"resourceType":"ServiceRequest","note":[{"text":"a word"}]}' });
  await sender.exchange.deliveries.send(order);
  const opened = async ({ vault }: Member, table: 'inbox' | 'outbox'): Promise<string> => {
    const rows = await vault.store.read.selectFrom(table).selectAll().execute();
    return rows
      .map((row) => JSON.stringify(vault.masterKey.openJson('delivery', row.deliveryToken, row.sealed)))
      .find((text) => text.includes(order.delivery))!;
  };
  expect(await opened(receiver, 'inbox')).toContain('a word');
  expect(JSON.parse(await opened(sender, 'outbox'))).toMatchObject({ body: null, code: null });
  await receiver.exchange.deliveries.settle('hospital-a', order.delivery);
  expect(JSON.parse(await opened(receiver, 'inbox'))).toMatchObject({ body: null, from: 'hospital-a' });
  const done = await receiver.exchange.deliveries.listInbox({ state: 'done', limit: 100 });
  expect(done.find(({ delivery }) => delivery === order.delivery)).toMatchObject({ body: null, kind: 'order' });
});

test('sends nothing that quotes a version which was erased, whether it waits already or is only made ready', async () => {
  const [place = ''] = await consortium.import(sender, [
    { resourceType: 'Patient', identifier: [{ system: 'urn:mrn', value: '4711' }] },
  ]);
  const { keyId, leafHash } = await consortium.record(sender, place);
  consortium.peers.set('laboratory', {
    ...({} as ExchangePeer),
    deliver: () => Promise.resolve({ kind: 'refused', code: 'peer-unreachable' }),
  });
  const [quoting, other] = [sending({ quotes: [leafHash] }), sending({ quotes: ['A'.repeat(43)] })];
  for (const each of [quoting, other]) {
    expect(await sender.exchange.deliveries.send(each)).toMatchObject({ state: 'pending' });
  }
  expect(await sender.vault.leafStates.eraseAgain([leafKey(keyId, leafHash)])).toBe(1);
  consortium.peers.set('laboratory', receiver.exchange.gateway);
  await sender.exchange.deliveries.resendPending();
  expect(await sender.exchange.deliveries.findSent(quoting.delivery)).toMatchObject({
    state: 'refused',
    code: 'erased',
  });
  expect(await sender.exchange.deliveries.findSent(other.delivery)).toMatchObject({ state: 'delivered' });
  const arrived = (await inbox()).map(({ delivery }) => delivery);
  expect(arrived).toContain(other.delivery);
  expect(arrived).not.toContain(quoting.delivery);
  await expect(sender.exchange.deliveries.send(sending({ quotes: [leafHash] }))).rejects.toMatchObject({
    code: 'erased',
  });
});

test('opens nothing else that waits when a version is erased, and forgets who quoted it', async () => {
  const [place = ''] = await consortium.import(sender, [
    { resourceType: 'Patient', identifier: [{ system: 'urn:mrn', value: '4712' }] },
  ]);
  const { keyId, leafHash } = await consortium.record(sender, place);
  consortium.peers.set('laboratory', {
    ...({} as ExchangePeer),
    deliver: () => Promise.resolve({ kind: 'refused', code: 'peer-unreachable' }),
  });
  const other = 'B'.repeat(43);
  const quoting = [sending({ quotes: [leafHash, other] }), sending({ quotes: [leafHash, leafHash] })];
  for (const each of [...quoting, sending(), sending({ quotes: [other] })]) await sender.exchange.deliveries.send(each);
  const opened = vi.spyOn(sender.vault.masterKey, 'openJson');
  expect(await sender.vault.leafStates.eraseAgain([leafKey(keyId, leafHash)])).toBe(1);
  expect(opened.mock.calls.filter(([use]) => use === 'delivery')).toHaveLength(2);
  opened.mockRestore();
  for (const { delivery } of quoting) {
    expect(await sender.exchange.deliveries.findSent(delivery)).toMatchObject({ state: 'refused', code: 'erased' });
  }
  expect(await sender.vault.documents.find('outbox-quote', leafHash)).toBeUndefined();
  expect(await sender.vault.documents.find('outbox-quote', other)).toHaveLength(1);
  consortium.peers.set('laboratory', receiver.exchange.gateway);
  await sender.exchange.deliveries.resendPending();
  expect(await sender.vault.documents.find('outbox-quote', other)).toBeUndefined();
});

test('settles what an earlier version left: bodies of what is settled go, and what waits is found by what it quotes', async () => {
  const [place = ''] = await consortium.import(sender, [
    { resourceType: 'Patient', identifier: [{ system: 'urn:mrn', value: '4713' }] },
  ]);
  const { keyId, leafHash } = await consortium.record(sender, place);
  const order = sending({ body: '{"resourceType":"ServiceRequest","note":"wordbefore"}' });
  await sender.exchange.deliveries.send(order);
  await receiver.exchange.deliveries.settle('hospital-a', order.delivery);
  consortium.peers.set('laboratory', {
    ...({} as ExchangePeer),
    deliver: () => Promise.resolve({ kind: 'refused', code: 'peer-unreachable' }),
  });
  const waiting = sending({ quotes: [leafHash] });
  await sender.exchange.deliveries.send(waiting);
  const secrets = async ({ vault: { store, masterKey } }: Member, table: DeliveryTable) =>
    (await store.read.selectFrom(table).selectAll().execute()).map((row) => ({
      row,
      secret: openDelivery<InboxSecret>(masterKey, row),
    }));
  for (const [{ vault }, table] of [
    [sender, 'outbox'],
    [receiver, 'inbox'],
  ] as const) {
    const rows = await secrets(table === 'outbox' ? sender : receiver, table);
    const { row, secret } = rows.find((each) => each.secret.delivery === order.delivery)!;
    const before = sealDelivery(vault.masterKey, { ...secret, body: order.body }, row);
    await vault.store.write((trx) => putRow(trx, table, before));
  }
  await sender.vault.documents.delete('outbox-quote', leafHash);
  for (const { vault } of [sender, receiver]) {
    // As if no version that does this had opened it yet.
    for (const table of ['outbox', 'inbox']) await vault.documents.delete('setting', `earlier-deliveries/${table}`);
    // Rows that do not open are passed over: an earlier test wrote one.
    const settle = () => settleEarlierDeliveries({ ...vault, onFailure: () => {} });
    expect(await settle()).toBe(1);
    expect(await settle()).toBe(0);
  }
  for (const [member, table] of [
    [sender, 'outbox'],
    [receiver, 'inbox'],
  ] as const) {
    expect(JSON.stringify(await secrets(member, table))).not.toContain('wordbefore');
  }
  expect(await sender.vault.leafStates.eraseAgain([leafKey(keyId, leafHash)])).toBe(1);
  expect(await sender.exchange.deliveries.findSent(waiting.delivery)).toMatchObject({ code: 'erased' });
});
