import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { createServer, type Server, type Socket } from 'node:net';
import { createCa, issueCertificate } from '@salus/crypto';
import { crossCheckAudits, type PeerRequest } from '@salus/records';
import { freePort } from '@salus/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Apart, openApart } from '../../test/apart.ts';
import { assign } from '../../test/assign.ts';
import { addPatient, grantMedication, readAll, type TestPatient, writeBundle } from '../../test/consortium.ts';
import { tlsOf } from '../../test/peer-request.ts';
import { openTcpProxy, type TcpProxy } from '../../test/tcp-proxy.ts';
import { grantTo } from '../demonstration/cast.ts';
import { openPeerClient, type PeerClient, type PeerLimits } from './peer-client.ts';

const DAY_MS = 86_400_000;
/** Of a sealed file 1 MiB travels at once: this takes two pieces. */
const ATTACHMENT_BYTES = 1_300_000;
/** More than a client opens connections to one organisation. */
const QUESTIONS = 40;

let apart: Apart;
let proxy: TcpProxy;
let patient: TestPatient;
const servers: Server[] = [];
const sockets = new Set<Socket>();

beforeAll(async () => {
  const [near, ports] = [await freePort(), new Map<string, number>()];
  proxy = await openTcpProxy(near, () => ports.get('hospital-a')!);
  apart = await openApart(['hospital-a', 'hospital-b', 'laboratory'], {
    addresses: (slug, url) => {
      ports.set(slug, Number(new URL(url).port));
      return slug === 'hospital-a' ? `https://127.0.0.1:${near}` : url;
    },
  });
  patient = await addPatient(apart, { seed: 9, at: ['hospital-a'], prescriptions: 2 });
}, 240_000);

afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  sockets.clear();
  for (const server of servers.splice(0)) await new Promise((resolve) => server.close(resolve));
});

afterAll(async () => {
  await apart[Symbol.asyncDispose]();
  await proxy[Symbol.asyncDispose]();
});

/** Something that answers in the name of hospital A; returns its address. */
async function listen(server: Server): Promise<string> {
  server.on('connection', (socket) => sockets.add(socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  servers.push(server);
  const address = server.address();
  return `https://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`;
}

type Answering = (request: IncomingMessage, response: ServerResponse) => void;

function impostor(tls: ReturnType<typeof tlsOf>, answering: Answering): Server {
  return createHttpsServer({ ...tls, minVersion: 'TLSv1.3', requestCert: true, rejectUnauthorized: false }, answering);
}

/** A node of hospital A that has its keys and answers as it likes. */
function dishonest(answering: Answering): Promise<string> {
  const { chain, key } = apart.founded('hospital-a').node;
  return listen(impostor(tlsOf(chain, key.privateKey), answering));
}

const QUESTION = { payload: {}, signature: '' } as unknown as PeerRequest<'manifest', never>;

async function openClient(url: string, limits: Partial<PeerLimits>): Promise<PeerClient> {
  return openPeerClient({
    ...{ organisation: 'hospital-a', url, ledger: apart.ledger, nowMs: apart.clock.nowMs, limits },
    identity: await apart.at('hospital-b').node.organisations.get('hospital-b')!.openTlsIdentity(),
  });
}

async function ask(url: string, limits: Partial<PeerLimits> = {}): Promise<unknown> {
  using client = await openClient(url, limits);
  return await client.manifest(QUESTION);
}

describe('a node that asks another', () => {
  it('sends nothing to whoever is not an enrolled node of that organisation', async () => {
    let received = 0;
    const answering: Answering = (_request, response) => {
      received += 1;
      response.end('{}');
    };
    const other = apart.founded('laboratory').node;
    const staff = apart.founded('hospital-a').members[0]!;
    const stranger = await createCa({ organisation: 'hospital-a', nowMs: Date.now() - DAY_MS, validDays: 9 });
    const { key } = apart.founded('hospital-a').node;
    const forged = await issueCertificate({
      ...{ ca: stranger, id: apart.founded('hospital-a').node.id, organisation: 'hospital-a', kind: 'node', roles: [] },
      ...{ publicKey: key.publicKey, notBeforeMs: Date.now() - 60_000, notAfterMs: Date.now() + DAY_MS },
    });
    for (const tls of [
      tlsOf(other.chain, other.key.privateKey),
      tlsOf(staff.chain, staff.key.privateKey),
      tlsOf([forged], key.privateKey),
    ]) {
      await expect(ask(await listen(impostor(tls, answering)))).rejects.toMatchObject({ code: 'peer-untrusted' });
    }
    expect(received).toBe(0);
  });

  it('says that it is not reached when nothing listens, or nobody answers in time', async () => {
    await expect(ask(`https://127.0.0.1:${await freePort()}`)).rejects.toMatchObject({ code: 'peer-unreachable' });
    const mute = await listen(createServer());
    await expect(ask(mute, { connectMs: 200 })).rejects.toMatchObject({ code: 'peer-unreachable' });
    const slow = await dishonest(() => undefined);
    await expect(ask(slow, { answerMs: 300 })).rejects.toMatchObject({ code: 'peer-unreachable' });
    const trickling = await dishonest((_request, response) => {
      response.writeHead(200);
      response.write('{"kind":');
    });
    await expect(ask(trickling, { answerMs: 300 })).rejects.toMatchObject({ code: 'peer-unreachable' });
    const busy = await dishonest((_request, response) => response.writeHead(503).end('{"code":"overloaded"}'));
    await expect(ask(busy)).rejects.toMatchObject({ code: 'peer-unreachable' });
  });

  it('takes no answer that is larger than any, no JSON, or of another form than its operation', async () => {
    const large = await dishonest((_request, response) => response.end(Buffer.alloc(5_000, 0x20)));
    await expect(ask(large, { answerBytesMax: 4_000 })).rejects.toMatchObject({ code: 'too-large' });
    for (const text of ['{', '"ok"', '{"kind":"ok","result":{}}', '{"kind":"ok","kind":"ok"}', '{"kind":"refused"}']) {
      const wrong = await dishonest((_request, response) => response.end(text));
      await expect(ask(wrong), text).rejects.toMatchObject({ code: 'proof-invalid' });
    }
  });

  it('asks as much at the same time as it likes: what waits for a connection is sent on one that is made', async () => {
    const busy = await dishonest((_request, response) => {
      setTimeout(() => response.writeHead(403).end('{"code":"peer-unknown"}'), 20);
    });
    using client = await openClient(busy, { connectMs: 60_000 });
    const answers = await Promise.all(Array.from({ length: QUESTIONS }, () => client.manifest(QUESTION)));
    expect(answers).toEqual(Array(QUESTIONS).fill({ kind: 'refused', code: 'peer-unknown' }));
    expect(sockets.size).toBeLessThanOrEqual(16);
    expect(await client.manifest(QUESTION)).toEqual({ kind: 'refused', code: 'peer-unknown' });
  });

  it('passes on why the other side’s door refused it', async () => {
    const refusing = await dishonest((_request, response) => response.writeHead(403).end('{"code":"peer-unknown"}'));
    expect(await ask(refusing)).toEqual({ kind: 'refused', code: 'peer-unknown' });
    const silent = await dishonest((_request, response) => response.writeHead(403).end('{"code":"<script>"}'));
    await expect(ask(silent)).rejects.toMatchObject({ code: 'proof-invalid' });
  });
});

describe('a connection that breaks', () => {
  it('loses an answer and the reader asks again; both logs know of both', async () => {
    const pid = patient.pids.get('hospital-a')!;
    const grant = await grantMedication(apart, patient, { author: 'hospital-a', reader: 'hospital-b' });
    expect(await readAll(apart, 'b.novak', { author: 'hospital-a', pid, grant })).toHaveLength(2);
    proxy.loseNextAnswer();
    expect(await readAll(apart, 'b.novak', { author: 'hospital-a', pid, grant })).toHaveLength(2);
    const side = (slug: string) => ({ organisation: slug, audit: apart.cast.organisation(slug).vault.audit });
    expect(await crossCheckAudits(side('hospital-a'), side('hospital-b'))).toEqual([]);
    const lines = await side('hospital-b').audit.list({ limit: 50 });
    expect(lines.filter(({ event }) => event.outcome === 'peer-unreachable')).toHaveLength(1);
    // One request of the reader still opened one session.
    expect(lines.filter(({ event }) => event.kind === 'session' && event.outcome === 'ok')).toHaveLength(2);
  });

  it('keeps a delivery with its sender until the receiver’s receipt has come, and it arrives once', async () => {
    const { deliveries } = apart.cast.organisation('hospital-b').exchange;
    const { id, roles } = apart.cast.staff('b.novak');
    const who = { kind: 'member', id, organisation: 'hospital-b', roles } as const;
    const delivery = 'E'.repeat(22);
    proxy.cut(true);
    const sent = await deliveries.send({ delivery, to: 'hospital-a', kind: 'task', body: '{}', who, pid: null });
    expect(sent).toMatchObject({ state: 'pending', code: 'peer-unreachable', receipt: null });
    expect(await deliveries.resendPending()).toBe(0);
    proxy.cut(false);
    proxy.loseNextAnswer();
    await deliveries.resendPending();
    await deliveries.resendPending();
    expect(await deliveries.findSent(delivery)).toMatchObject({ state: 'delivered', code: null });
    const inbox = await apart.cast.organisation('hospital-a').exchange.deliveries.listInbox({ state: 'new', limit: 9 });
    expect(inbox.filter((item) => item.delivery === delivery)).toHaveLength(1);
  });

  it('brings a large attachment piece by piece', async () => {
    const content = Buffer.alloc(ATTACHMENT_BYTES, 'lungs clear. ').toString('base64');
    const resource = {
      resourceType: 'DocumentReference',
      status: 'current',
      subject: { reference: `Patient/${patient.fhirIds.get('hospital-a')}` },
      content: [{ attachment: { contentType: 'text/plain', data: content } }],
    };
    const entry = [{ resource, request: { method: 'POST', url: 'DocumentReference' } }];
    const care = { id: patient.fhirIds.get('hospital-a')!, actor: apart.cast.staff('a.rossi').id };
    await assign(apart.cast.organisation('hospital-a'), { ...care, nowMs: apart.clock.nowMs() });
    await writeBundle(apart, 'a.rossi', JSON.stringify({ resourceType: 'Bundle', type: 'transaction', entry }));
    const [pid, nowMs] = [patient.pids.get('hospital-a')!, apart.clock.nowMs()];
    const times = { notBeforeMs: nowMs, notAfterMs: nowMs + DAY_MS };
    const choice = { pid, categories: ['documents'], labelClasses: ['N'], purposes: ['TREAT'], ...times } as const;
    const grant = await grantTo(apart.cast, patient, { author: 'hospital-a', grantee: 'hospital-b', choice });
    const [text = ''] = await readAll(apart, 'b.novak', { author: 'hospital-a', pid, grant });
    expect(JSON.parse(text).content[0].attachment.data === content).toBe(true);
  });
});
