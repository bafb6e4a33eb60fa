import { Agent, request as httpsRequest } from 'node:https';
import { createCa, generateSigningKeySync, issueCertificate, signerFromPkcs8 } from '@salus/crypto';
import { crossCheckAudits, signPeerRequest } from '@salus/records';
import { staffCall } from '@salus/wallet';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Apart, openApart } from '../../test/apart.ts';
import { addPatient, grantMedication, readAll, revokeGrant, type TestPatient } from '../../test/consortium.ts';
import { type PeerReply, post, tlsOf } from '../../test/peer-request.ts';
import { submitCall } from '../consent.ts';
import { EXCHANGE_BODY_BYTES_MAX } from './exchange-listener.ts';

const DAY_MS = 86_400_000;

let apart: Apart;
let patient: TestPatient;
let grant: string;

beforeAll(async () => {
  apart = await openApart(['hospital-a', 'hospital-b', 'laboratory'], { requestTimeoutMs: 6_000 });
  patient = await addPatient(apart, { seed: 7, at: ['hospital-a', 'hospital-b'], prescriptions: 3 });
  grant = await grantMedication(apart, patient, { author: 'hospital-a', reader: 'hospital-b' });
}, 240_000);

afterAll(() => apart[Symbol.asyncDispose]());

const urlOf = (slug: string, operation = 'manifest'): string => `${apart.at(slug).url}/exchange/v1/${operation}`;
const tlsOfNode = (slug: string) => {
  const { key, chain } = apart.founded(slug).node;
  return tlsOf(chain, key.privateKey);
};

/** A request that a node of `from` signed for `to`. */
async function signed(from: string, to = 'hospital-a') {
  const { id, key } = apart.founded(from).node;
  const node = { id, signer: signerFromPkcs8(key.privateKey) };
  const sender = { network: apart.ledger.network, organisation: from, node, clock: apart.clock.nowMs };
  const body = { session: 'A'.repeat(43), after: null, limit: 10 };
  return JSON.stringify(await signPeerRequest(sender, to, 'manifest', body));
}

/** A certificate for any organisation and kind, by whatever authority. */
async function certify(
  organisation: string,
  {
    kind = 'node',
    authority,
  }: { readonly kind?: 'node' | 'staff'; readonly authority: Awaited<ReturnType<typeof createCa>> },
) {
  const { id } = apart.founded('hospital-b').node;
  const key = generateSigningKeySync();
  const nowMs = Date.now();
  const validity = { notBeforeMs: nowMs - 60_000, notAfterMs: nowMs + DAY_MS };
  const { publicKey } = key;
  const chain = [await issueCertificate({ ca: authority, id, organisation, kind, roles: [], publicKey, ...validity })];
  return tlsOf(chain, key.privateKey);
}

describe('two organisations in nodes of their own', () => {
  it('read what a patient granted, over mutual TLS, and log the same on both sides', async () => {
    const pid = patient.pids.get('hospital-a')!;
    const texts = await readAll(apart, 'b.novak', { author: 'hospital-a', pid, grant });
    expect(texts).toHaveLength(3);
    for (const text of texts) expect(text).toContain('MedicationRequest');
    const side = (slug: string) => ({
      organisation: slug,
      audit: apart.cast.organisation(slug).vault.audit,
    });
    expect(await crossCheckAudits(side('hospital-a'), side('hospital-b'))).toEqual([]);
    const events = await apart.cast.organisation('hospital-a').vault.audit.list({ limit: 50 });
    expect(events.filter(({ event }) => event.kind === 'read' && event.exchange?.peer === 'hospital-b')).toHaveLength(
      1,
    );
  });

  it('deliver to each other, once', async () => {
    const { exchange } = apart.cast.organisation('hospital-b');
    const wallet = apart.cast.staff('b.novak');
    const who = { kind: 'member', id: wallet.id, organisation: 'hospital-b', roles: wallet.roles } as const;
    const sending = {
      delivery: 'D'.repeat(22),
      to: 'laboratory',
      kind: 'order',
      body: '{"order":1}',
      who,
      pid: null,
    } as const;
    expect(await exchange.deliveries.send(sending)).toMatchObject({ state: 'delivered', code: null });
    expect(await exchange.deliveries.send(sending)).toMatchObject({ state: 'delivered' });
    const inbox = await apart.cast.organisation('laboratory').exchange.deliveries.listInbox({ state: 'new', limit: 9 });
    expect(inbox).toMatchObject([{ delivery: 'D'.repeat(22), from: 'hospital-b', body: '{"order":1}' }]);
  });

  it('end a session as soon as the grant is revoked', async () => {
    const pid = patient.pids.get('hospital-a')!;
    const short = await grantMedication(apart, patient, { author: 'hospital-a', reader: 'hospital-b' });
    await readAll(apart, 'b.novak', { author: 'hospital-a', pid, grant: short });
    await revokeGrant(apart, patient, { author: 'hospital-a', grant: short });
    const again = readAll(apart, 'b.novak', { author: 'hospital-a', pid, grant: short });
    await expect(again).rejects.toMatchObject({ detail: 'grant-revoked' });
  });
});

describe('the door for other organisations', () => {
  const refusedBy = async (reply: Promise<PeerReply>): Promise<unknown> => {
    const { status, body } = await reply;
    return { status, code: body.code };
  };

  it('answers an enrolled node whose request it signed itself', async () => {
    const reply = await post(urlOf('hospital-a'), { ...tlsOfNode('hospital-b'), body: await signed('hospital-b') });
    expect(reply).toEqual({ status: 200, body: { kind: 'refused', code: 'not-found' } });
  });

  it('refuses whoever shows no certificate', async () => {
    const reply = post(urlOf('hospital-a'), { body: await signed('hospital-b') });
    expect(await refusedBy(reply)).toEqual({ status: 401, code: 'not-authenticated' });
  });

  it('refuses TLS before 1.3', async () => {
    const reply = post(urlOf('hospital-a'), {
      ...tlsOfNode('hospital-b'),
      maxVersion: 'TLSv1.2',
      body: await signed('hospital-b'),
    });
    await expect(reply).rejects.toThrow(/protocol version|alert/);
  });

  it('refuses a certificate of an authority that the ledger does not list for the organisation it names', async () => {
    const stranger = await createCa({ organisation: 'hospital-b', nowMs: Date.now() - DAY_MS, validDays: 9 });
    const own = await createCa({ organisation: 'elsewhere', nowMs: Date.now() - DAY_MS, validDays: 9 });
    for (const tls of [
      await certify('hospital-b', { authority: stranger }),
      await certify('elsewhere', { authority: own }),
      // A member's own authority certifies a key that was never enrolled.
      await certify('hospital-b', { authority: apart.founded('hospital-b').authority }),
      await certify('hospital-b', { kind: 'staff', authority: apart.founded('hospital-b').authority }),
    ]) {
      const reply = post(urlOf('hospital-a'), { ...tls, body: await signed('hospital-b') });
      expect(await refusedBy(reply)).toEqual({ status: 403, code: 'peer-unknown' });
    }
  });

  it('refuses a member of staff, who is no node', async () => {
    const { chain, key } = apart.founded('hospital-b').members[0]!;
    const reply = post(urlOf('hospital-a'), { ...tlsOf(chain, key.privateKey), body: await signed('hospital-b') });
    expect(await refusedBy(reply)).toEqual({ status: 403, code: 'peer-unknown' });
  });

  it('refuses a request that another node signed than the one that brings it', async () => {
    const reply = post(urlOf('hospital-a'), { ...tlsOfNode('laboratory'), body: await signed('hospital-b') });
    expect(await refusedBy(reply)).toEqual({ status: 403, code: 'peer-mismatch' });
  });

  it('refuses a request that is sent twice, or was meant for somebody else', async () => {
    const body = await signed('hospital-b');
    const send = (): Promise<PeerReply> => post(urlOf('hospital-a'), { ...tlsOfNode('hospital-b'), body });
    expect((await send()).body.code).toBe('not-found');
    expect((await send()).body.code).toBe('signature-invalid');
    const meant = await signed('hospital-b', 'laboratory');
    const other = await post(urlOf('hospital-a'), { ...tlsOfNode('hospital-b'), body: meant });
    expect(other.body.code).toBe('signature-invalid');
    const elsewhere = await post(urlOf('hospital-a', 'fetch'), {
      ...tlsOfNode('hospital-b'),
      body: await signed('hospital-b'),
    });
    expect(elsewhere.body.code).toBe('signature-invalid');
  });

  it('refuses what is larger than any request, no JSON, no request, or of no operation', async () => {
    const tls = tlsOfNode('hospital-b');
    const large = post(urlOf('hospital-a'), { ...tls, body: Buffer.alloc(EXCHANGE_BODY_BYTES_MAX + 1, 0x20) });
    expect(await refusedBy(large)).toEqual({ status: 413, code: 'body-too-large' });
    for (const [body, code] of [
      ['{', 'bad-json'],
      ['{"a":1,"a":2}', 'bad-json'],
      ['[]', 'bad-request'],
      ['{"payload":7}', 'peer-mismatch'],
    ] as const) {
      const reply = await post(urlOf('hospital-a'), { ...tls, body });
      expect(reply.body.code, body).toBe(code);
    }
    const nowhere = post(urlOf('hospital-a', 'everything'), { ...tls, body: '{}' });
    expect(await refusedBy(nowhere)).toEqual({ status: 404, code: 'not-found' });
  });

  it('gives up on a peer that does not finish its request', async () => {
    const agent = new Agent({ keepAlive: false });
    const reply = await new Promise<number>((resolve, reject) => {
      const outgoing = httpsRequest(urlOf('hospital-a'), {
        ...tlsOfNode('hospital-b'),
        ...{ method: 'POST', agent, rejectUnauthorized: false },
        headers: { 'content-type': 'application/json', 'content-length': 1_000 },
      });
      outgoing.on('error', reject);
      outgoing.once('response', ({ statusCode }) => {
        resolve(statusCode ?? 0);
        outgoing.destroy();
      });
      outgoing.write('{"payload":');
    });
    expect(reply).toBe(408);
  });

  it('shuts a node out whose certificate is revoked, on the connection that it has open, too', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1, rejectUnauthorized: false });
    const send = async (): Promise<PeerReply> =>
      post(urlOf('hospital-a'), { ...tlsOfNode('laboratory'), agent, body: await signed('laboratory') });
    expect(await send()).toMatchObject({ status: 200 });
    const [socket] = Object.values(agent.freeSockets)[0] ?? [];
    const administrator = apart.cast.staff('laboratory.admin');
    const args = { id: apart.founded('laboratory').node.id, reason: 'key-compromise' };
    const call = await staffCall(administrator, apart.cast.occasion(), {
      contract: 'membership',
      transaction: 'revoke',
      args,
    });
    await submitCall(apart.cast.organisation('laboratory'), { call: call.call });
    expect(await refusedBy(send())).toEqual({ status: 403, code: 'peer-unknown' });
    expect(socket?.destroyed === true || Object.values(agent.freeSockets)[0]?.[0] === socket).toBe(true);
    agent.destroy();
  });
});
