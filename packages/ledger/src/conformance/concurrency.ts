import { describe, expect, it } from 'vitest';
import { newPatient } from './consortium.ts';
import { committed, type SuiteSource } from './suite.ts';

/** Part of the suite that every engine runs. */
export function describeConcurrency(suite: SuiteSource): void {
  describe('calls at the same time', () => {
    it('commits exactly one of those that exclude each other', async () => {
      const patients = Array.from({ length: 8 }, newPatient);
      const rivals = await Promise.all(
        patients.map((patient) => suite().consortium.register({ ...patient, pid: patients[0]!.pid })),
      );
      const results = await Promise.all(rivals.map((prepared) => suite().submit(prepared)));
      expect(results.filter(({ kind }) => kind === 'committed').length).toBe(1);
      for (const result of results) {
        if (result.kind === 'refused') expect(result.code).toBe('patient-exists');
      }
    });

    it('commits all of those that do not, each with a place of its own', async () => {
      const patients = Array.from({ length: 100 }, newPatient);
      const prepared = await Promise.all(patients.map((patient) => suite().consortium.register(patient)));
      const results = (await Promise.all(prepared.map((prepared) => suite().submit(prepared)))).map(committed);
      expect(new Set(results.map(({ block, index }) => `${block}/${index}`)).size).toBe(100);
      for (const [at, { pid }] of patients.entries()) {
        expect(await suite().ledger.get(`patient/pid/${pid}`)).toMatchObject({ pid });
        expect(await suite().ledger.transaction(results[at]!.callId)).toMatchObject({ call: prepared[at]!.call });
      }
    });

    it('lets one fail beside others that succeed', async () => {
      const patients = Array.from({ length: 30 }, newPatient);
      const prepared = await Promise.all(
        patients.map((patient, at) =>
          at % 3 === 0 ? suite().consortium.claim(patient) : suite().consortium.register(patient),
        ),
      );
      const results = await Promise.all(prepared.map((prepared) => suite().submit(prepared)));
      results.forEach((result, at) => {
        expect(result.kind, `call ${at}`).toBe(at % 3 === 0 ? 'refused' : 'committed');
      });
    });
  });
}
