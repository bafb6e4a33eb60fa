import { type BatchFact, batchKey, type Json, type KeyFact, keyKey, type TableFact, tableKey } from '@salus/contracts';
import {
  deriveSigningKey,
  fromBase64url,
  generateHpkeKey,
  hashTuple,
  kidOf,
  leafHash,
  openHpke,
  randomBytes,
  signerFromPkcs8,
  toBase64url,
  utf8,
  verifyInclusion,
} from '@salus/crypto';
import { PAIRS, pairIndex } from '@salus/fhir';
import { afterAll, afterEach, beforeEach, expect, test } from 'vitest';
import { bundleOf } from '../test/bundle.ts';
import { demandConsistent } from '../test/consistency.ts';
import { submitAs } from '../test/network.ts';
import { makePlace, type Place } from '../test/place.ts';
import { BundleWorkers } from './bundle-workers.ts';
import { pairHash } from './epoch-table.ts';
import { keyInfo } from './sealed-key.ts';
import type { Owner } from './vault-types.ts';

const workers = new BundleWorkers(1);
let place: Place;
beforeEach(async () => {
  place = await makePlace({ workers });
});
afterEach(() => place.remove());
afterAll(() => workers[Symbol.asyncDispose]());

const observationOf = (subject: string, text: string) => ({
  resourceType: 'Observation',
  status: 'final',
  subject: { reference: subject },
  code: { text },
  category: [
    { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/observation-category', code: 'laboratory' }] },
  ],
});

const immunization = (fhirId: string, at: number) => ({
  resourceType: 'Immunization',
  status: 'completed',
  vaccineCode: { text: `vaccine ${at}` },
  patient: { reference: `Patient/${fhirId}` },
  occurrenceDateTime: '2020-01-01',
});

async function write(resources: readonly { readonly [name: string]: unknown }[]) {
  const result = await place.vault.repository.transaction(await place.writer(), bundleOf(resources));
  if (result.kind === 'refused') throw new Error(`${result.code} ${JSON.stringify(result.issues)}`);
  return result;
}

async function makePatient() {
  const { outcomes } = await write([
    { id: 'p', resourceType: 'Patient' },
    { id: 'o', ...observationOf('urn:uuid:p', 'first') },
  ]);
  const fhirId = outcomes[0]!.id;
  const { pid } = (await place.vault.patients.findByFhirId(fhirId))!;
  const { registrar, clinician } = place.organisation;
  const by = { kind: 'member', organisation: 'hospital-a', id: registrar.id, roles: registrar.roles } as const;
  const nowMs = Date.now();
  await place.vault.access.assign(by, { pid, actor: clinician.id, fromMs: nowMs, untilMs: nowMs + 3_600_000 });
  return { fhirId, pid, owner: `pid:${pid}` as Owner };
}

/** Two phones; the first may remove the second. */
async function claimWithTwoPhones(pid: string, fhirId: string) {
  const { writer } = await place.writer();
  const slip = await place.vault.patients.issueSlip(writer, fhirId);
  const { ledger, clock, network } = place.consortium;
  const makePhone = async (
    sequence: number,
    as: Parameters<typeof submitAs>[1],
    transaction: 'claim' | 'addDevice',
  ) => {
    const signing = deriveSigningKey(randomBytes(32), 'phone');
    const hpke = await generateHpkeKey();
    const signer = signerFromPkcs8(signing.privateKey);
    const proof = toBase64url(
      signer.signSync(utf8(hashTuple('device', network, pid, signing.publicKey, hpke.publicKey))),
    );
    const device = { publicKey: signing.publicKey, hpke: hpke.publicKey, proof };
    const recovery = deriveSigningKey(randomBytes(32), 'recovery').publicKey;
    const args: { readonly [name: string]: Json } =
      transaction === 'claim' ? { sequence, devices: [device], recovery } : { sequence, device };
    await submitAs(ledger, as, `patient.${transaction}`, args, clock());
    return {
      hpke,
      kid: kidOf(signing.publicKey),
      acting: { signerName: `pid:${pid}/${kidOf(signing.publicKey)}`, signer },
    };
  };
  const slipKey = signerFromPkcs8(deriveSigningKey(slip.seed, `claim/${pid}`).privateKey);
  const first = await makePhone(1, { signerName: `claim:${pid}`, signer: slipKey }, 'claim');
  const second = await makePhone(2, first.acting, 'addDevice');
  return { first, second };
}

test('registers keys, table and trees on the ledger under random ids that say no category', async () => {
  const { owner } = await makePatient();
  const { ledger } = place.consortium;
  const laboratory = pairIndex('laboratory', 'N');
  const [opening] = await place.vault.keys.openPairs(owner, 1, [laboratory]);
  const table = (await ledger.get(tableKey(owner, 1))) as TableFact;
  expect(table).toEqual({ root: opening!.root, size: PAIRS.length, version: 1 });
  expect(await ledger.get(keyKey(opening!.keyId))).toEqual({ owner, epoch: 1 } satisfies KeyFact);
  const [tree] = await place.vault.rows.listTrees(opening!.keyId);
  expect(await ledger.get(batchKey(opening!.keyId, tree!.callId))).toMatchObject({
    owner,
    count: 1,
  } satisfies Partial<BatchFact>);
  expect(JSON.stringify(await ledger.range('record/', 'record0', 100))).not.toMatch(/laboratory|identity/);
});

test('opens any pair of the table to whoever holds its root, also a pair that was never written to', async () => {
  const { owner } = await makePatient();
  const openings = await place.vault.keys.openPairs(
    owner,
    1,
    PAIRS.map((_, pair) => pair),
  );
  const { root } = (await place.consortium.ledger.get(tableKey(owner, 1))) as TableFact;
  expect(openings).toHaveLength(PAIRS.length);
  expect(new Set(openings.map(({ keyId }) => keyId)).size).toBe(PAIRS.length);
  for (const [index, opening] of openings.entries()) {
    const leaf = toBase64url(leafHash(fromBase64url(pairHash(opening))));
    expect(verifyInclusion({ leafHash: leaf, index, size: opening.size, proof: opening.proof, root })).toBe(true);
    const swapped = toBase64url(
      leafHash(fromBase64url(pairHash({ ...opening, category: 'financial', labelClass: 'X' }))),
    );
    expect(verifyInclusion({ leafHash: swapped, index, size: opening.size, proof: opening.proof, root })).toBe(false);
  }
});

test('seals each E to the organisation and every phone, with the info of the design', async () => {
  const { owner, pid, fhirId } = await makePatient();
  const { first } = await claimWithTwoPhones(pid, fhirId);
  const [opening] = await place.vault.keys.openPairs(owner, 1, [pairIndex('laboratory', 'N')]);
  const { keyId } = opening!;
  const { E } = await place.vault.keys.openE(keyId);
  const organisation = place.organisation.hpke;
  for (const { publicKey, privateKey } of [organisation, first.hpke]) {
    const kid = kidOf(publicKey);
    const { envelope } = await place.vault.keys.sealTo(keyId, { kid, publicKey, grant: null });
    const info = keyInfo(place.consortium.network, { owner, keyId, epoch: 1 }, kid, null);
    expect(await openHpke({ publicKey, privateKey, info, envelope })).toEqual(new Uint8Array(E));
    expect(info).toEqual(['salus:E:v1', place.consortium.network, owner, keyId, 1, kid, null]);
  }
});

test('follows a raised epoch: new records lie under new keys that the removed phone is not given', async () => {
  const { owner, pid, fhirId } = await makePatient();
  const { first, second } = await claimWithTwoPhones(pid, fhirId);
  const laboratory = pairIndex('laboratory', 'N');
  const [old] = await place.vault.keys.openPairs(owner, 1, [laboratory]);
  const { ledger, clock } = place.consortium;
  const recipient = (phone: typeof first) => ({
    kid: kidOf(phone.hpke.publicKey),
    publicKey: phone.hpke.publicKey,
    grant: null,
  });
  const before = await place.vault.keys.envelopesFor(owner, recipient(second));
  expect(before.map(({ keyId }) => keyId)).toContain(old!.keyId);

  await submitAs(ledger, first.acting, 'patient.removeDevice', { sequence: 3, kid: second.kid }, clock());
  await write([observationOf(`Patient/${fhirId}`, 'second')]);
  expect(await place.vault.keys.listEpochs(owner)).toEqual([1, 2]);
  const [fresh] = await place.vault.keys.openPairs(owner, 2, [laboratory]);
  expect(fresh!.keyId).not.toBe(old!.keyId);
  expect(await place.vault.rows.listRecords(fresh!.keyId, { limit: 10 })).toHaveLength(1);
  expect(await place.vault.rows.listRecords(old!.keyId, { limit: 10 })).toHaveLength(1);
  await expect(place.vault.keys.envelopesFor(owner, recipient(second))).rejects.toMatchObject({ code: 'denied' });
  expect(await place.vault.keys.findEnvelope(fresh!.keyId, recipient(second))).toBeUndefined();
  const kept = await place.vault.keys.findEnvelope(old!.keyId, recipient(second));
  expect(kept).toBeDefined();
  const remaining = await place.vault.keys.envelopesFor(owner, recipient(first));
  expect(remaining.map(({ keyId }) => keyId)).toEqual(expect.arrayContaining([old!.keyId, fresh!.keyId]));
  await demandConsistent(place.vault);
});

test('a write whose epoch rises under it is wrapped again and committed once', async () => {
  const { owner, pid, fhirId } = await makePatient();
  const { first, second } = await claimWithTwoPhones(pid, fhirId);
  const { ledger, clock } = place.consortium;
  // The epoch rises between the plan of the keys and the call.
  const submit = ledger.submit.bind(ledger);
  let raised = false;
  ledger.submit = async (call, privateArgs) => {
    if (!raised && call.payload.transaction === 'commit') {
      raised = true;
      await submitAs(
        { network: ledger.network, submit } as typeof ledger,
        first.acting,
        'patient.removeDevice',
        { sequence: 3, kid: second.kid },
        clock(),
      );
    }
    return submit(call, privateArgs);
  };
  await write([observationOf(`Patient/${fhirId}`, 'second'), observationOf(`Patient/${fhirId}`, 'third')]);
  expect(raised).toBe(true);
  const [fresh] = await place.vault.keys.openPairs(owner, 2, [pairIndex('laboratory', 'N')]);
  expect(await place.vault.rows.listRecords(fresh!.keyId, { limit: 10 })).toHaveLength(2);
  const batches = await place.vault.store.read.selectFrom('batch').select('batchId').execute();
  expect(batches).toHaveLength(2);
  await demandConsistent(place.vault);
});

test('two writes that need the same new key make it once', async () => {
  const { owner, fhirId } = await makePatient();
  await Promise.all(Array.from({ length: 8 }, (_, at) => write([immunization(fhirId, at)])));
  const [opening] = await place.vault.keys.openPairs(owner, 1, [pairIndex('immunizations', 'N')]);
  expect(await place.vault.rows.listRecords(opening!.keyId, { limit: 10 })).toHaveLength(8);
  expect(await place.vault.rows.listTrees(opening!.keyId)).toHaveLength(8);
  await demandConsistent(place.vault);
});

test('keeps working when the ledger gives no answer for a while, and settles what was open', async () => {
  const { fhirId } = await makePatient();
  const { ledger } = place.consortium;
  const submit = ledger.submit.bind(ledger);
  let failing = true;
  ledger.submit = async (call, privateArgs) => {
    if (failing && call.payload.transaction === 'commit') throw new Error('no answer');
    return submit(call, privateArgs);
  };
  await expect(write([observationOf(`Patient/${fhirId}`, 'lost?')])).rejects.toThrow('ledger-unavailable');
  failing = false;
  for (let waited = 0; waited < 100; waited += 1) {
    const pending = await place.vault.store.read
      .selectFrom('batch')
      .select('batchId')
      .where('state', '=', 'pending')
      .execute();
    if (pending.length === 0) break;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const { records } = await demandConsistent(place.vault);
  expect(records).toBe(3);
  await write([observationOf(`Patient/${fhirId}`, 'next')]);
});
