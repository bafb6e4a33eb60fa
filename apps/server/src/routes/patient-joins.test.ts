import { type DeviceOffer, offerDevice, sealJoin } from '@salus/client';
import { kidOf } from '@salus/crypto';
import { addDevice, answerChallenge, derivedDeviceKeys } from '@salus/wallet';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { admitPatient } from '../../test/admitted.ts';
import { bodyOf, openTestServer, type TestPatient, type TestServer } from '../../test/hospital.ts';

/** A founding, on a machine that may be busy. */
vi.setConfig({ testTimeout: 120_000, hookTimeout: 240_000 });

const A = '/api/v1/orgs/hospital-a';
let server: TestServer;
let patient: TestPatient;
beforeAll(async () => {
  server = await openTestServer(['hospital-a']);
  patient = await admitPatient(server, 'hospital-a');
});
afterAll(() => server[Symbol.asyncDispose]());

it('keeps what one device leaves for another until that one says that it has it', async () => {
  const { pid, wallet, token } = patient;
  const keys = derivedDeviceKeys(crypto.getRandomValues(new Uint8Array(32)));
  const offer: DeviceOffer = await offerDevice(server.node.network, keys, [pid]);
  const { device } = offer.devices[0]!;
  const kid = kidOf(device.publicKey);
  const { join } = await sealJoin(wallet, offer);
  const leave = (body: object) => server.send('PUT', `${A}/patient/joins/${kid}`, { token, body });
  expect((await leave({ join: join.content, by: join.by })).status).toBe(404);

  const added = await addDevice(wallet, server.occasion(), { pid, device });
  expect((await server.send('POST', `${A}/calls`, { body: bodyOf(added) })).status).toBe(200);
  const content = {
    ...wallet.content,
    pids: [{ organisation: 'hospital-a', pid, kid, recoveryIndex: 0, sequence: 0 }],
  };
  const { json } = await server.send('POST', `${A}/patient/challenge`, { body: { pid, kid } });
  const answer = await answerChallenge({ content, keys }, { pid, challenge: json.challenge });
  const login = await server.send('POST', `${A}/patient/login`, {
    body: { pid, challenge: json.challenge, ...answer },
  });
  const own = { token: login.json.token as string };
  const take = () => server.send('GET', `${A}/patient/join`, own);
  expect((await take()).status).toBe(404);
  expect((await leave({ join: join.content })).status).toBe(400);
  expect((await leave({ join: join.content, by: join.by })).status).toBe(204);

  // Twice, for the first answer may have been lost on its way; and never to another device.
  for (let time = 0; time < 2; time += 1) expect((await take()).json).toEqual({ join: join.content, by: join.by });
  expect((await server.send('DELETE', `${A}/patient/join`, { token })).status).toBe(204);
  expect((await server.send('GET', `${A}/patient/join`, { token })).status).toBe(404);
  expect((await take()).status).toBe(200);
  expect((await server.send('DELETE', `${A}/patient/join`, own)).status).toBe(204);
  expect((await take()).status).toBe(404);
});
