import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { EntryOutcome } from '../bundle-response.ts';
import { parseFhirJson } from '../parse-json.ts';
import { sameResource } from '../same-resource.ts';
import type { FhirTree } from '../tree.ts';
import { validateForWrite } from '../validate.ts';
import { newPractitioner, observation, post, SYSTEM, transaction, urn } from './sample-bundles.ts';
import type { Trial } from './trial.ts';

/** Every literal that JSON.parse and JSON.stringify would lose. */
const LITERALS = ['1.50', '0.010', '12345678901234567890', '1e5', '-0.0', '100.00'] as const;

/** What a transaction of creates does. */
export function transactions<Caller>(trial: Trial<Caller>): void {
  const { commit, refusedCode, read, patientBundle } = trial;
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
}

function entryCount(bundle: FhirTree): number {
  return Array.isArray(bundle.entry) ? bundle.entry.length : 0;
}

/** The outcomes of the patient and of the entry that the test is about. */
function ends(outcomes: readonly EntryOutcome[]): readonly [EntryOutcome, EntryOutcome] {
  const [first, second] = outcomes;
  if (first === undefined || second === undefined) throw new Error('two outcomes were expected');
  return [first, second];
}
