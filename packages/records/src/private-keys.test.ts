import { openHpke, sealHpke, utf8, verifyEs256 } from '@salus/crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { bytesBelow, makePlace, type Place } from '../test/place.ts';
import { BundleWorkers } from './bundle-workers.ts';

const workers = new BundleWorkers(1);
let place: Place;
beforeAll(async () => {
  place = await makePlace({ workers });
});
afterAll(async () => {
  await place.remove();
  await workers[Symbol.asyncDispose]();
});

test('keeps signing and HPKE keys over a restart, each for its own use', async () => {
  const signer = await place.vault.privateKeys.createSigning('client:importer');
  const hpke = await place.vault.privateKeys.createHpke();
  await place.restart();
  const { privateKeys } = place.vault;
  const [kept] = await privateKeys.list('client:importer');
  expect(kept).toMatchObject({ publicKey: signer.publicKey, purpose: 'client:importer', retiredMs: null });
  const again = await privateKeys.openSigner(kept!.kid);
  expect(verifyEs256(signer.publicKey, utf8('m'), again.signSync(utf8('m')))).toBe(true);
  const envelope = await sealHpke({ publicKey: hpke.publicKey, info: ['x'], plaintext: utf8('secret') });
  const pair = await privateKeys.openHpke(hpke.kid);
  expect(await openHpke({ ...pair, info: ['x'], envelope })).toEqual(utf8('secret'));
  await expect(privateKeys.openSigner(hpke.kid)).rejects.toMatchObject({ code: 'not-found' });
  await expect(privateKeys.openHpke(kept!.kid)).rejects.toMatchObject({ code: 'not-found' });
  await expect(privateKeys.openSigner('none')).rejects.toMatchObject({ code: 'not-found' });
});

test('lists a retired key no more, still opens what was sealed to it, and retires it once', async () => {
  const { privateKeys } = place.vault;
  const { kid } = await privateKeys.createHpke();
  await privateKeys.retire(kid);
  expect((await privateKeys.list('hpke')).map((key) => key.kid)).not.toContain(kid);
  expect((await privateKeys.openHpke(kid)).privateKey).toHaveLength(32);
  await expect(privateKeys.retire(kid)).rejects.toMatchObject({ code: 'not-found' });
});

test('writes no private key in clear', async () => {
  const { privateKeys } = place.vault;
  const { kid } = await privateKeys.createHpke();
  const { privateKey } = await privateKeys.openHpke(kid);
  await place.restart();
  expect((await bytesBelow(place.directory)).includes(Buffer.from(privateKey))).toBe(false);
});
