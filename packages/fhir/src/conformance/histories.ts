import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { EntryOutcome } from '../bundle-response.ts';
import { parseFhirJson } from '../parse-json.ts';
import type { HistoryScope } from '../repository.ts';
import { newPractitioner, post, request, transaction, urn } from './sample-bundles.ts';
import type { Trial } from './trial.ts';

/** What a history tells. */
export function histories<Caller>(trial: Trial<Caller>): void {
  const { commit } = trial;
  describe('history', () => {
    it('tells of one resource everything that happened, newest first, page by page', async () => {
      const { repository, writer, reader } = trial.subject;
      const [{ type, id }] = (await commit(transaction(post(newPractitioner(randomUUID()), urn())))) as [EntryOutcome];
      await commit(transaction(request('PUT', { type, id }, { ...newPractitioner(randomUUID()), id })));
      await commit(transaction(request('DELETE', { type, id })));
      const history = await repository.history(reader, { type, id }, { count: 10 });
      if (history.kind !== 'found') throw new Error(history.kind);
      expect(history.entries.map(({ kind, versionId }) => [kind, versionId])).toEqual([
        ['delete', '2'],
        ['update', '2'],
        ['create', '1'],
      ]);
      expect(history.entries[0]).not.toHaveProperty('text');
      expect(parseFhirJson(history.entries[2]?.text ?? '')).toMatchObject({ id, meta: { versionId: '1' } });
      const pages: string[] = [];
      for (let cursor: string | undefined; ; ) {
        const query = { count: 1, ...(cursor === undefined ? {} : { cursor }) };
        const page = await repository.history(reader, { type, id }, query);
        if (page.kind !== 'found') throw new Error(page.kind);
        pages.push(...page.entries.map(({ kind }) => kind));
        cursor = page.next;
        if (cursor === undefined) break;
      }
      expect(pages).toEqual(['delete', 'update', 'create']);
      expect((await repository.history(writer, { type, id: randomUUID() }, { count: 1 })).kind).toBe('not-found');
    });

    it('tells of a type and of everything, with what was written last in front', async () => {
      const { repository, reader } = trial.subject;
      const outcomes = await commit(
        transaction(post(newPractitioner(randomUUID()), urn()), post({ resourceType: 'Location' }, urn())),
      );
      const first = async (scope: HistoryScope, count: number) => {
        const page = await repository.history(reader, scope, { count });
        if (page.kind !== 'found') throw new Error(page.kind);
        return page.entries.map(({ id }) => id);
      };
      expect(await first({ type: 'Location' }, 1)).toEqual([outcomes[1]?.id]);
      expect(new Set(await first({}, 2))).toEqual(new Set(outcomes.map(({ id }) => id)));
    });
  });
}
