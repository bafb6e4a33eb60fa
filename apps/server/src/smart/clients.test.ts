import { staffCall } from '@salus/wallet';
import { expect, it } from 'vitest';
import { bodyOf, openTestServer } from '../../test/hospital.ts';
import { type ClientRegistration, SmartClients } from './clients.ts';

const DAY_MS = 86_400_000;
const REGISTRATION: ClientRegistration = {
  ...{ name: 'Growth Chart', authentication: 'none', redirectUris: ['https://app.example/cb'], launchUri: null },
  ...{ scope: 'patient/*.rs', jwks: null, roles: [], purpose: 'PATRQT' },
};

it('keeps as many clients as it may, and forgets those that ended or were never enrolled after a day', async () => {
  await using server = await openTestServer(['hospital-a']);
  const clients = new SmartClients(server.node.organisations.get('hospital-a')!, 2);
  const kept = await clients.register(REGISTRATION);
  const wallet = server.wallet('hospital-a.admin');
  const args = { certificates: [{ chain: kept.chain }] };
  const call = await staffCall(wallet, server.occasion(), { contract: 'membership', transaction: 'enrol', args });
  const enrolled = await server.send('POST', '/api/v1/orgs/hospital-a/calls', { body: bodyOf(call) });
  expect([enrolled.status, await clients.isLive(kept.id)]).toEqual([200, true]);
  const forgotten = await clients.register(REGISTRATION);
  await expect(clients.register(REGISTRATION)).rejects.toMatchObject({ code: 'conflict' });
  server.clock.offsetMs += DAY_MS;
  const next = await clients.register(REGISTRATION);
  expect((await clients.list()).map(({ id }) => id).sort()).toEqual([kept.id, next.id].sort());
  expect(await clients.findLive(forgotten.id)).toBeUndefined();
  expect((await clients.findLive(kept.id))?.name).toBe('Growth Chart');
}, 240_000);
