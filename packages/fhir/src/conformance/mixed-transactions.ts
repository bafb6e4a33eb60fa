import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { FhirTree } from '../tree.ts';
import { newPractitioner, observation, post, request, SYSTEM, transaction, urn } from './sample-bundles.ts';
import type { Trial } from './trial.ts';

/** What a transaction of all interactions does. */
export function mixedTransactions<Caller>(trial: Trial<Caller>): void {
  const { send, commit, refusedCode, read } = trial;
  describe('a transaction of all interactions', () => {
    it('deletes, creates, updates, patches and reads, with references across', async () => {
      const [updated, patched, deleted] = await commit(
        transaction(...[1, 2, 3].map(() => post(newPractitioner(randomUUID()), urn()))),
      );
      if (updated === undefined || patched === undefined || deleted === undefined) throw new Error('three were made');
      const [value, role] = [randomUUID(), urn()];
      const made = urn();
      const patch = Buffer.from('[{"op":"add","path":"/active","value":true}]').toString('base64');
      const result = await send(
        transaction(
          { request: { method: 'GET', url: `Practitioner/${updated.id}` } },
          request('PATCH', patched, {
            resourceType: 'Binary',
            contentType: 'application/json-patch+json',
            data: patch,
          }),
          post({ resourceType: 'PractitionerRole', practitioner: { reference: made } }, role),
          request('PUT', updated, { ...newPractitioner(value), id: updated.id }),
          request('DELETE', deleted),
          post(newPractitioner(randomUUID()), made),
        ),
      );
      if (result.kind !== 'committed') throw new Error(`refused: ${result.code} ${JSON.stringify(result.issues)}`);
      expect(result.outcomes.map(({ kind }) => kind)).toEqual(['updated', 'created', 'updated', 'deleted', 'created']);
      expect(result.reads).toEqual([{ index: 0, url: `Practitioner/${updated.id}` }]);
      const [, createdRole, , , practitioner] = result.outcomes;
      expect((await read(createdRole!)).tree.practitioner).toEqual({ reference: `Practitioner/${practitioner!.id}` });
      expect((await read(patched)).tree.active).toBe(true);
      expect(JSON.stringify((await read(updated)).tree.identifier)).toContain(value);
      const gone = await trial.subject.repository.read(trial.subject.reader, 'Practitioner', deleted.id);
      expect(gone).toEqual({ kind: 'gone' });
    });

    it('is all or nothing whatever its entries do', async () => {
      const [kept, other] = await commit(transaction(...[1, 2].map(() => post(newPractitioner(randomUUID()), urn()))));
      if (kept === undefined || other === undefined) throw new Error('two were made');
      const value = randomUUID();
      const put = request('PUT', kept, { ...newPractitioner(value), id: kept.id });
      const refusals: readonly (readonly [FhirTree, string])[] = [
        [request('PUT', other, { ...newPractitioner(value), id: other.id }, { ifMatch: 'W/"5"' }), 'version-mismatch'],
        [request('PUT', { type: 'Practitioner', id: 'x' }, { ...newPractitioner(value), id: 'x' }), 'create-by-update'],
        [request('DELETE', kept), 'overlapping-entries'],
        [post(observation(urn()), urn()), 'reference-unresolved'],
      ];
      for (const [entry, code] of refusals) {
        expect(await refusedCode(transaction(put, post(newPractitioner(value), urn()), entry)), code).toBe(code);
      }
      expect((await read(kept)).result.versionId).toBe('1');
      expect((await read(other)).result.versionId).toBe('1');
    });

    it('creates what a condition finds no more, since it deletes first', async () => {
      const value = randomUUID();
      const [before] = await commit(transaction(post(newPractitioner(value), urn())));
      const ifNoneExist = `identifier=${SYSTEM}|${value}`;
      const [created] = await commit(
        transaction(post(newPractitioner(value), urn(), { ifNoneExist }), request('DELETE', before!)),
      );
      expect([created?.kind, created?.id === before?.id]).toEqual(['created', false]);
    });
  });
}
