import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { EntryOutcome } from '../bundle-response.ts';
import type { WriteResult } from '../repository.ts';
import { sameResource } from '../same-resource.ts';
import { type FhirTree, stringifyFhirJson } from '../tree.ts';
import { writeFhirXml } from '../xml/write-xml.ts';
import { newPractitioner, SYSTEM } from './sample-bundles.ts';
import type { Trial } from './trial.ts';

/** What create, update, patch and delete do, each alone. */
export function singleRequests<Caller>(trial: Trial<Caller>): void {
  const { read } = trial;
  describe('a single request', () => {
    const body = (tree: FhirTree) => ({ bytes: stringifyFhirJson(tree), format: 'json' as const });
    const done = (result: WriteResult): EntryOutcome => {
      if (result.kind !== 'committed') throw new Error(`refused: ${result.code} ${JSON.stringify(result.issues)}`);
      return result.outcome;
    };
    const codeOf = (result: WriteResult): string => (result.kind === 'refused' ? result.code : 'committed');
    const practitioner = async (value = randomUUID()) =>
      done(await trial.subject.repository.create(trial.subject.writer, 'Practitioner', body(newPractitioner(value))));

    it('creates under an id of the server’s, in JSON and in XML', async () => {
      const { repository, writer } = trial.subject;
      const sent = newPractitioner(randomUUID());
      const outcomes = [
        done(await repository.create(writer, 'Practitioner', body({ ...sent, id: 'mine' }))),
        done(await repository.create(writer, 'Practitioner', { bytes: writeFhirXml(sent), format: 'xml' })),
      ];
      for (const outcome of outcomes) {
        expect(outcome).toMatchObject({ kind: 'created', versionId: '1' });
        expect(outcome.id).not.toBe('mine');
        expect(sameResource(sent, (await read(outcome)).tree)).toBe(true);
      }
    });

    it('lets no client set what is the server’s', async () => {
      const meta = { versionId: '7', lastUpdated: '2001-01-01T00:00:00Z', source: 'urn:x', tag: [{ code: 'kept' }] };
      const sent = { ...newPractitioner(randomUUID()), meta };
      const outcome = done(await trial.subject.repository.create(trial.subject.writer, 'Practitioner', body(sent)));
      const { tree } = await read(outcome);
      expect(tree.meta).toMatchObject({ versionId: '1', tag: [{ code: 'kept' }] });
      expect(tree.meta).not.toHaveProperty('source');
      expect((tree.meta as FhirTree).lastUpdated).not.toBe(meta.lastUpdated);
    });

    it('creates once under a condition, and refuses when it matches two', async () => {
      const value = randomUUID();
      const create = () =>
        trial.subject.repository.create(trial.subject.writer, 'Practitioner', body(newPractitioner(value)), {
          ifNoneExist: `identifier=${SYSTEM}|${value}`,
        });
      const [first, second] = [done(await create()), done(await create())];
      expect([first.kind, second.kind, second.id]).toEqual(['created', 'matched', first.id]);
      await practitioner(value);
      expect(codeOf(await create())).toBe('multiple-matches');
    });

    it('updates to the next version, and keeps the one before', async () => {
      const { repository, writer, reader } = trial.subject;
      const { type, id } = await practitioner();
      const next = { ...newPractitioner(randomUUID()), id };
      const outcome = done(await repository.update(writer, { type, id }, body(next), { ifMatch: '1' }));
      expect(outcome).toMatchObject({ kind: 'updated', id, versionId: '2' });
      const { tree, result } = await read(outcome);
      expect(sameResource(next, tree)).toBe(true);
      expect(result.versionId).toBe('2');
      expect(await repository.vread(reader, type, id, '1')).toMatchObject({ kind: 'found', versionId: '1' });
    });

    it('refuses to update another version, another id, what is unknown and what is no resource', async () => {
      const { repository, writer } = trial.subject;
      const { type, id } = await practitioner();
      const next = body({ ...newPractitioner(randomUUID()), id });
      const unknown = randomUUID();
      expect(codeOf(await repository.update(writer, { type, id }, next, { ifMatch: '2' }))).toBe('version-mismatch');
      expect(codeOf(await repository.update(writer, { type, id: unknown }, next))).toBe('id-invalid');
      const made = body({ ...newPractitioner(randomUUID()), id: unknown });
      expect(codeOf(await repository.update(writer, { type, id: unknown }, made))).toBe('create-by-update');
      const wrong = body({ resourceType: type, id, nonsense: true });
      expect(codeOf(await repository.update(writer, { type, id }, wrong))).toBe('structure-invalid');
      expect((await read({ type, id })).result.versionId).toBe('1');
    });

    it('updates by a condition what matches, creates where nothing does, refuses where two do', async () => {
      const { repository, writer } = trial.subject;
      const value = randomUUID();
      const target = { type: 'Practitioner', query: `identifier=${SYSTEM}|${value}` } as const;
      const update = () => repository.update(writer, target, body(newPractitioner(value)));
      const [first, second] = [done(await update()), done(await update())];
      expect([first.kind, second.kind, second.id, second.versionId]).toEqual(['created', 'updated', first.id, '2']);
      await practitioner(value);
      expect(codeOf(await update())).toBe('multiple-matches');
      expect(codeOf(await repository.remove(writer, target))).toBe('multiple-matches');
    });

    it('patches with number literals as they are written, and tests before it changes', async () => {
      const { repository, writer } = trial.subject;
      const { type, id } = done(
        await repository.create(
          writer,
          'Location',
          body({ resourceType: 'Location', position: { longitude: JSON.rawJSON('7.10'), latitude: 50 } }),
        ),
      );
      const patch = (text: string) => repository.patch(writer, { type, id }, { bytes: text, format: 'json' });
      const outcome = done(
        await patch(
          '[{"op":"test","path":"/position/longitude","value":7.10},{"op":"replace","path":"/position/latitude","value":50.500}]',
        ),
      );
      expect(outcome).toMatchObject({ kind: 'updated', versionId: '2' });
      expect((await read(outcome)).result.text).toMatch(/"longitude":7\.10,"latitude":50\.500/);
      expect(codeOf(await patch('[{"op":"test","path":"/position/longitude","value":7.1}]'))).toBe('patch-failed');
      expect(codeOf(await patch('[{"op":"remove","path":"/name"}]'))).toBe('patch-failed');
      expect(codeOf(await patch('[{"op":"replace","path":"/id","value":"x"}]'))).toBe('patch-failed');
      expect(codeOf(await patch('[{"op":"add","path":"/nonsense","value":1}]'))).toBe('structure-invalid');
      expect(codeOf(await patch('{"op":"remove"}'))).toBe('patch-invalid');
      expect((await read(outcome)).result.versionId).toBe('2');
    });

    it('deletes once, and again without fault; what is gone is neither updated nor patched', async () => {
      const { repository, writer, reader } = trial.subject;
      const { type, id } = await practitioner();
      expect(codeOf(await repository.remove(writer, { type, id }, { ifMatch: '9' }))).toBe('version-mismatch');
      const deleted = [await repository.remove(writer, { type, id }), await repository.remove(writer, { type, id })];
      expect(deleted.map((result) => done(result).kind)).toEqual(['deleted', 'deleted']);
      expect(done(await repository.remove(writer, { type, id: randomUUID() })).kind).toBe('deleted');
      expect(await repository.read(reader, type, id)).toEqual({ kind: 'gone' });
      const next = body({ ...newPractitioner(randomUUID()), id });
      expect(codeOf(await repository.update(writer, { type, id }, next))).toBe('resource-gone');
      const patch = { bytes: '[{"op":"remove","path":"/name"}]', format: 'json' } as const;
      expect(codeOf(await repository.patch(writer, { type, id }, patch))).toBe('resource-gone');
    });
  });
}
