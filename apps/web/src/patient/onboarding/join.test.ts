import { type ApiClient, ClientError, type DeviceJoin, offerDevice, sealJoin } from '@salus/client';
import { kidOf, randomBytes } from '@salus/crypto';
import { createPatientWallet, derivedDeviceKeys, type PatientWallet, type WalletContent, withPid } from '@salus/wallet';
import { beforeEach, expect, it } from 'vitest';
import { tryJoin } from './join.ts';

const network = 'n'.repeat(22);
const pid = 'p'.repeat(22);
const keys = derivedDeviceKeys(randomBytes(32));

let asked: string[];
let saved: WalletContent[];
beforeEach(() => {
  [asked, saved] = [[], []];
});

const signIn = {
  ownKeys: () => keys as never,
  savePatient: async (content: WalletContent) => {
    saved.push(content);
    return Promise.resolve();
  },
};

async function oldDevice(): Promise<PatientWallet & { readonly kid: string }> {
  const own = derivedDeviceKeys(randomBytes(32));
  const { wallet } = await createPatientWallet(network, own);
  const kid = kidOf((await own.signer(pid)).publicKey);
  const entry = { organisation: 'hospital-a', pid, kid, recoveryIndex: 0, sequence: 1 };
  return { keys: own, content: withPid({ ...wallet.content, recoveryNext: 1 }, entry), kid };
}

async function joinFrom(wallet: PatientWallet): Promise<DeviceJoin> {
  return (await sealJoin(wallet, await offerDevice(network, keys, [pid]))).join;
}

/** A node with which `left` was left; it may refuse one kind of request. */
function nodeWith(
  left: DeviceJoin | undefined,
  refused?: { readonly method: string; readonly code: string; readonly status: number },
): ApiClient {
  const api = {
    at: () => api,
    send: async ({ method, path }: { method: string; path: string }) => {
      asked.push(`${method} ${path.split('/').at(-1)}`);
      const isJoin = path.endsWith('/join');
      if (isJoin && method === refused?.method) {
        throw new ClientError({ relayed: refused.code, status: refused.status }, 'The node refuses.');
      }
      if (isJoin && method === 'GET' && left === undefined) {
        throw new ClientError({ relayed: 'not-found', status: 404 }, 'Nothing was left.');
      }
      if (isJoin) return Promise.resolve(method === 'GET' ? { join: left!.content, by: left!.by } : undefined);
      return Promise.resolve({ challenge: 'c', token: 't' });
    },
  };
  return api as never;
}

const pairingOf = ({ kid }: { readonly kid: string }) => ({
  network,
  pids: [{ organisation: 'hospital-a', pid, kid }],
});

it('keeps what the old device left, and only then lets the node forget it', async () => {
  const old = await oldDevice();
  expect(await tryJoin(nodeWith(undefined), signIn, pairingOf(old))).toBe(false);
  expect(await tryJoin(nodeWith(await joinFrom(old)), signIn, pairingOf(old))).toBe(true);
  expect(saved.map(({ backupKey }) => backupKey)).toEqual([old.content.backupKey]);
  expect(asked.slice(-3)).toEqual(['GET join', 'DELETE join', 'POST logout']);
});

it('takes no wallet that the node made: its recovery keys and its backup key would be the node’s', async () => {
  const [old, node] = [await oldDevice(), await oldDevice()];
  const refused = { code: 'bad-offer' };
  await expect(tryJoin(nodeWith(await joinFrom(node)), signIn, pairingOf(old))).rejects.toMatchObject(refused);
  expect(saved).toEqual([]);
  expect(asked).not.toContain('DELETE join');
});

it('has joined although the node could not be told so', async () => {
  const old = await oldDevice();
  const busy = nodeWith(await joinFrom(old), { method: 'DELETE', code: 'overloaded', status: 503 });
  expect(await tryJoin(busy, signIn, pairingOf(old))).toBe(true);
  expect(saved).toHaveLength(1);
});

it('waits on while the node is busy, restarted or counts requests, and not where it refuses', async () => {
  const old = await oldDevice();
  const left = await joinFrom(old);
  const answers = [
    ['overloaded', 503],
    ['too-many-requests', 429],
    ['refused', 502],
  ] as const;
  for (const [code, status] of answers) {
    expect(await tryJoin(nodeWith(left, { method: 'GET', code, status }), signIn, pairingOf(old)), code).toBe(false);
  }
  const refusing = nodeWith(left, { method: 'GET', code: 'not-permitted', status: 403 });
  await expect(tryJoin(refusing, signIn, pairingOf(old))).rejects.toMatchObject({ code: 'not-permitted' });
  expect(saved).toEqual([]);
});
