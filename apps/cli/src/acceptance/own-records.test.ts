import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  apiClient,
  checkOwnRecord,
  listOwnRecords,
  logInPatient,
  type NodeSession,
  type OwnKeys,
  openOwnKeys,
  readOwnRecord,
  readOwnRecords,
} from '@salus/client';
import { toBase64url } from '@salus/crypto';
import type { PatientWallet } from '@salus/wallet';
import { openWalletFile, patientWalletOf } from '@salus/wallet/node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Demonstration, openDemonstration } from './desk.ts';

const START_MS = 120_000;

interface Answered {
  readonly path: string;
  readonly text: string;
}

let demonstration: Demonstration;
let wallet: PatientWallet;
let session: NodeSession;
let keys: OwnKeys;
let pid: string;
/** Everything that the node sent. */
const wire: Answered[] = [];
let tamper = (_path: string, text: string): string => text;

const listening = (async (url: URL, init: RequestInit) => {
  const answer = await fetch(url, init);
  const text = tamper(url.pathname, await answer.text());
  wire.push({ path: url.pathname, text });
  return new Response(text, { status: answer.status, headers: answer.headers });
}) as unknown as typeof fetch;

beforeAll(async () => {
  demonstration = await openDemonstration();
  wallet = await walletOf(0);
  // A pharmacy may have handed out two things only; a hospital wrote more.
  ({ pid } = wallet.content.pids.find(({ organisation }) => organisation.startsWith('hospital-'))!);
  session = await logInPatient(apiClient(demonstration.url(), listening), wallet, pid);
  keys = await openOwnKeys(session, wallet, pid);
}, START_MS);
afterAll(() => demonstration?.[Symbol.asyncDispose]());

/** Of the patients who have claimed. */
async function walletOf(index: number): Promise<PatientWallet> {
  const directory = join(demonstration.desk.configDirectory, 'demonstration');
  const { patients } = JSON.parse(readFileSync(join(directory, 'credentials.json'), 'utf8')) as {
    readonly patients: readonly { readonly wallet?: string; readonly passphrase?: string }[];
  };
  const { wallet: file = '', passphrase = '' } = patients.filter((patient) => patient.wallet !== undefined)[index]!;
  const stored = await openWalletFile(join(directory, file), passphrase);
  if (stored.kind !== 'patient') throw new Error('not the wallet of a patient');
  return patientWalletOf(stored);
}

describe('a patient’s own records', () => {
  it('are opened on the device: the node sends no word of them, and the ledger proves each', async () => {
    const listed = await listOwnRecords(session);
    wire.length = 0;
    const opened = await readOwnRecords(
      session,
      keys,
      listed.map(({ recordId }) => recordId),
    );
    expect(opened).toHaveLength(listed.length);
    expect(opened.length).toBeGreaterThan(2);
    const sent = wire.map(({ text }) => text).join('');
    for (const { recordId, text, sealed } of opened) {
      const { type } = listed.find((one) => one.recordId === recordId)!;
      const { resourceType, id } = JSON.parse(text) as { readonly resourceType: string; readonly id: string };
      expect(resourceType).toBe(type);
      expect(sent).not.toContain(id);
      const proven = await checkOwnRecord(session, sealed, wallet.content);
      expect(proven.block).toBeGreaterThan(0);
      expect(proven.isAnchored).toBe(true);
    }
    expect(sent).not.toContain('resourceType');
  });

  it('are the very text that the node has', async () => {
    const [{ recordId } = { recordId: '' }] = await listOwnRecords(session);
    const { api, organisation, token } = session;
    const path = `/api/v1/orgs/${organisation}/patient/records/${recordId}`;
    const text = await api.sendText({ method: 'GET', path, token });
    expect((await readOwnRecord(session, keys, recordId)).text).toBe(text);
  });

  it('are refused where the node sends another text, or shows another place on the ledger', async () => {
    const [first, second] = await listOwnRecords(session);
    const flipped = (text: string): string => `${text.startsWith('A') ? 'B' : 'A'}${text.slice(1)}`;
    const changed = (member: string) => (path: string, text: string) =>
      path.endsWith('/sealed')
        ? text.replace(new RegExp(`"${member}":"([^"]+)"`), (_all, value: string) => `"${member}":"${flipped(value)}"`)
        : text;
    for (const member of ['ciphertext', 'ciphertextHash', 'contentHash', 'salt', 'recordId']) {
      tamper = changed(member);
      await expect(readOwnRecord(session, keys, first!.recordId), member).rejects.toMatchObject({
        code: 'proof-invalid',
      });
    }
    tamper = (_path, text) => text;
    const [left, right] = await readOwnRecords(session, keys, [first!.recordId, second!.recordId]);
    await expect(checkOwnRecord(session, { ...left!.sealed, version: 7 }, wallet.content)).rejects.toMatchObject({
      code: 'proof-invalid',
    });
    const { content } = wallet;
    const elsewhere = { ...content, checkpoint: { number: 1, hash: 'A'.repeat(43) } };
    for (const other of [elsewhere, { ...content, network: 'N'.repeat(22) }]) {
      await expect(checkOwnRecord(session, left!.sealed, other)).rejects.toMatchObject({ code: 'proof-invalid' });
    }
    await expect(
      checkOwnRecord(session, { ...left!.sealed, recordId: right!.recordId }, wallet.content),
    ).rejects.toMatchObject({
      code: 'proof-invalid',
    });
  });

  it('of somebody else are as unknown as none, also to a device whose session is over', async () => {
    const other = await walletOf(1);
    const api = apiClient(demonstration.url(), fetch);
    const stranger = await logInPatient(api, other, other.content.pids[0]!.pid);
    const theirs = await listOwnRecords(stranger);
    const asked = [theirs[0]!.recordId, toBase64url(new Uint8Array(16))];
    expect(await readOwnRecords(session, keys, asked)).toEqual([]);
    await expect(readOwnRecord(session, keys, asked[0]!)).rejects.toMatchObject({ code: 'not-found' });
    await expect(openOwnKeys({ ...session, token: 'A'.repeat(43) }, wallet, pid)).rejects.toMatchObject({
      code: 'not-authenticated',
      status: 401,
    });
  });
});
