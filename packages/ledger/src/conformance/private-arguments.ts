import { describe, expect, it } from 'vitest';
import { grantOf, newId, newPatient } from './consortium.ts';
import { committed, type SuiteSource } from './suite.ts';

/** Part of the suite that every engine runs. */
export function describePrivateArguments(suite: SuiteSource): void {
  describe('private arguments', () => {
    it('are demanded, checked against the call’s hash, used, and found nowhere afterwards', async () => {
      const patient = await suite().register();
      committed(await suite().submit(await suite().consortium.claim(patient)));
      const { call, privateArgs } = await grantOf(suite().consortium, {
        ...{ pid: patient.pid, grant: newId(), by: patient.device, nowMs: suite().nowMs() },
      });
      expect(await suite().submit({ call })).toMatchObject({ kind: 'refused', code: 'private-missing' });
      const other = { ...privateArgs!, values: { ...privateArgs!.values, seals: [{}] } };
      expect(await suite().submit({ call, privateArgs: other })).toMatchObject({
        kind: 'refused',
        code: 'private-mismatch',
      });
      const result = committed(await suite().submit({ call, privateArgs: privateArgs! }));
      const block = JSON.stringify(await suite().ledger.block(result.block));
      expect(block).toContain(patient.pid);
      for (const secret of [privateArgs!.salt, 'hospital-z', privateArgs!.values.salt as string]) {
        expect(block).not.toContain(secret);
      }
      const unexpected = await suite().consortium.register(newPatient());
      expect(await suite().submit({ ...unexpected, privateArgs: privateArgs! })).toMatchObject({
        code: 'private-unexpected',
      });
    });
  });
}
