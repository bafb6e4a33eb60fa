import { setTimeout as sleep } from 'node:timers/promises';
import type { JsonObject } from '@salus/contracts';
import { callId, hashTuple, randomBytes, toBase64url } from '@salus/crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Block } from './block.ts';
import {
  type Consortium,
  createConsortium,
  newId,
  newPatient,
  type Patient,
  type PreparedCall,
} from './conformance/consortium.ts';
import type { Ledger, SubmitResult } from './ledger.ts';

export { type Consortium, createConsortium, newId, newKey, newPatient } from './conformance/consortium.ts';

/** An engine as the suite sees it. */
export type LedgerEngine = {
  readonly name: string;
  /** A new ledger on which nothing was founded. */
  start(): Promise<StartedLedger>;
};

export type StartedLedger = {
  readonly ledger: Ledger;
  /** The engine's clock, which runs. */
  nowMs(): number;
  /** Ends the ledger and opens it again on what it has stored; `ledger` of the result takes its place. */
  restart(): Promise<StartedLedger>;
  end(): Promise<void>;
};

type Committed = Extract<SubmitResult, { kind: 'committed' }>;

/** The suite that every engine of the `Ledger` port runs unchanged. */
export function describeLedger(engine: LedgerEngine): void {
  describe(`the ledger port on ${engine.name}`, () => {
    let started: StartedLedger;
    let consortium: Consortium;

    beforeAll(async () => {
      started = await engine.start();
      const { network } = started.ledger;
      consortium = await createConsortium({ network, nowMs: () => started.nowMs() });
      for (const prepared of await consortium.founding()) committed(await submit(prepared));
    });

    afterAll(() => started.end());

    const ledger = (): Ledger => started.ledger;
    const submit = ({ call, privateArgs }: PreparedCall): Promise<SubmitResult> => ledger().submit(call, privateArgs);
    const registered = async (): Promise<Patient> => {
      const patient = newPatient();
      committed(await submit(await consortium.register(patient)));
      return patient;
    };
    const stateCheckpoint = (number: number) =>
      consortium.sign({ transaction: 'access.checkpoint', args: { number, hash: newHash() }, by: consortium.node });

    describe('submitting', () => {
      it('commits a call and tells where it stands', async () => {
        const patient = newPatient();
        const prepared = await consortium.register(patient);
        const before = started.nowMs();
        const result = committed(await submit(prepared));
        expect(result.callId).toBe(callId(prepared.call.payload as Parameters<typeof callId>[0]));
        expect(result.result).toEqual({ pid: patient.pid });
        expect(result.block).toBeLessThanOrEqual(await ledger().height());
        expect(Math.abs(result.timestampMs - before)).toBeLessThan(30_000);
        expect(await ledger().get(`patient/pid/${patient.pid}`)).toMatchObject({
          pid: patient.pid,
          status: 'unclaimed',
        });
        expect(await ledger().get(`call/${result.callId}`)).toEqual({
          transaction: 'patient.register',
          result: { pid: patient.pid },
        });
      });

      it('refuses by the contract’s code and changes nothing', async () => {
        const stranger = { ...newPatient().device };
        const late = { transaction: 'patient.register', by: consortium.feed, notAfter: started.nowMs() - 1_000 };
        const cases: [code: string, prepared: PreparedCall, key: string][] = [];
        const add = async (code: string, make: (patient: Patient) => Promise<PreparedCall>) => {
          const patient = newPatient();
          cases.push([code, await make(patient), `patient/pid/${patient.pid}`]);
        };
        const argsOf = ({ pid, claimBy }: Patient): JsonObject => ({
          pid,
          claimKey: claimBy.key.publicKey,
          claimNotAfterMs: started.nowMs() + 60_000,
        });
        const { feed, node } = consortium;
        await add('signer-unknown', (patient) =>
          consortium.sign({
            ...late,
            args: argsOf(patient),
            by: { ...feed, signer: `id:${newId()}` },
            notAfter: started.nowMs() + 60_000,
          }),
        );
        await add('signature-invalid', (patient) =>
          consortium.sign({
            transaction: 'patient.register',
            args: argsOf(patient),
            by: { ...feed, key: stranger.key },
          }),
        );
        await add('not-after-passed', (patient) => consortium.sign({ ...late, args: argsOf(patient) }));
        await add('wrong-network', (patient) =>
          consortium.sign({ transaction: 'patient.register', args: argsOf(patient), by: feed, network: newId() }),
        );
        await add('unknown-transaction', (patient) =>
          consortium.sign({ transaction: 'patient.enlist', args: argsOf(patient), by: feed }),
        );
        await add('delegation-required', (patient) =>
          consortium.sign({ transaction: 'patient.register', args: argsOf(patient), by: node }),
        );
        for (const [code, prepared, key] of cases) {
          expect(await submit(prepared), code).toMatchObject({ kind: 'refused', code });
          expect(await ledger().get(key), code).toBeUndefined();
        }
        expect(cases.length).toBe(6);
      });

      it('refuses what is no call at all', async () => {
        for (const value of [null, 7, 'call', [], {}, { payload: {}, signature: '' }]) {
          expect(await ledger().submit(value as never)).toMatchObject({
            kind: 'refused',
            callId: null,
            code: 'call-malformed',
          });
        }
      });

      it('refuses a call that was changed after it was signed', async () => {
        const patient = newPatient();
        const { call } = await consortium.register(patient);
        const { pid } = newPatient();
        const args = { ...(call.payload.args as JsonObject), pid };
        const changed = { ...call, payload: { ...call.payload, args } };
        expect(await ledger().submit(changed)).toMatchObject({ kind: 'refused', code: 'signature-invalid' });
        expect(await ledger().get(`patient/pid/${pid}`)).toBeUndefined();
      });

      it('takes a refused call again once it is allowed', async () => {
        const patient = newPatient();
        const claim = await consortium.claim(patient);
        expect(await submit(claim)).toMatchObject({ kind: 'refused', code: 'signer-unknown' });
        committed(await submit(await consortium.register(patient)));
        committed(await submit(claim));
      });

      it('gives a repeated call its first result, at the same time, after its end and after a restart', async () => {
        const patient = newPatient();
        const notAfter = started.nowMs() + 1_500;
        const args = { pid: patient.pid, claimKey: patient.claimBy.key.publicKey, claimNotAfterMs: notAfter + 60_000 };
        const prepared = await consortium.sign({
          transaction: 'patient.register',
          args,
          by: consortium.feed,
          notAfter,
        });
        const results = await Promise.all([submit(prepared), submit(prepared), submit(prepared)]);
        const first = committed(results[0]!);
        expect(results).toEqual([first, first, first]);
        await sleep(Math.max(0, notAfter + 50 - started.nowMs()));
        expect(await submit(prepared)).toEqual(first);
        started = await started.restart();
        expect(await submit(prepared)).toEqual(first);
        expect((await ledger().history(`patient/pid/${patient.pid}`, { limit: 10 })).length).toBe(1);
      });
    });

    describe('calls at the same time', () => {
      it('commits exactly one of those that exclude each other', async () => {
        const patients = Array.from({ length: 8 }, newPatient);
        const rivals = await Promise.all(
          patients.map((patient) => consortium.register({ ...patient, pid: patients[0]!.pid })),
        );
        const results = await Promise.all(rivals.map(submit));
        expect(results.filter(({ kind }) => kind === 'committed').length).toBe(1);
        for (const result of results) {
          if (result.kind === 'refused') expect(result.code).toBe('patient-exists');
        }
      });

      it('commits all of those that do not, each with a place of its own', async () => {
        const patients = Array.from({ length: 100 }, newPatient);
        const prepared = await Promise.all(patients.map((patient) => consortium.register(patient)));
        const results = (await Promise.all(prepared.map(submit))).map(committed);
        expect(new Set(results.map(({ block, index }) => `${block}/${index}`)).size).toBe(100);
        for (const [at, { pid }] of patients.entries()) {
          expect(await ledger().get(`patient/pid/${pid}`)).toMatchObject({ pid });
          expect(await ledger().transaction(results[at]!.callId)).toMatchObject({ call: prepared[at]!.call });
        }
      });

      it('lets one fail beside others that succeed', async () => {
        const patients = Array.from({ length: 30 }, newPatient);
        const prepared = await Promise.all(
          patients.map((patient, at) => (at % 3 === 0 ? consortium.claim(patient) : consortium.register(patient))),
        );
        const results = await Promise.all(prepared.map(submit));
        results.forEach((result, at) => {
          expect(result.kind, `call ${at}`).toBe(at % 3 === 0 ? 'refused' : 'committed');
        });
      });
    });

    describe('private arguments', () => {
      it('are demanded, checked against the call’s hash, used, and found nowhere afterwards', async () => {
        const patient = await registered();
        committed(await submit(await consortium.claim(patient)));
        const { call, privateArgs } = await grantOf(consortium, patient, started.nowMs());
        expect(await submit({ call })).toMatchObject({ kind: 'refused', code: 'private-missing' });
        const other = { ...privateArgs!, values: { ...privateArgs!.values, seals: [{}] } };
        expect(await submit({ call, privateArgs: other })).toMatchObject({ kind: 'refused', code: 'private-mismatch' });
        const result = committed(await submit({ call, privateArgs: privateArgs! }));
        const block = JSON.stringify(await ledger().block(result.block));
        expect(block).toContain(patient.pid);
        for (const secret of [privateArgs!.salt, 'hospital-z', privateArgs!.values.salt as string]) {
          expect(block).not.toContain(secret);
        }
        const unexpected = await consortium.register(newPatient());
        expect(await submit({ ...unexpected, privateArgs: privateArgs! })).toMatchObject({
          code: 'private-unexpected',
        });
      });
    });

    describe('reading', () => {
      it('gives the versions of a key, newest first, by pages', async () => {
        const base = 1_000;
        const results: Committed[] = [];
        for (const step of [1, 2, 3, 4]) results.push(committed(await submit(await stateCheckpoint(base + step))));
        const key = `access/checkpoint/${consortium.organisation}`;
        const versions = await ledger().history(key, { limit: 4 });
        expect(versions.map(({ value }) => (value as { number: number }).number)).toEqual([1_004, 1_003, 1_002, 1_001]);
        results.reverse().forEach(({ callId, block, index, timestampMs }, at) => {
          expect(versions[at]).toMatchObject({ callId, block, index, timestampMs });
        });
        const { block, index } = versions[1]!;
        expect(await ledger().history(key, { limit: 1, before: { block, index } })).toEqual([versions[2]]);
        expect(await ledger().history('access/checkpoint/nobody', { limit: 10 })).toEqual([]);
      });

      it('gives ranges in byte order, half open and bounded', async () => {
        await Promise.all(Array.from({ length: 20 }, registered));
        const [start, end] = ['patient/pid/', 'patient/pid0'];
        const all = await ledger().range(start, end, 10_000);
        const keys = all.map(({ key }) => key);
        expect(keys.length).toBeGreaterThanOrEqual(20);
        expect(keys).toEqual([...keys].sort((left, right) => Buffer.compare(Buffer.from(left), Buffer.from(right))));
        expect(await ledger().range(start, end, 5)).toEqual(all.slice(0, 5));
        expect(await ledger().range(keys[3]!, keys[6]!, 100)).toEqual(all.slice(3, 6));
        expect(await ledger().range(end, start, 5)).toEqual([]);
        await expect(ledger().range(start, end, 0)).rejects.toMatchObject({ code: 'bad-argument' });
        await expect(ledger().range(start, end, 10_001)).rejects.toMatchObject({ code: 'bad-argument' });
      });

      it('knows no transaction and no block that there is not', async () => {
        expect(await ledger().transaction(newHash())).toBeUndefined();
        expect(await ledger().block((await ledger().height()) + 1)).toBeUndefined();
        expect(await ledger().get('patient/pid/nobody')).toBeUndefined();
      });
    });

    describe('blocks', () => {
      it('are numbered without gaps, chained, in order of time and hashed over their header', async () => {
        const blocks = await allBlocks(ledger());
        expect(blocks.length).toBeGreaterThan(5);
        blocks.forEach(({ header, hash, transactions }, number) => {
          expect(header.number).toBe(number);
          expect(header.network).toBe(ledger().network);
          expect(hash).toBe(hashTuple('block', header as never));
          expect(transactions.length).toBe(header.count);
          const previous = blocks[number - 1];
          if (previous === undefined) return;
          expect(header.previousHash).toBe(previous.hash);
          expect(header.timestampMs).toBeGreaterThanOrEqual(previous.header.timestampMs);
        });
        const last = blocks.at(-1)!;
        expect(await ledger().checkpoint()).toMatchObject({
          network: ledger().network,
          number: last.header.number,
          hash: last.hash,
        });
      });

      it('carry write sets that give the state when they are applied in order', async () => {
        const state = new Map<string, unknown>();
        let committedCalls = 0;
        for (const { transactions } of await allBlocks(ledger())) {
          for (const { callId, outcome, block, index } of transactions) {
            if (outcome.kind === 'refused') continue;
            committedCalls += 1;
            expect(await ledger().transaction(callId)).toMatchObject({ callId, block, index });
            expect(outcome.writes.map(([key]) => key)).toContain(`call/${callId}`);
            for (const [key, value] of outcome.writes) state.set(key, value ?? undefined);
          }
        }
        expect(committedCalls).toBeGreaterThan(50);
        const stored = await ledger().range('!', '~', 10_000);
        expect(stored).toEqual(
          [...state]
            .filter(([, value]) => value !== undefined)
            .sort(([left], [right]) => (left < right ? -1 : 1))
            .map(([key, value]) => ({ key, value })),
        );
      });
    });

    describe('following', () => {
      it('gives all blocks from a number on, goes on live, and resumes without gap or repetition', async () => {
        const height = await ledger().height();
        const first = new AbortController();
        const seen: number[] = [];
        const following = (async () => {
          for await (const { header } of ledger().follow(height - 1, first.signal)) {
            seen.push(header.number);
            if (header.number === height + 2) first.abort();
          }
        })();
        for (let step = 0; step < 3; step += 1) await registered();
        await following;
        expect(seen).toEqual([height - 1, height, height + 1, height + 2]);
        const second = new AbortController();
        const resumed: Block[] = [];
        for await (const block of ledger().follow(seen.at(-1)! + 1, second.signal)) {
          resumed.push(block);
          if (block.header.number === (await ledger().height())) second.abort();
        }
        expect(resumed[0]?.header.number).toBe(height + 3);
        expect(resumed[0]).toEqual(await ledger().block(height + 3));
      });

      it('ends when its signal is aborted, also while it waits, and serves several followers', async () => {
        const height = await ledger().height();
        const controllers = [new AbortController(), new AbortController()];
        const counts = controllers.map(async ({ signal }) => {
          let count = 0;
          for await (const block of ledger().follow(height + 1, signal)) count += block.transactions.length;
          return count;
        });
        await registered();
        await sleep(20);
        for (const controller of controllers) controller.abort();
        expect(await Promise.all(counts)).toEqual([1, 1]);
        const aborted = ledger().follow(0, AbortSignal.abort())[Symbol.asyncIterator]();
        expect(await aborted.next()).toMatchObject({ done: true });
      });
    });
  });
}

function committed(result: SubmitResult): Committed {
  if (result.kind === 'refused') throw new Error(`expected a committed call, not ${result.code}: ${result.detail}`);
  return result;
}

async function allBlocks(ledger: Ledger): Promise<readonly Block[]> {
  const height = await ledger.height();
  const controller = new AbortController();
  const blocks: Block[] = [];
  for await (const block of ledger.follow(0, controller.signal)) {
    blocks.push(block);
    if (block.header.number === height) controller.abort();
  }
  return blocks;
}

/** A grant whose terms name an organisation that stands nowhere else. */
function grantOf(consortium: Consortium, patient: Patient, nowMs: number): Promise<PreparedCall> {
  const grant = newId();
  const salt = newHash();
  const terms = {
    version: 'salus:terms:v1',
    network: consortium.network,
    pid: patient.pid,
    grant,
    kind: 'access',
    grantee: { kind: 'organisation', organisation: 'hospital-z' },
    categories: ['laboratory'],
    labelClasses: ['normal'],
    resourceTypes: null,
    records: null,
    dataFromMs: null,
    dataToMs: null,
    purposes: ['TREAT'],
    exceptActors: [],
    mayKeep: false,
    notBeforeMs: nowMs,
    notAfterMs: nowMs + 60_000,
    maxUses: null,
    delegationDepth: 0,
    parent: null,
  };
  return consortium.sign({
    transaction: 'consent.grant',
    args: { grant, kind: 'access', commitment: hashTuple('grant', salt, terms), cardKey: null },
    by: patient.device,
    values: { terms, salt, seals: [] },
  });
}

function newHash(): string {
  return toBase64url(randomBytes(32));
}
