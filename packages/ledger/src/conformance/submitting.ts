import { setTimeout as sleep } from 'node:timers/promises';
import type { JsonObject } from '@salus/contracts';
import { callId } from '@salus/crypto';
import { describe, expect, it } from 'vitest';
import { newId, newPatient, type Patient, type PreparedCall } from './consortium.ts';
import { committed, type SuiteSource } from './suite.ts';

/** Part of the suite that every engine runs. */
export function describeSubmitting(suite: SuiteSource): void {
  describe('submitting', () => {
    it('commits a call and tells where it stands', async () => {
      const patient = newPatient();
      const prepared = await suite().consortium.register(patient);
      const before = suite().nowMs();
      const result = committed(await suite().submit(prepared));
      expect(result.callId).toBe(callId(prepared.call.payload as Parameters<typeof callId>[0]));
      expect(result.result).toEqual({ pid: patient.pid });
      expect(result.block).toBeLessThanOrEqual(await suite().ledger.height());
      expect(Math.abs(result.timestampMs - before)).toBeLessThan(30_000);
      expect(await suite().ledger.get(`patient/pid/${patient.pid}`)).toMatchObject({
        pid: patient.pid,
        status: 'unclaimed',
      });
      expect(await suite().ledger.get(`call/${result.callId}`)).toEqual({
        transaction: 'patient.register',
        result: { pid: patient.pid },
      });
    });

    it('refuses by the contract’s code and changes nothing', async () => {
      const stranger = { ...newPatient().device };
      const late = { transaction: 'patient.register', by: suite().consortium.feed, notAfter: suite().nowMs() - 1_000 };
      const cases: [code: string, prepared: PreparedCall, key: string][] = [];
      const add = async (code: string, make: (patient: Patient) => Promise<PreparedCall>) => {
        const patient = newPatient();
        cases.push([code, await make(patient), `patient/pid/${patient.pid}`]);
      };
      const argsOf = ({ pid, claimBy }: Patient): JsonObject => ({
        pid,
        claimKey: claimBy.key.publicKey,
        claimNotAfterMs: suite().nowMs() + 60_000,
      });
      const { feed, node } = suite().consortium;
      await add('signer-unknown', (patient) =>
        suite().consortium.sign({
          ...late,
          args: argsOf(patient),
          by: { ...feed, signer: `id:${newId()}` },
          notAfter: suite().nowMs() + 60_000,
        }),
      );
      await add('signature-invalid', (patient) =>
        suite().consortium.sign({
          transaction: 'patient.register',
          args: argsOf(patient),
          by: { ...feed, key: stranger.key },
        }),
      );
      await add('not-after-passed', (patient) => suite().consortium.sign({ ...late, args: argsOf(patient) }));
      await add('wrong-network', (patient) =>
        suite().consortium.sign({ transaction: 'patient.register', args: argsOf(patient), by: feed, network: newId() }),
      );
      await add('unknown-transaction', (patient) =>
        suite().consortium.sign({ transaction: 'patient.enlist', args: argsOf(patient), by: feed }),
      );
      await add('delegation-required', (patient) =>
        suite().consortium.sign({ transaction: 'patient.register', args: argsOf(patient), by: node }),
      );
      for (const [code, prepared, key] of cases) {
        expect(await suite().submit(prepared), code).toMatchObject({ kind: 'refused', code });
        expect(await suite().ledger.get(key), code).toBeUndefined();
      }
      expect(cases.length).toBe(6);
    });

    it('refuses what is no call at all', async () => {
      for (const value of [null, 7, 'call', [], {}, { payload: {}, signature: '' }]) {
        expect(await suite().ledger.submit(value as never)).toMatchObject({
          kind: 'refused',
          callId: null,
          code: 'call-malformed',
        });
      }
    });

    it('refuses a call that was changed after it was signed', async () => {
      const patient = newPatient();
      const { call } = await suite().consortium.register(patient);
      const { pid } = newPatient();
      const args = { ...(call.payload.args as JsonObject), pid };
      const changed = { ...call, payload: { ...call.payload, args } };
      expect(await suite().ledger.submit(changed)).toMatchObject({ kind: 'refused', code: 'signature-invalid' });
      expect(await suite().ledger.get(`patient/pid/${pid}`)).toBeUndefined();
    });

    it('takes a refused call again once it is allowed', async () => {
      const patient = newPatient();
      const claim = await suite().consortium.claim(patient);
      expect(await suite().submit(claim)).toMatchObject({ kind: 'refused', code: 'signer-unknown' });
      committed(await suite().submit(await suite().consortium.register(patient)));
      committed(await suite().submit(claim));
    });

    it('gives a repeated call its first result, at the same time, after its end and after a restart', async () => {
      const patient = newPatient();
      const notAfter = suite().nowMs() + 1_500;
      const args = { pid: patient.pid, claimKey: patient.claimBy.key.publicKey, claimNotAfterMs: notAfter + 60_000 };
      const prepared = await suite().consortium.sign({
        transaction: 'patient.register',
        args,
        by: suite().consortium.feed,
        notAfter,
      });
      const results = await Promise.all([suite().submit(prepared), suite().submit(prepared), suite().submit(prepared)]);
      const first = committed(results[0]!);
      expect(results).toEqual([first, first, first]);
      await sleep(Math.max(0, notAfter + 50 - suite().nowMs()));
      expect(await suite().submit(prepared)).toEqual(first);
      suite().started = await suite().started.restart();
      expect(await suite().submit(prepared)).toEqual(first);
      expect((await suite().ledger.history(`patient/pid/${patient.pid}`, { limit: 10 })).length).toBe(1);
    });
  });
}
