import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SignedCall } from '@salus/contracts';
import { LedgerError } from '@salus/ledger';
import { createConsortium, newId, newPatient } from '@salus/ledger/consortium';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { FabricConnection } from '../connection-file.ts';
import { GATHERED_CALLS_MAX } from '../wire.ts';
import { QUEUE_CALLS_MAX } from './call-gatherer.ts';
import type { FollowerView } from './follower-view.ts';
import { openGateway } from './gateway.ts';

const TIMEOUT_MS = 240_000;

/** No peer listens here. */
const NOWHERE = '127.0.0.1:1';

const follower: FollowerView = {
  failure: undefined,
  peek: () => undefined,
  findEndorsers: () => undefined,
  findResult: () => undefined,
  onApplied: () => () => undefined,
  awaitTransaction: () => new Promise(() => undefined),
};

describe('the gateway', () => {
  let folder: string;
  let connection: FabricConnection;
  let calls: SignedCall[];

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'salus-gateway-'));
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const [keyFile, certificateFile] = [join(folder, 'key.pem'), join(folder, 'certificate.pem')];
    writeFileSync(keyFile, privateKey.export({ type: 'pkcs8', format: 'pem' }));
    writeFileSync(certificateFile, '');
    connection = {
      version: 'salus:fabric:v1',
      network: newId(),
      channel: 'care',
      chaincode: 'salus',
      organisation: 'hospital-a',
      peers: [{ name: 'peer0', endpoint: NOWHERE, tlsAuthorityFile: certificateFile }],
      identity: { certificateFile, keyFile },
      chaincodeKey: '',
      bundles: folder,
      founder: false,
    };
    const consortium = await createConsortium({ network: connection.network, nowMs: Date.now });
    calls = [];
    const patient = newPatient();
    const args = { pid: patient.pid, claimKey: patient.claimBy.key.publicKey, claimNotAfterMs: Date.now() };
    while (calls.length <= QUEUE_CALLS_MAX) {
      calls.push((await consortium.sign({ transaction: 'patient.register', args, by: consortium.feed })).call);
    }
  }, TIMEOUT_MS);

  afterAll(() => rmSync(folder, { recursive: true }));

  it('takes as many calls as may wait, refuses the next, and leaves none without an answer at its end', {
    timeout: TIMEOUT_MS,
  }, async () => {
    const gateway = await openGateway({ connection, follower, clock: Date.now });
    const submitted = calls.map((call) => gateway.submit(call));
    const twice = gateway.submit(calls[0]!);
    const settled = Promise.allSettled([...submitted, twice]);
    expect(await submitted.at(-1)).toEqual({ kind: 'refused', callId: null, code: 'overloaded' });
    // The first transaction is on its way to a peer that is not there; the other calls are of the same patient.
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    await gateway[Symbol.asyncDispose]();
    const codes = new Map<string, number>();
    for (const result of await settled) {
      const code =
        result.status === 'rejected'
          ? `rejected ${(result.reason as LedgerError).code}`
          : result.value.kind === 'refused' && `refused ${result.value.code}`;
      codes.set(String(code), (codes.get(String(code)) ?? 0) + 1);
    }
    expect(codes.get('refused overloaded')).toBe(2);
    expect(codes.get('rejected stopped')).toBe(GATHERED_CALLS_MAX);
    expect(codes.get('refused stopped')).toBe(QUEUE_CALLS_MAX - GATHERED_CALLS_MAX);
    expect(await gateway.submit(calls[0]!)).toEqual({ kind: 'refused', callId: null, code: 'stopped' });
  });

  it('rejects where the own follower has stopped, and answers what is no call without asking anybody', async () => {
    const failure = new LedgerError('contracts-unknown', 'a bundle is missing');
    await using failed = await openGateway({ connection, follower: { ...follower, failure }, clock: Date.now });
    await expect(failed.submit(calls[0]!)).rejects.toBe(failure);
    await using gateway = await openGateway({ connection, follower, clock: Date.now });
    expect(await gateway.submit({} as SignedCall)).toMatchObject({ kind: 'refused', code: 'call-malformed' });
  });

  it('opens only with files that are there', async () => {
    const identity = { ...connection.identity, keyFile: join(folder, 'nowhere.pem') };
    await expect(
      openGateway({ connection: { ...connection, identity }, follower, clock: Date.now }),
    ).rejects.toMatchObject({ code: 'bad-configuration' });
    const peers = [{ ...connection.peers[0], tlsAuthorityFile: join(folder, 'nowhere.pem') }] as const;
    await expect(
      openGateway({ connection: { ...connection, peers }, follower, clock: Date.now }),
    ).rejects.toMatchObject({ code: 'bad-configuration' });
  });
});
