import { hashTuple, verifyCall } from '@salus/crypto';
import { staffCall } from '@salus/wallet';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { bodyOf, openTestServer, type TestServer } from '../../test/hospital.ts';

let server: TestServer;
beforeAll(async () => {
  server = await openTestServer(['hospital-a', 'hospital-b']);
});
afterAll(() => server[Symbol.asyncDispose]());

it('tells anybody which bundles an administrator has listed and withdrawn, by organisation', async () => {
  expect((await server.send('GET', '/api/v1/releases')).json).toEqual({ releases: [] });
  const wallet = server.wallet('hospital-b.admin');
  const hash = hashTuple('test', 'bundle');
  const args = { name: 'web', hash };
  const call = async (transaction: string) => {
    const prepared = await staffCall(wallet, server.occasion(), { contract: 'membership', transaction, args });
    return server.send('POST', '/api/v1/orgs/hospital-b/calls', { body: bodyOf(prepared) });
  };
  expect((await call('listRelease')).status).toBe(200);
  const key = `membership/release/hospital-b/web/${hash}`;
  const listed = { organisation: 'hospital-b', name: 'web', hash, key };
  const { json } = await server.send('GET', '/api/v1/releases');
  expect(json.releases).toMatchObject([{ ...listed, status: 'listed', withdrawnMs: null }]);
  expect((await call('withdrawRelease')).status).toBe(200);
  const after = await server.send('GET', '/api/v1/releases');
  expect(after.json.releases).toMatchObject([{ ...listed, status: 'withdrawn', withdrawnMs: expect.any(Number) }]);
});

it('proves who listed a bundle, to whoever asks, and says nothing of one that nobody listed', async () => {
  const wallet = server.wallet('hospital-a.admin');
  const hash = hashTuple('test', 'proven bundle');
  const args = { name: 'web', hash };
  const prepared = await staffCall(wallet, server.occasion(), {
    contract: 'membership',
    transaction: 'listRelease',
    args,
  });
  await server.send('POST', '/api/v1/orgs/hospital-a/calls', { body: bodyOf(prepared) });
  const { json } = await server.send('GET', `/api/v1/releases/${hash}`);
  expect(json.listings).toMatchObject([{ organisation: 'hospital-a', status: 'listed' }]);
  const { publicKey, proof } = json.listings[0];
  expect(verifyCall(proof.transaction.call, publicKey)).toBe(true);
  expect(proof.transaction.call.payload).toMatchObject({ transaction: 'listRelease', args });
  expect(proof.inclusion.root).toBe(proof.header.transactionsRoot);
  const unknown = await server.send('GET', `/api/v1/releases/${hashTuple('test', 'other')}`);
  expect(unknown.json).toEqual({ listings: [] });
});
