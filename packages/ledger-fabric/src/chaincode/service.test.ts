import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { peer } from '@hyperledger/fabric-protos';
import { generateHpkeKey, sha256, utf8 } from '@salus/crypto';
import { createConsortium, newPatient } from '@salus/ledger/consortium';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestAuthority, newNetwork, type TestAuthority } from '../../test/machine.ts';
import { newMessage, PeerDouble } from '../../test/peer-double.ts';
import { type Service, type ServiceSetting, startService } from '../../test/service-process.ts';
import { bundleChaincode, packageLabel } from '../bundle.ts';
import { findFailure, gatheredText, METADATA_FUNCTION, OK_STATUS, parseOutcomes, SUBMIT_FUNCTION } from '../wire.ts';

const { Type } = peer.ChaincodeMessage;
const TIMEOUT_MS = 240_000;

describe('the chaincode as a service', { timeout: TIMEOUT_MS }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'salus-chaincode-'));
  const network = newNetwork();
  const services: Service[] = [];
  const doubles: PeerDouble[] = [];
  let setting: ServiceSetting;
  let peers: TestAuthority;
  let service: Service;

  beforeAll(async () => {
    const { code, sha256hex, contracts } = await bundleChaincode();
    const bundle = join(folder, `${sha256hex}.cjs`);
    writeFileSync(bundle, code);
    peers = await createTestAuthority('peers');
    const label = packageLabel(contracts, sha256hex);
    setting = {
      folder: join(folder, 'service'),
      bundle,
      chaincodeId: `${label}:${Buffer.from(sha256(utf8(label))).toString('hex')}`,
      network,
      organisation: 'hospital-a',
      key: await generateHpkeKey(),
      authority: await createTestAuthority('chaincodes'),
      peerAuthority: peers,
    };
    service = await start();
  }, TIMEOUT_MS);

  afterAll(async () => {
    for (const double of doubles) double.close();
    for (const { process, exited } of services) {
      process.kill('SIGKILL');
      await exited;
    }
    rmSync(folder, { recursive: true, force: true });
  });

  async function start(): Promise<Service> {
    const started = await startService(setting);
    services.push(started);
    return started;
  }

  async function connect(options: { to?: Service; by?: TestAuthority; batches?: boolean; shows?: boolean } = {}) {
    const { to = service, by = peers, batches = true, shows = true } = options;
    const own = shows ? { own: await by.issue('peer0.hospital-a') } : {};
    const double = new PeerDouble({ address: to.address, authority: setting.authority.certificate, batches, ...own });
    doubles.push(double);
    return double;
  }

  const argumentOf = (calls: readonly { readonly call: Parameters<typeof gatheredText>[0][number] }[]): Uint8Array =>
    utf8(gatheredText(calls.map(({ call }) => call)));

  /** Founds the network on a double's state and returns who can sign. */
  async function found(double: PeerDouble) {
    const consortium = await createConsortium({ network, nowMs: Date.now });
    for (const prepared of await consortium.founding()) {
      const args = [argumentOf([prepared])];
      const simulation = await double.simulate({ functionName: SUBMIT_FUNCTION, args, creator: 'hospital-a' });
      expect(simulation.message).toBe('');
      double.commit(simulation);
    }
    return consortium;
  }

  it.each([true, false])('registers, founds a network and endorses gathered calls, by batches: %s', async (batches) => {
    const double = await connect({ batches });
    expect(await double.registered).toBe(setting.chaincodeId);
    const consortium = await found(double);
    const calls = await Promise.all(Array.from({ length: 20 }, () => consortium.register(newPatient())));
    const args = [argumentOf(calls)];
    const proposal = { functionName: SUBMIT_FUNCTION, args, creator: 'laboratory' };
    const { status, payload, writes, reads, questions } = await double.simulate(proposal);
    expect(status).toBe(OK_STATUS);
    expect(parseOutcomes(payload, 20).every(({ kind }) => kind === 'committed')).toBe(true);
    expect(writes.size).toBeGreaterThanOrEqual(40);
    expect(reads.length).toBeGreaterThan(40);
    if (batches) expect(questions).toBeLessThanOrEqual(6);
    else expect(questions).toBeGreaterThan(80);
  });

  it('answers many transactions at once, each with its own reads and writes', async () => {
    const double = await connect();
    const consortium = await found(double);
    const answers = await Promise.all(
      Array.from({ length: 30 }, async () => {
        const args = [argumentOf([await consortium.register(newPatient())])];
        return double.simulate({ functionName: SUBMIT_FUNCTION, args, creator: 'hospital-a' });
      }),
    );
    for (const { status, writes } of answers) {
      expect(status).toBe(OK_STATUS);
      expect(writes.size).toBe(answers[0]!.writes.size);
    }
    expect(new Set(answers.flatMap(({ writes }) => [...writes.keys()])).size).toBeGreaterThanOrEqual(60);
  });

  it('tells its metadata', async () => {
    const double = await connect();
    const { status, payload } = await double.simulate({ functionName: METADATA_FUNCTION, creator: 'pharmacy' });
    expect(status).toBe(OK_STATUS);
    const { bundle } = JSON.parse(payload.toString('utf8')) as { readonly bundle: string };
    expect(setting.bundle).toContain(bundle);
  });

  it('refuses a proposal by its own clock', async () => {
    const double = await connect();
    const consortium = await createConsortium({ network, nowMs: Date.now });
    const args = [argumentOf((await consortium.founding()).slice(0, 1))];
    for (const offMs of [-31_000, 31_000]) {
      const timestampMs = Date.now() + offMs;
      const proposal = { functionName: SUBMIT_FUNCTION, args, creator: 'hospital-a', timestampMs };
      const { message, writes } = await double.simulate(proposal);
      expect(findFailure(message, 1)).toEqual({ kind: 'fault', code: 'time-off' });
      expect(writes.size).toBe(0);
    }
  });

  it('takes no peer without certificate, nor with one of another authority', async () => {
    const strangers = await createTestAuthority('peers');
    for (const options of [{ shows: false }, { by: strangers }]) {
      const double = await connect(options);
      expect((await double.ended)?.code).toBe(14);
      await expect(Promise.race([double.registered, double.ended])).resolves.not.toBe(setting.chaincodeId);
    }
  });

  it('is not taken for another service by a peer that expects another authority', async () => {
    const own = await peers.issue('peer0.hospital-a');
    const { certificate } = await createTestAuthority('chaincodes');
    const double = new PeerDouble({ address: service.address, authority: certificate, own });
    doubles.push(double);
    expect((await double.ended)?.code).toBe(14);
  });

  it('outlives garbage: it ends the stream that brought it, and serves the next', async () => {
    const garbage = new Uint8Array([0xff, 0xff, 0xff, 0xff]);
    const messages = [
      newMessage(99, garbage),
      newMessage(Type.GET_STATE, garbage, { txId: 'a', channel: 'b' }),
      newMessage(Type.COMPLETED, garbage),
      newMessage(Type.READY, garbage),
    ];
    for (const message of messages) {
      const double = await connect();
      await double.registered;
      double.send(message);
      await double.ended;
    }
    const harmless = [
      newMessage(Type.KEEPALIVE, new Uint8Array(0)),
      newMessage(Type.RESPONSE, garbage, { txId: 'unknown', channel: 'b' }),
      newMessage(Type.ERROR, garbage, { txId: 'unknown', channel: 'b' }),
      newMessage(Type.TRANSACTION, garbage, { txId: 'c', channel: 'b' }),
      newMessage(Type.TRANSACTION, new Uint8Array(0), { txId: 'd', channel: 'b' }),
      newMessage(Type.INIT, new Uint8Array(0), { txId: 'e', channel: 'b' }),
      newMessage(Type.REGISTERED, garbage),
      newMessage(Type.READY, new Uint8Array(0)),
    ];
    const double = await connect();
    await double.registered;
    for (const message of harmless) double.send(message);
    const { status } = await double.simulate({ functionName: METADATA_FUNCTION, creator: 'hospital-a' });
    expect(status).toBe(OK_STATUS);
    expect(service.process.exitCode).toBeNull();
  });

  it('answers internal when the peer refuses a question or answers it wrongly, and keeps its stream', async () => {
    const double = await connect();
    const consortium = await createConsortium({ network, nowMs: Date.now });
    const args = [argumentOf((await consortium.founding()).slice(0, 1))];
    const proposal = { functionName: SUBMIT_FUNCTION, args, creator: 'hospital-a' };
    const wrong = [
      (txId: string) => newMessage(Type.ERROR, utf8('no such ledger'), { txId, channel: 'consortium' }),
      (txId: string) => newMessage(Type.RESPONSE, new Uint8Array([0xff]), { txId, channel: 'consortium' }),
      (txId: string) => newMessage(Type.RESPONSE, new Uint8Array(0), { txId, channel: 'consortium' }),
    ];
    for (const answer of wrong) {
      double.answer = (message) => answer(message.getTxid());
      const { message, writes } = await double.simulate(proposal);
      expect(findFailure(message, 1)).toEqual({ kind: 'fault', code: 'internal' });
      expect(writes.size).toBe(0);
    }
    double.answer = undefined;
    expect((await double.simulate(proposal)).status).toBe(OK_STATUS);
  });

  it('forgets the transactions of a peer that went away in their middle', async () => {
    const double = await connect();
    const consortium = await createConsortium({ network, nowMs: Date.now });
    const args = [argumentOf((await consortium.founding()).slice(0, 1))];
    const asked = new Promise<void>((resolve) => {
      double.answer = () => {
        resolve();
        return 'nothing';
      };
    });
    const lost = double.simulate({ functionName: SUBMIT_FUNCTION, args, creator: 'hospital-a' });
    await asked;
    double.close();
    await expect(lost).rejects.toThrow('CANCELLED');
    const next = await connect();
    expect((await next.simulate({ functionName: METADATA_FUNCTION, creator: 'hospital-a' })).status).toBe(OK_STATUS);
    expect(service.output()).toContain('the peer has ended its stream');
  });

  it('never starts with another bundle than the one that its package names', async () => {
    const other = setting.chaincodeId.replace(/-[0-9a-f]{8}/, '-00000000');
    for (const chaincodeId of [other, 'salus_1.0.0', 'another:1', '']) {
      await expect(startService({ ...setting, chaincodeId })).rejects.toThrow(
        /ended with 1: .*(wrong-bundle|CHAINCODE_ID)/s,
      );
    }
  });

  it('never starts when its file was changed', async () => {
    const bundle = join(folder, 'changed.cjs');
    const { code } = await bundleChaincode();
    writeFileSync(bundle, Buffer.concat([code, Buffer.from('\n')]));
    await expect(startService({ ...setting, bundle })).rejects.toThrow(/wrong-bundle/);
  });

  it('ends cleanly at SIGTERM, and a killed one serves again with nothing lost but open transactions', async () => {
    const first = await start();
    const double = await connect({ to: first });
    await double.registered;
    double.close();
    first.process.kill('SIGTERM');
    expect(await first.exited).toBe(0);
    const second = await start();
    second.process.kill('SIGKILL');
    expect(await second.exited).toBe('SIGKILL');
    const third = await start();
    const again = await connect({ to: third });
    expect(await again.registered).toBe(setting.chaincodeId);
  });

  it('has no key, argument or name in what it logs', () => {
    const said = services.map(({ output }) => output()).join('\n');
    expect(said).toContain('serving');
    expect(said).not.toContain('PRIVATE');
    expect(said).not.toContain(Buffer.from(setting.key.privateKey).toString('base64url'));
    expect(said).not.toContain('no such ledger');
  });
});
