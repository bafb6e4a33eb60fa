import { hashTuple } from '@salus/crypto';
import { describe, expect, it } from 'vitest';
import { type Consortium, newId, newPatient, type Patient, type PreparedCall } from './consortium.ts';
import { committed, newHash, type SuiteSource } from './suite.ts';

/** Part of the suite that every engine runs. */
export function describePrivateArguments(suite: SuiteSource): void {
  describe('private arguments', () => {
    it('are demanded, checked against the call’s hash, used, and found nowhere afterwards', async () => {
      const patient = await suite().register();
      committed(await suite().submit(await suite().consortium.claim(patient)));
      const { call, privateArgs } = await grantOf(suite().consortium, patient, suite().nowMs());
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
