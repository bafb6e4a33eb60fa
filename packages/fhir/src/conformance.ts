import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { EntryOutcome } from './bundle-response.ts';
import { parseFhirJson } from './parse-json.ts';
import type { ReadResult, Repository, TransactionOptions } from './repository.ts';
import { sameResource } from './same-resource.ts';
import { type FhirTree, isTree, stringifyFhirJson } from './tree.ts';
import { validateStructure } from './validate.ts';

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
        expect(validateStructure(tree)).toEqual([]);
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
