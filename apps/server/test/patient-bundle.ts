import { type StoryBundle, storyBundle } from '../src/demonstration/bundle-builder.ts';
import { CONSORTIUM } from '../src/demonstration/consortium.ts';
import { addObservation, addPrescription, loinc, rxnorm } from '../src/demonstration/elements.ts';
import { makePerson, type Person } from '../src/demonstration/people.ts';
import { seeded } from '../src/demonstration/seeded.ts';

const YEAR = 2026;

/** One patient's records at one organisation: the same seed is the same person everywhere. */
export interface PatientPlan {
  readonly slug: string;
  readonly seed: number;
  readonly prescriptions?: number;
  readonly results?: number;
}

export function personOf(seed: number): Person {
  return makePerson(seeded(seed), YEAR);
}

export function recordNumberOf(slug: string, seed: number): string {
  return `${slug}-${1_000_000 + seed}`;
}

/** A transaction bundle with directory, patient, prescriptions and laboratory results. */
export function patientBundle({ slug, seed, prescriptions = 1, results = 1 }: PatientPlan): string {
  const bundle = openBundle(slug, seed);
  for (let index = 0; index < prescriptions; index += 1) addMedicine(bundle, index);
  for (let index = 0; index < results; index += 1) {
    addObservation(bundle, {
      category: 'laboratory',
      code: loinc('2339-0', 'Glucose [Mass/volume] in Blood'),
      value: 90 + (index % 90),
      unit: 'mg/dL',
      at: '2026-03-02T08:00:00Z',
    });
  }
  return bundle.text();
}

/** More prescriptions for a patient who is known already. */
export function prescriptionsBundle(
  slug: string,
  seed: number,
  { from, count }: { readonly from: number; readonly count: number },
): string {
  const bundle = openBundle(slug, seed);
  for (let number = from; number < from + count; number += 1) addMedicine(bundle, number);
  return bundle.text();
}

function openBundle(slug: string, seed: number): StoryBundle {
  const staff = CONSORTIUM.find((organisation) => organisation.slug === slug)!.staff[1]!;
  // Other entry ids each time: only the person is the same.
  const random = seeded(Math.floor(Math.random() * 2 ** 31));
  return storyBundle(random, { slug, staff, person: personOf(seed), recordNumber: recordNumberOf(slug, seed) });
}

function addMedicine(bundle: StoryBundle, number: number): void {
  addPrescription(bundle, {
    code: rxnorm('198440', 'Acetaminophen 500 MG Oral Tablet'),
    text: `Prescription ${number}: one tablet when needed.`,
    at: new Date(Date.UTC(2026, 0, 1) + number * 60_000).toISOString(),
  });
}
