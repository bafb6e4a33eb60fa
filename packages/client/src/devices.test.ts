import { type Json, kidOf, parseJson, randomBytes, utf8 } from '@salus/crypto';
import { createPatientWallet, derivedDeviceKeys, type PatientWallet, withPid } from '@salus/wallet';
import { describe, expect, it } from 'vitest';
import { OFFERED_PIDS_MAX, offerDevice, openJoin, parseJoin, parseOffer, sealJoin } from './devices.ts';

const network = 'n'.repeat(22);
const pid = 'p'.repeat(22);

async function newWallet(): Promise<PatientWallet & { readonly kid: string }> {
  const keys = derivedDeviceKeys(randomBytes(32));
  const { wallet } = await createPatientWallet(network, keys);
  const kid = kidOf((await keys.signer(pid)).publicKey);
  const entry = { organisation: 'hospital-a', pid, kid, recoveryIndex: 0, sequence: 1 };
  return { keys, content: withPid({ ...wallet.content, recoveryNext: 1 }, entry), kid };
}

/** As it comes from the other device. */
const over = (value: unknown): Json => parseJson(utf8(JSON.stringify(value)));

describe('a new device', () => {
  it('gets what the wallet knows, for the pids that it was offered for, under its own keys', async () => {
    const old = await newWallet();
    const { content } = old;
    const keys = derivedDeviceKeys(randomBytes(32));
    const offer = parseOffer(over(await offerDevice(network, keys, [pid])));
    const more = withPid(content, { ...content.pids[0]!, pid: 'q'.repeat(22) });
    const { join } = await sealJoin({ ...old, content: more }, offer);
    const joined = await openJoin(keys, parseJoin(over(join)), old.kid);
    expect(joined.pids.map((entry) => entry.pid)).toEqual([pid]);
    expect(joined.pids[0]!.kid).not.toBe(content.pids[0]!.kid);
    expect(joined.backupKey).toBe(content.backupKey);
  });

  it('shares no recovery key with any other device: one that two pids had would link them', async () => {
    const old = await newWallet();
    const { content } = old;
    const free = (of: typeof content): readonly string[] => of.recoveryKeys.slice(of.recoveryNext);
    const keys = [derivedDeviceKeys(randomBytes(32)), derivedDeviceKeys(randomBytes(32))] as const;
    const offers = await Promise.all(keys.map((own) => offerDevice(network, own, [pid])));
    const second = await sealJoin(old, offers[0]!);
    const third = await sealJoin({ ...old, content: second.kept }, offers[1]!);
    const joined = [await openJoin(keys[0], second.join, old.kid), await openJoin(keys[1], third.join, old.kid)];
    const all = [third.kept, ...joined].flatMap(free);
    expect(new Set(all).size).toBe(all.length);
    expect([...all].sort()).toEqual([...free(content)].sort());
    for (const each of [third.kept, ...joined]) expect(free(each).length).toBeGreaterThan(6);
  });

  it('takes nothing that another than the old device has sealed: recovery keys of a stranger would open its pids', async () => {
    const [old, stranger] = [await newWallet(), await newWallet()];
    const keys = derivedDeviceKeys(randomBytes(32));
    const offer = await offerDevice(network, keys, [pid]);
    const [own, forged] = [(await sealJoin(old, offer)).join, (await sealJoin(stranger, offer)).join];
    const other = await sealJoin(old, await offerDevice(network, derivedDeviceKeys(randomBytes(32)), [pid]));
    const tries = {
      'signed by the stranger': forged,
      'under the signature of the old device': { ...forged, by: own.by },
      'under its key alone': { ...forged, by: { ...forged.by, publicKey: own.by.publicKey } },
      'signed for another new device': { ...own, by: other.join.by },
      unsigned: over({ ...own, by: undefined }) as never,
      'signed by nothing': { ...own, by: { publicKey: '', signature: '' } },
    };
    for (const [name, join] of Object.entries(tries)) {
      await expect(openJoin(keys, join, old.kid), name).rejects.toMatchObject({ code: 'bad-offer' });
    }
    expect((await openJoin(keys, own, old.kid)).backupKey).toBe(old.content.backupKey);
  });

  it('is refused what is sealed to another, and offers and answers of another form', async () => {
    const old = await newWallet();
    const keys = derivedDeviceKeys(randomBytes(32));
    const { join } = await sealJoin(old, await offerDevice(network, keys, [pid]));
    const refused = { code: 'bad-offer' };
    const other = derivedDeviceKeys(randomBytes(32));
    await expect(openJoin(other, join, old.kid)).rejects.toMatchObject(refused);
    await expect(openJoin(keys, { ...join, network: 'm'.repeat(22) }, old.kid)).rejects.toMatchObject(refused);
    for (const wrong of [null, {}, { version: 'salus:device-offer:v1', network, devices: [] }]) {
      expect(() => parseOffer(over(wrong))).toThrow(expect.objectContaining(refused));
      expect(() => parseJoin(over(wrong))).toThrow(expect.objectContaining(refused));
    }
    for (const count of [0, OFFERED_PIDS_MAX + 1]) {
      await expect(
        offerDevice(
          network,
          keys,
          Array.from({ length: count }, () => pid),
        ),
      ).rejects.toMatchObject(refused);
    }
  });
});
