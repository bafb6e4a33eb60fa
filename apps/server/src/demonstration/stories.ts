import { type StoryBundle, storyBundle } from './bundle-builder.ts';
import { author } from './consortium.ts';
import {
  addAllergy,
  addBloodPressure,
  addCondition,
  addDispense,
  addEncounter,
  addObservation,
  addPrescription,
  addProcedure,
  addReport,
  loinc,
  rxnorm,
  snomed,
  storyTime,
  type When,
} from './elements.ts';
import { makePerson, type Person } from './people.ts';
import { type Seeded, seeded } from './seeded.ts';

/** One organisation's share of one patient's story. */
export interface Chapter {
  readonly organisation: string;
  readonly recordNumber: string;
  readonly bundle: string;
}

export interface Story {
  readonly title: 'chest-pain' | 'diabetic-year' | 'surgery';
  readonly person: Person;
  readonly chapters: readonly Chapter[];
}

type Telling = (story: Cast) => void;

interface Cast {
  readonly random: Seeded;
  readonly when: When;
  at(organisation: string): StoryBundle;
}

const STORIES: { readonly [title in Story['title']]: Telling } = {
  'chest-pain': tellChestPain,
  'diabetic-year': tellDiabeticYear,
  surgery: tellSurgery,
};

/**
 * Invents patients and what happened to them, in turn chest pain, a diabetic's year and a surgery: the same seed and end
 * give the same text. Everybody and everything in it is fictitious.
 */
export function tellStories({
  seed,
  endMs,
  count,
}: {
  readonly seed: number;
  readonly endMs: number;
  readonly count: number;
}): readonly Story[] {
  const titles = Object.keys(STORIES) as Story['title'][];
  return Array.from({ length: count }, (_, index) => tell(titles[index % titles.length]!, seeded(seed + index), endMs));
}

function tell(title: Story['title'], random: Seeded, endMs: number): Story {
  const person = makePerson(random, new Date(endMs).getUTCFullYear());
  const bundles = new Map<string, { readonly recordNumber: string; readonly bundle: StoryBundle }>();
  const at = (slug: string): StoryBundle => {
    const known = bundles.get(slug);
    if (known !== undefined) return known.bundle;
    const recordNumber = `${slug}-${random.integer(1_000_000, 9_999_999)}`;
    const bundle = storyBundle(random, { slug, staff: author(slug), person, recordNumber });
    bundles.set(slug, { recordNumber, bundle });
    return bundle;
  };
  STORIES[title]({ random, when: storyTime(endMs), at });
  const chapters = [...bundles].map(([organisation, { recordNumber, bundle }]) => ({
    organisation,
    recordNumber,
    bundle: bundle.text(),
  }));
  return { title, person, chapters };
}

function tellChestPain({ random, when, at }: Cast): void {
  const hospital = at('hospital-a');
  const day = random.integer(20, 60);
  const reason = snomed('29857009', 'Chest pain');
  const encounter = addEncounter(hospital, { kind: 'EMER', reason, start: when(day, 8), end: when(day, 15) });
  addBloodPressure(hospital, {
    systolic: random.integer(148, 172),
    diastolic: random.integer(86, 102),
    at: when(day, 8),
    encounter,
  });
  addObservation(hospital, {
    category: 'vital-signs',
    code: loinc('8867-4', 'Heart rate'),
    value: random.integer(88, 118),
    unit: '/min',
    at: when(day, 8),
    encounter,
  });
  addCondition(hospital, { code: reason, onset: when(day, 7), status: 'resolved', encounter });
  const troponin = [9, 12].map((hour) =>
    addObservation(hospital, {
      category: 'laboratory',
      code: loinc('89579-7', 'Troponin I.cardiac [Mass/volume] in Serum or Plasma by High sensitivity method'),
      value: random.integer(3, 11),
      unit: 'ng/L',
      at: when(day, hour),
      encounter,
    }),
  );
  addReport(hospital, {
    code: loinc('89577-1', 'Troponin I.cardiac panel'),
    at: when(day, 13),
    results: troponin,
    conclusion: 'No significant rise between the two samples.',
  });
  addCondition(hospital, {
    code: snomed('235595009', 'Gastroesophageal reflux disease'),
    onset: when(day, 14),
    status: 'active',
    encounter,
  });
  const omeprazole = rxnorm('198053', 'Omeprazole 20 MG Delayed Release Oral Capsule');
  addPrescription(hospital, {
    code: omeprazole,
    text: 'One capsule each morning before breakfast for four weeks.',
    at: when(day, 15),
    encounter,
  });
  addDispense(at('pharmacy'), { code: omeprazole, quantity: 28, at: when(day, 17) });
  const followUp = at('hospital-b');
  const visit = addEncounter(followUp, {
    kind: 'AMB',
    reason: snomed('390906007', 'Follow-up encounter'),
    start: when(day - 14, 10),
    end: when(day - 14, 11),
  });
  addBloodPressure(followUp, {
    systolic: random.integer(128, 140),
    diastolic: random.integer(78, 88),
    at: when(day - 14, 10),
    encounter: visit,
  });
}

function tellDiabeticYear({ random, when, at }: Cast): void {
  const hospital = at('hospital-a');
  const laboratory = at('laboratory');
  const diabetes = snomed('44054006', 'Type 2 diabetes mellitus');
  const metformin = rxnorm('860975', '24 HR Metformin hydrochloride 500 MG Extended Release Oral Tablet');
  addCondition(hospital, { code: diabetes, onset: when(360), status: 'active' });
  // In tenths of a per cent, falling through the year as treatment takes hold.
  let hba1c = random.integer(84, 96);
  for (const day of [350, 260, 170, 80]) {
    const encounter = addEncounter(hospital, {
      kind: 'AMB',
      reason: diabetes,
      start: when(day, 9),
      end: when(day, 10),
    });
    addBloodPressure(hospital, {
      systolic: random.integer(126, 150),
      diastolic: random.integer(76, 92),
      at: when(day, 9),
      encounter,
    });
    addObservation(hospital, {
      category: 'vital-signs',
      code: loinc('29463-7', 'Body weight'),
      value: random.integer(780, 960) / 10,
      unit: 'kg',
      at: when(day, 9),
      encounter,
    });
    addPrescription(hospital, {
      code: metformin,
      text: 'One tablet with the evening meal.',
      at: when(day, 10),
      encounter,
    });
    const results = [
      addObservation(laboratory, {
        category: 'laboratory',
        code: loinc('4548-4', 'Hemoglobin A1c/Hemoglobin.total in Blood'),
        value: hba1c / 10,
        unit: '%',
        at: when(day - 1, 14),
      }),
      addObservation(laboratory, {
        category: 'laboratory',
        code: loinc('2339-0', 'Glucose [Mass/volume] in Blood'),
        value: random.integer(118, 186),
        unit: 'mg/dL',
        at: when(day - 1, 14),
      }),
      addObservation(laboratory, {
        category: 'laboratory',
        code: loinc('2160-0', 'Creatinine [Mass/volume] in Serum or Plasma'),
        value: random.integer(70, 115) / 100,
        unit: 'mg/dL',
        at: when(day - 1, 14),
      }),
    ];
    addReport(laboratory, {
      code: loinc('24323-8', 'Comprehensive metabolic panel'),
      at: when(day - 1, 16),
      results,
      conclusion: 'See the single results.',
    });
    addDispense(at('pharmacy'), { code: metformin, quantity: 90, at: when(day - 2, 17) });
    hba1c -= random.integer(4, 9);
  }
}

function tellSurgery({ random, when, at }: Cast): void {
  const hospital = at('hospital-b');
  const day = random.integer(90, 200);
  const stones = snomed('235919008', 'Calculus of gallbladder');
  addAllergy(hospital, snomed('294505008', 'Allergy to amoxicillin'), when(day + 400));
  const clinic = addEncounter(hospital, {
    kind: 'AMB',
    reason: stones,
    start: when(day + 21, 11),
    end: when(day + 21, 12),
  });
  addCondition(hospital, { code: stones, onset: when(day + 21), status: 'resolved', encounter: clinic });
  addObservation(at('laboratory'), {
    category: 'laboratory',
    code: loinc('1975-2', 'Bilirubin.total [Mass/volume] in Serum or Plasma'),
    value: random.integer(6, 14) / 10,
    unit: 'mg/dL',
    at: when(day + 20, 15),
  });
  addObservation(at('laboratory'), {
    category: 'laboratory',
    code: loinc('718-7', 'Hemoglobin [Mass/volume] in Blood'),
    value: random.integer(121, 158) / 10,
    unit: 'g/dL',
    at: when(day + 20, 15),
  });
  const stay = addEncounter(hospital, { kind: 'IMP', reason: stones, start: when(day, 7), end: when(day - 2, 10) });
  addProcedure(hospital, {
    code: snomed('45595009', 'Laparoscopic cholecystectomy'),
    start: when(day, 9),
    end: when(day, 11),
    encounter: stay,
  });
  for (const hour of [12, 16, 20]) {
    addBloodPressure(hospital, {
      systolic: random.integer(108, 134),
      diastolic: random.integer(64, 82),
      at: when(day, hour),
      encounter: stay,
    });
    addObservation(hospital, {
      category: 'vital-signs',
      code: loinc('8310-5', 'Body temperature'),
      value: random.integer(362, 378) / 10,
      unit: 'Cel',
      at: when(day, hour),
      encounter: stay,
    });
  }
  const paracetamol = rxnorm('198440', 'Acetaminophen 500 MG Oral Tablet');
  addPrescription(hospital, {
    code: paracetamol,
    text: 'One or two tablets up to four times a day when needed, for five days.',
    at: when(day - 2, 10),
    encounter: stay,
  });
  addDispense(at('pharmacy'), { code: paracetamol, quantity: 30, at: when(day - 2, 13) });
  const aftercare = at('hospital-a');
  addEncounter(aftercare, {
    kind: 'AMB',
    reason: snomed('390906007', 'Follow-up encounter'),
    start: when(day - 12, 9),
    end: when(day - 12, 10),
  });
}
