import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { FhirTree } from '../tree.ts';
import { newPatient, newPractitioner, observation, post, SYSTEM, transaction, urn } from './sample-bundles.ts';
import type { Trial } from './trial.ts';

/** What is refused, and what a read finds. */
export function refusalsAndReads<Caller>(trial: Trial<Caller>): void {
  const { send, commit, refusedCode } = trial;
  describe('a refused transaction', () => {
    it('says why, for everything that is no transaction of valid creates', async () => {
      const patient = urn();
      const cases: readonly (readonly [FhirTree | string, string])[] = [
        ['', 'syntax'],
        ['{"resourceType":"Bundle","type":"transaction",}', 'syntax'],
        ['[]', 'not-a-resource'],
        ['{"resourceType":"Bundle","resourceType":"Bundle"}', 'duplicate-key'],
        [newPatient(), 'bundle-invalid'],
        [{ resourceType: 'Bundle', type: 'batch' }, 'not-supported'],
        [transaction(post(newPatient(), patient, { method: 'PUT' })), 'bundle-invalid'],
        [transaction(post(newPatient(), patient, { method: 'MOVE' })), 'bundle-invalid'],
        [transaction(post(newPatient(), patient), post(newPatient(), patient)), 'duplicate-full-url'],
        [transaction(post({ ...newPatient(), birthDate: '1970-13-01' }, patient)), 'structure-invalid'],
        [transaction(post({ ...newPatient(), unknown: true }, patient)), 'structure-invalid'],
        [transaction(post(observation(urn()), urn())), 'reference-unresolved'],
        [
          transaction(post({ resourceType: 'Observation', status: 'final', code: { text: 'x' } }, urn())),
          'owner-unknown',
        ],
        [transaction(post(observation(`Patient/${randomUUID()}`), urn())), 'owner-unknown'],
      ];
      for (const [bundle, code] of cases) expect(await refusedCode(bundle), JSON.stringify(bundle)).toBe(code);
    });

    it('leaves nothing behind', async () => {
      const value = randomUUID();
      const broken = transaction(post(newPractitioner(value), urn()), post(observation(urn()), urn()));
      expect(await refusedCode(broken)).toBe('reference-unresolved');
      const ifNoneExist = `identifier=${SYSTEM}|${value}`;
      const [outcome] = await commit(transaction(post(newPractitioner(value), urn(), { ifNoneExist })));
      expect(outcome?.kind).toBe('created');
    });

    it('says nothing of what it refuses', async () => {
      const secret = `Mallory${randomUUID()}`;
      const result = await send(
        transaction(post({ ...newPatient(), birthDate: secret, gender: { [secret]: secret } }, urn())),
      );
      expect(result.kind).toBe('refused');
      expect(JSON.stringify(result)).not.toContain(secret);
    });
  });

  describe('read and vread', () => {
    it('find a version by its id, and nothing under other names', async () => {
      const [outcome] = await commit(transaction(post(newPractitioner(randomUUID()), urn())));
      if (outcome === undefined) throw new Error('an outcome was expected');
      const { repository, reader } = trial.subject;
      const { type, id, versionId } = outcome;
      const current = await repository.read(reader, type, id);
      expect(await repository.vread(reader, type, id, versionId)).toEqual(current);
      expect(current.kind).toBe('found');
      const missing = [
        await repository.read(reader, type, randomUUID()),
        await repository.read(reader, 'Organization', id),
        await repository.read(reader, type, ''),
        await repository.read(reader, type, '../x'),
        await repository.vread(reader, type, id, `${versionId}0`),
        await repository.vread(reader, type, id, ''),
        await repository.vread(reader, type, id, '-1'),
      ];
      expect(missing.map(({ kind }) => kind)).toEqual(missing.map(() => 'not-found'));
    });
  });
}
