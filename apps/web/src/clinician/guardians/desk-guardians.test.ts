import { type ApiRequest, ClientError } from '@salus/client';
import { generateSigningKey, signerFromPkcs8 } from '@salus/crypto';
import { expect, it } from 'vitest';
import type { StaffSession } from '../../session/index.ts';
import { appointingAtDesk, type DeskAppointment } from './desk-guardians.ts';

const NOW_MS = Date.UTC(2026, 10, 20);
const DAY_MS = 86_400_000;
const said: DeskAppointment = {
  scope: ['read'],
  guardian: { name: 'Greta Parent', relation: 'parent' },
  evidence: { kind: 'birth-certificate', text: 'No. 4711', digest: null },
  ends: { kind: 'date' },
  wantedMs: NOW_MS + DAY_MS,
};
const lost = new ClientError('answer-cut', 'The answer broke off.');
const refused = new ClientError({ relayed: 'guardian-limit', status: 409 }, 'Refused.');

/** A registrar whose node gives these answers, one after the other, and then takes what comes. */
async function deskWith(answers: readonly Error[]) {
  const key = async () => signerFromPkcs8((await generateSigningKey()).privateKey);
  const [signer, guardian] = [await key(), await key()];
  const sent: unknown[] = [];
  const send = async ({ body }: ApiRequest): Promise<unknown> => {
    const failure = answers[sent.push(JSON.stringify(body)) - 1];
    if (failure !== undefined) throw failure;
    return {};
  };
  const network = 'N'.repeat(22);
  const at = { organisation: 'hospital-a', network, id: 's'.repeat(22) };
  const work = {
    session: { ...at, api: { send } },
    wallet: { ...at, roles: [], chain: [], signer },
    occasion: { network, nowMs: NOW_MS },
  };
  const staff = { atWork: () => work } as unknown as StaffSession;
  const offer = { pid: 'p'.repeat(22), device: { publicKey: guardian.publicKey } };
  return { appoint: appointingAtDesk(staff), offer, sent };
}

it('an appointment whose answer was lost is sent again as it was signed, so that it is committed once', async () => {
  const { appoint, offer, sent } = await deskWith([lost, lost]);
  const words = {};
  await expect(appoint(words, offer, said)).rejects.toBe(lost);
  await expect(appoint(words, offer, { ...said, wantedMs: NOW_MS + 2 * DAY_MS })).rejects.toBe(lost);
  expect(await appoint(words, offer, said)).toBe(NOW_MS + DAY_MS);
  expect(sent).toHaveLength(3);
  expect(new Set(sent).size).toBe(1);
});

it('one that was refused, or that says something else, or that follows, is signed anew', async () => {
  const { appoint, offer, sent } = await deskWith([refused, lost]);
  const words = {};
  await expect(appoint(words, offer, said)).rejects.toBe(refused);
  await expect(appoint(words, offer, said)).rejects.toBe(lost);
  const others = {};
  await appoint(others, offer, { ...said, scope: ['read', 'consent'] });
  await appoint(others, offer, said);
  expect(new Set(sent).size).toBe(4);
});
