import { type Json, parseJson, randomBytes, utf8 } from '@salus/crypto';
import { createPatientWallet, derivedDeviceKeys, type PatientWallet, withPid } from '@salus/wallet';
import { describe, expect, it } from 'vitest';
import { OFFERED_PIDS_MAX, offerDevice, openJoin, parseJoin, parseOffer, sealJoin } from './devices.ts';

const network = 'n'.repeat(22);
const pid = 'p'.repeat(22);

async function newWallet(): Promise<PatientWallet> {
  const keys = derivedDeviceKeys(randomBytes(32));
  const { wallet } = await createPatientWallet(network, keys);
  const entry = { organisation: 'hospital-a', pid, kid: 'k'.repeat(22), recoveryIndex: 0, sequence: 1 };
  return { keys, content: withPid({ ...wallet.content, recoveryNext: 1 }, entry) };
}

/** As it comes from the other device. */
const over = (value: unknown): Json => parseJson(utf8(JSON.stringify(value)));

describe('a new device', () => {
  it('gets what the wallet knows, for the pids that it was offered for, under its own keys', async () => {
    const { content } = await newWallet();
    const keys = derivedDeviceKeys(randomBytes(32));
    const offer = parseOffer(over(await offerDevice(network, keys, [pid])));
    const { join } = await sealJoin(withPid(content, { ...content.pids[0]!, pid: 'q'.repeat(22) }), offer);
    const joined = await openJoin(network, await keys.hpkeKey(pid), parseJoin(over(join)));
    expect(joined.pids.map((entry) => entry.pid)).toEqual([pid]);
    expect(joined.pids[0]!.kid).not.toBe(content.pids[0]!.kid);
    expect(joined.backupKey).toBe(content.backupKey);
  });

  it('shares no recovery key with any other device: one that two pids had would link them', async () => {
    const { content } = await newWallet();
    const free = (of: typeof content): readonly string[] => of.recoveryKeys.slice(of.recoveryNext);
    const keys = [derivedDeviceKeys(randomBytes(32)), derivedDeviceKeys(randomBytes(32))] as const;
    const offers = await Promise.all(keys.map((own) => offerDevice(network, own, [pid])));
    const second = await sealJoin(content, offers[0]!);
    const third = await sealJoin(second.kept, offers[1]!);
    const joined = [
      await openJoin(network, await keys[0].hpkeKey(pid), second.join),
      await openJoin(network, await keys[1].hpkeKey(pid), third.join),
    ];
    const all = [third.kept, ...joined].flatMap(free);
    expect(new Set(all).size).toBe(all.length);
    expect([...all].sort()).toEqual([...free(content)].sort());
    for (const each of [third.kept, ...joined]) expect(free(each).length).toBeGreaterThan(6);
  });

  it('is refused what is sealed to another, and offers and answers of another form', async () => {
    const { content } = await newWallet();
    const keys = derivedDeviceKeys(randomBytes(32));
    const { join } = await sealJoin(content, await offerDevice(network, keys, [pid]));
    const refused = { code: 'bad-offer' };
    const other = await derivedDeviceKeys(randomBytes(32)).hpkeKey(pid);
    await expect(openJoin(network, other, join)).rejects.toMatchObject(refused);
    await expect(openJoin('m'.repeat(22), await keys.hpkeKey(pid), join)).rejects.toMatchObject(refused);
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
