import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { EntryOutcome } from './bundle-response.ts';
import { parseFhirJson } from './parse-json.ts';
import type { HistoryScope, ReadResult, Repository, TransactionOptions, WriteResult } from './repository.ts';
import { sameResource } from './same-resource.ts';
import { type FhirTree, isTree, stringifyFhirJson } from './tree.ts';
import { validateForWrite } from './validate.ts';
import { writeFhirXml } from './xml/write-xml.ts';

export interface RepositoryUnderTest<Caller> {
  readonly repository: Repository<Caller>;
  /** May write for every new patient. */
  readonly writer: Caller;
  /** May read what the writer wrote. */
  readonly reader: Caller;
  /** Entries that let the reader see this new patient (an encounter, a care team), where the engine asks for it. */
  readonly careFor?: (patientFullUrl: string) => readonly FhirTree[];
  close(): Promise<void>;
}

/** Every literal that JSON.parse and JSON.stringify would lose. */
const LITERALS = ['1.50', '0.010', '12345678901234567890', '1e5', '-0.0', '100.00'] as const;

/**
 * What every `Repository` does, run unchanged by each engine inside its own test file. The repository is opened once;
 * each test brings resources of its own.
 */
export function repositoryConformance<Caller>(name: string, open: () => Promise<RepositoryUnderTest<Caller>>): void {
  describe(`${name} as a FHIR repository`, () => {
    let subject: RepositoryUnderTest<Caller>;
    beforeAll(async () => {
      subject = await open();
    });
    afterAll(async () => {
      await subject?.close();
    });

    const send = (bundle: FhirTree | string, options?: TransactionOptions) =>
      subject.repository.transaction(
        subject.writer,
        typeof bundle === 'string' ? bundle : stringifyFhirJson(bundle),
        options,
      );
    const commit = async (
      bundle: FhirTree | string,
      options?: TransactionOptions,
    ): Promise<readonly EntryOutcome[]> => {
      const result = await send(bundle, options);
      if (result.kind !== 'committed') throw new Error(`refused: ${result.code} ${JSON.stringify(result.issues)}`);
      return result.outcomes;
    };
    const refusedCode = async (bundle: FhirTree | string): Promise<string> => {
      const result = await send(bundle);
      if (result.kind !== 'refused') throw new Error('the bundle was accepted');
      expect(result.issues.length).toBeGreaterThan(0);
      return result.code;
    };
    const read = async ({ type, id }: Pick<EntryOutcome, 'type' | 'id'>) =>
      foundTree(await subject.repository.read(subject.reader, type, id));
    /** A patient, what the engine needs to let the reader in, and what the test is about. */
    const patientBundle = (fullUrl: string, ...entries: readonly FhirTree[]) =>
      transaction(post(newPatient(), fullUrl), ...entries, ...(subject.careFor?.(fullUrl) ?? []));

    describe('a transaction', () => {
      it('creates, and read returns the same resource with the server’s id, version and time', async () => {
        const patient = urn();
        const sent = observation(patient);
        const bundle = patientBundle(patient, post(sent, urn()));
        const outcomes = await commit(bundle);
        expect(outcomes).toHaveLength(entryCount(bundle));
        expect(outcomes.map(({ kind }) => kind)).not.toContain('matched');
        const [created, second] = ends(outcomes);
        const { tree, result } = await read(second);
        const referenceMap = new Map([[patient, `Patient/${created.id}`]]);
        expect(sameResource(sent, tree, { referenceMap })).toBe(true);
        expect(tree).toMatchObject({ id: second.id, meta: { versionId: second.versionId } });
        expect([result.versionId, result.lastUpdatedMs]).toEqual([second.versionId, second.lastUpdatedMs]);
        expect(validateForWrite(tree)).toEqual([]);
      });

      it('keeps every number literal', async () => {
        const patient = urn();
        const components = LITERALS.map((literal) => `{"code":{"text":"x"},"valueQuantity":{"value":${literal}}}`);
        const text = `{"resourceType":"Observation","status":"final","code":{"text":"x"},"subject":{"reference":"${patient}"},"component":[${components.join()}]}`;
        const [, second] = ends(await commit(patientBundle(patient, post(parseFhirJson(text), urn()))));
        const { result } = await read(second);
        expect([...result.text.matchAll(/"value":\s*([-0-9.eE+]+)/g)].map(([, literal]) => literal)).toEqual([
          ...LITERALS,
        ]);
      });

      it('resolves references forward, backward and in circles', async () => {
        const [patient, first, second] = [urn(), urn(), urn()];
        const encounter = (partOf: string): FhirTree => ({
          resourceType: 'Encounter',
          status: 'finished',
          class: { code: 'AMB' },
          subject: { reference: patient },
          partOf: { reference: partOf },
        });
        const outcomes = await commit(
          patientBundle(patient, post(encounter(second), first), post(encounter(first), second)),
        );
        const [one, two] = [outcomes[1], outcomes[2]];
        if (one === undefined || two === undefined) throw new Error('two encounters were expected');
        expect((await read(one)).tree).toMatchObject({
          partOf: { reference: `Encounter/${two.id}` },
          subject: { reference: `Patient/${outcomes[0]?.id}` },
        });
        expect((await read(two)).tree).toMatchObject({ partOf: { reference: `Encounter/${one.id}` } });
      });

      it('resolves a conditional reference to the one resource with that identifier', async () => {
        const value = randomUUID();
        const [practitioner] = await commit(transaction(post(newPractitioner(value), urn())));
        const patient = urn();
        const performer = [{ reference: `Practitioner?identifier=${SYSTEM}|${value}` }];
        const [, second] = ends(
          await commit(patientBundle(patient, post({ ...observation(patient), performer }, urn()))),
        );
        expect((await read(second)).tree).toMatchObject({
          performer: [{ reference: `Practitioner/${practitioner?.id}` }],
        });
        const unknown = [{ reference: `Practitioner?identifier=${SYSTEM}|${randomUUID()}` }];
        expect(
          await refusedCode(patientBundle(patient, post({ ...observation(patient), performer: unknown }, urn()))),
        ).toBe('no-match');
      });

      it('matches a conditional create instead of doubling it, and refuses when two match', async () => {
        const value = randomUUID();
        const ifNoneExist = `identifier=${SYSTEM}|${value}`;
        const [created] = await commit(transaction(post(newPractitioner(value), urn(), { ifNoneExist })));
        const [matched] = await commit(transaction(post(newPractitioner(value), urn(), { ifNoneExist })));
        expect([created?.kind, matched?.kind, matched?.id]).toEqual(['created', 'matched', created?.id]);
        await commit(transaction(post(newPractitioner(value), urn())));
        expect(await refusedCode(transaction(post(newPractitioner(value), urn(), { ifNoneExist })))).toBe(
          'multiple-matches',
        );
      });

      it('recognises providers by identifier when asked to', async () => {
        const value = randomUUID();
        const options = { matchDirectoryByIdentifier: true };
        const [first] = await commit(transaction(post(newPractitioner(value), urn())), options);
        const [second] = await commit(transaction(post(newPractitioner(value), urn())), options);
        expect([first?.kind, second?.kind, second?.id]).toEqual(['created', 'matched', first?.id]);
      });

      it('gives parallel transactions ids of their own', async () => {
        const results = await Promise.all(
          Array.from({ length: 8 }, () => commit(transaction(post(newPractitioner(randomUUID()), urn())))),
        );
        expect(new Set(results.map(([outcome]) => outcome?.id)).size).toBe(8);
      });
    });

    describe('a single request', () => {
      const body = (tree: FhirTree) => ({ bytes: stringifyFhirJson(tree), format: 'json' as const });
      const done = (result: WriteResult): EntryOutcome => {
        if (result.kind !== 'committed') throw new Error(`refused: ${result.code} ${JSON.stringify(result.issues)}`);
        return result.outcome;
      };
      const codeOf = (result: WriteResult): string => (result.kind === 'refused' ? result.code : 'committed');
      const practitioner = async (value = randomUUID()) =>
        done(await subject.repository.create(subject.writer, 'Practitioner', body(newPractitioner(value))));

      it('creates under an id of the server’s, in JSON and in XML', async () => {
        const { repository, writer } = subject;
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
        const outcome = done(await subject.repository.create(subject.writer, 'Practitioner', body(sent)));
        const { tree } = await read(outcome);
        expect(tree.meta).toMatchObject({ versionId: '1', tag: [{ code: 'kept' }] });
        expect(tree.meta).not.toHaveProperty('source');
        expect((tree.meta as FhirTree).lastUpdated).not.toBe(meta.lastUpdated);
      });

      it('creates once under a condition, and refuses when it matches two', async () => {
        const value = randomUUID();
        const create = () =>
          subject.repository.create(subject.writer, 'Practitioner', body(newPractitioner(value)), {
            ifNoneExist: `identifier=${SYSTEM}|${value}`,
          });
        const [first, second] = [done(await create()), done(await create())];
        expect([first.kind, second.kind, second.id]).toEqual(['created', 'matched', first.id]);
        await practitioner(value);
        expect(codeOf(await create())).toBe('multiple-matches');
      });

      it('updates to the next version, and keeps the one before', async () => {
        const { repository, writer, reader } = subject;
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
        const { repository, writer } = subject;
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
        const { repository, writer } = subject;
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
        const { repository, writer } = subject;
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
        const { repository, writer, reader } = subject;
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
        expect(result.outcomes.map(({ kind }) => kind)).toEqual([
          'updated',
          'created',
          'updated',
          'deleted',
          'created',
        ]);
        expect(result.reads).toEqual([{ index: 0, url: `Practitioner/${updated.id}` }]);
        const [, createdRole, , , practitioner] = result.outcomes;
        expect((await read(createdRole!)).tree.practitioner).toEqual({ reference: `Practitioner/${practitioner!.id}` });
        expect((await read(patched)).tree.active).toBe(true);
        expect(JSON.stringify((await read(updated)).tree.identifier)).toContain(value);
        const gone = await subject.repository.read(subject.reader, 'Practitioner', deleted.id);
        expect(gone).toEqual({ kind: 'gone' });
      });

      it('is all or nothing whatever its entries do', async () => {
        const [kept, other] = await commit(
          transaction(...[1, 2].map(() => post(newPractitioner(randomUUID()), urn()))),
        );
        if (kept === undefined || other === undefined) throw new Error('two were made');
        const value = randomUUID();
        const put = request('PUT', kept, { ...newPractitioner(value), id: kept.id });
        const refusals: readonly (readonly [FhirTree, string])[] = [
          [
            request('PUT', other, { ...newPractitioner(value), id: other.id }, { ifMatch: 'W/"5"' }),
            'version-mismatch',
          ],
          [
            request('PUT', { type: 'Practitioner', id: 'x' }, { ...newPractitioner(value), id: 'x' }),
            'create-by-update',
          ],
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

    describe('history', () => {
      it('tells of one resource everything that happened, newest first, page by page', async () => {
        const { repository, writer, reader } = subject;
        const [{ type, id }] = (await commit(transaction(post(newPractitioner(randomUUID()), urn())))) as [
          EntryOutcome,
        ];
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
        const { repository, reader } = subject;
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
        const { repository, reader } = subject;
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
  });
}

const SYSTEM = 'https://salus.example/conformance';

function urn(): string {
  return `urn:uuid:${randomUUID()}`;
}

function post(resource: FhirTree, fullUrl: string, request: FhirTree = {}): FhirTree {
  return { fullUrl, resource, request: { method: 'POST', url: resource.resourceType, ...request } };
}

function request(method: string, { type, id }: { type: string; id: string }, resource?: FhirTree, more: FhirTree = {}) {
  return { ...(resource === undefined ? {} : { resource }), request: { method, url: `${type}/${id}`, ...more } };
}

function transaction(...entry: readonly FhirTree[]): FhirTree {
  return { resourceType: 'Bundle', type: 'transaction', entry };
}

function entryCount(bundle: FhirTree): number {
  return Array.isArray(bundle.entry) ? bundle.entry.length : 0;
}

/** Every bundle differs from every other: an engine may refuse the same one twice. */
function newPatient(): FhirTree {
  return { resourceType: 'Patient', identifier: [{ system: SYSTEM, value: randomUUID() }] };
}

function newPractitioner(value: string): FhirTree {
  return { resourceType: 'Practitioner', identifier: [{ system: SYSTEM, value }], name: [{ family: randomUUID() }] };
}

function observation(subject: string): FhirTree {
  return {
    resourceType: 'Observation',
    meta: { tag: [{ system: SYSTEM, code: 'conformance' }] },
    status: 'final',
    code: { coding: [{ system: 'http://loinc.org', code: '29463-7' }] },
    subject: { reference: subject },
    valueQuantity: { value: JSON.rawJSON('72.50'), unit: 'kg' },
  };
}

/** The outcomes of the patient and of the entry that the test is about. */
function ends(outcomes: readonly EntryOutcome[]): readonly [EntryOutcome, EntryOutcome] {
  const [first, second] = outcomes;
  if (first === undefined || second === undefined) throw new Error('two outcomes were expected');
  return [first, second];
}

function foundTree(result: ReadResult): { tree: FhirTree; result: Extract<ReadResult, { kind: 'found' }> } {
  if (result.kind !== 'found') throw new Error(`not found: ${result.kind}`);
  const tree = parseFhirJson(result.text);
  if (!isTree(tree.meta)) throw new Error('a stored resource has meta');
  return { tree, result };
}
