import { scaled, testData } from '@salus/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { done, expectStory, type ImportReport, type StoryDesks } from '../../test/story.ts';
import { EXIT } from '../exit-codes.ts';
import { readBundle, type SentBundle, syntheaFiles, writeMedicationFixture } from './bundles.ts';
import { type Demonstration, type Desk, openDemonstration } from './desk.ts';

const synthea = testData('synthea');
/** Entries of all published bundles (the data's own manifest). */
const ALL_ENTRIES = 5_053;
/** Some thirty command lines, each with a log-in whose password hash is slow on purpose. */
const STORY_TIMEOUT_MS = 480_000;

let demonstration: Demonstration;
let desk: Desk;
let desks: StoryDesks;

beforeAll(async () => {
  demonstration = await openDemonstration();
  ({ desk } = demonstration);
  const passphrase = desk.secretFile('passphrase', 'correct horse battery staple');
  desks = { a: desk, b: desk, home: desk, passphrase, nodeOfB: () => demonstration.url() };
}, 240_000);

afterAll(() => demonstration[Symbol.asyncDispose]());

describe.skipIf(synthea === undefined)('a record goes from hospital A to hospital B with the patient’s consent', () => {
  it('imports published bundles, every entry answered, and refuses the same bundle again', async () => {
    const files = syntheaFiles(synthea!).slice(0, scaled(2, 21));
    const bundles = files.map(readBundle);
    const sent = bundles.reduce((sum, { resources }) => sum + resources.length, 0);
    if (files.length === 21) expect(sent).toBe(ALL_ENTRIES);
    const report = (
      await done(desk, 'import', '--org', 'hospital-a', '--as', 'a.rossi', ...files)
    ).json<ImportReport>();
    expect(report).toMatchObject({ refused: 0 });
    expect(report.created + report.matched).toBe(sent);
    expect(report.created).toBeGreaterThan(0);
    const again = await desk.salus('import', '--json', '--as', 'a.rossi', files[0]!);
    expect(again.exit).toBe(EXIT.refused);
    expect(again.json<ImportReport>().files[0]?.error?.code).toBe('already-imported');
    const taken = (await done(desk, 'import', '--again', '--as', 'a.rossi', files[0]!)).json<ImportReport>();
    expect(taken.created + taken.matched).toBe(bundles[0]!.resources.length);
    // The same providers are matched by identifier: none is there twice.
    expect(taken.matched).toBeGreaterThan(0);
  });

  it(
    'opens exactly the medication of published patients',
    async () => {
      const withMedication = syntheaFiles(synthea!).filter((name) => medicationCount(readBundle(name)) > 0);
      const files = [withMedication[0]!, ...withMedication.slice(-2)].slice(0, scaled(1, 3));
      for (const [at, file] of files.entries()) await expectStory(desks, `published-${at}`, file);
      expect(files.length).toBe(scaled(1, 3));
    },
    STORY_TIMEOUT_MS,
  );
});

describe('numbers that doubles would change', () => {
  it(
    'arrive at hospital B as they were written at hospital A',
    async () => {
      const texts = await expectStory(desks, 'fixture', writeMedicationFixture(desk.home));
      for (const literal of ['1.50', '0.010', '12345678901234567890', '100E-3']) {
        expect(
          texts.some((text) => text.includes(literal)),
          literal,
        ).toBe(true);
      }
    },
    STORY_TIMEOUT_MS,
  );
});

function medicationCount({ resources }: SentBundle): number {
  return resources.filter(({ tree }) => tree.resourceType === 'MedicationRequest').length;
}
