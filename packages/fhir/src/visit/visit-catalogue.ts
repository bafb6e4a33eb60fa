import type { FhirTree } from '../tree.ts';

const LOINC = 'http://loinc.org';
const RXNORM = 'http://www.nlm.nih.gov/research/umls/rxnorm';

/** A test that can be ordered in a visit: what is measured, and in which UCUM units. */
export interface OfferedTest {
  readonly code: string;
  readonly display: string;
  readonly measures: readonly { readonly code: string; readonly display: string; readonly unit: string }[];
}

/** A medicine that can be prescribed in a visit; its usual directions are offered, and may be changed. */
export interface OfferedMedicine {
  readonly code: string;
  readonly display: string;
  readonly directions: string;
  readonly quantity: number;
}

export const OFFERED_TESTS: readonly OfferedTest[] = [
  {
    code: '4548-4',
    display: 'Hemoglobin A1c/Hemoglobin.total in Blood',
    measures: [{ code: '4548-4', display: 'Hemoglobin A1c/Hemoglobin.total in Blood', unit: '%' }],
  },
  {
    code: '51990-0',
    display: 'Basic metabolic panel - Blood',
    measures: [
      { code: '2339-0', display: 'Glucose [Mass/volume] in Blood', unit: 'mg/dL' },
      { code: '2160-0', display: 'Creatinine [Mass/volume] in Serum or Plasma', unit: 'mg/dL' },
    ],
  },
  {
    code: '718-7',
    display: 'Hemoglobin [Mass/volume] in Blood',
    measures: [{ code: '718-7', display: 'Hemoglobin [Mass/volume] in Blood', unit: 'g/dL' }],
  },
  {
    code: '1988-5',
    display: 'C reactive protein [Mass/volume] in Serum or Plasma',
    measures: [{ code: '1988-5', display: 'C reactive protein [Mass/volume] in Serum or Plasma', unit: 'mg/L' }],
  },
];

export const OFFERED_MEDICINES: readonly OfferedMedicine[] = [
  {
    code: '860975',
    display: '24 HR Metformin hydrochloride 500 MG Extended Release Oral Tablet',
    directions: 'One tablet with the evening meal.',
    quantity: 90,
  },
  {
    code: '198053',
    display: 'Omeprazole 20 MG Delayed Release Oral Capsule',
    directions: 'One capsule each morning before breakfast.',
    quantity: 28,
  },
  {
    code: '198440',
    display: 'Acetaminophen 500 MG Oral Tablet',
    directions: 'One or two tablets up to four times a day when needed.',
    quantity: 30,
  },
];

export function testConcept({ code, display }: Pick<OfferedTest, 'code' | 'display'>): FhirTree {
  return { coding: [{ system: LOINC, code, display }], text: display };
}

export function medicineConcept({ code, display }: OfferedMedicine): FhirTree {
  return { coding: [{ system: RXNORM, code, display }], text: display };
}

/** What is asked before a visit; the patient's app says it in the patient's language. */
export type Question =
  | { readonly linkId: 'since'; readonly kind: 'choice'; readonly text: string; readonly options: readonly Since[] }
  | { readonly linkId: 'worse' | 'fever' | 'allergies'; readonly kind: 'yes-no'; readonly text: string }
  | { readonly linkId: 'more'; readonly kind: 'text'; readonly text: string };

/** For how long it has troubled the patient. */
export type Since = 'today' | 'days' | 'weeks' | 'longer';

export const QUESTIONNAIRE_URL = 'urn:salus:questionnaire:visit:1';

export const QUESTIONS: readonly Question[] = [
  {
    linkId: 'since',
    kind: 'choice',
    text: 'Since when?',
    options: ['today', 'days', 'weeks', 'longer'],
  },
  { linkId: 'worse', kind: 'yes-no', text: 'Is it getting worse?' },
  { linkId: 'fever', kind: 'yes-no', text: 'Do you have a fever?' },
  { linkId: 'allergies', kind: 'yes-no', text: 'Has a medicine ever caused you an allergy?' },
  { linkId: 'more', kind: 'text', text: 'What else should the clinician know?' },
];

/** The questionnaire as a resource (R4 §12.9). */
export function intakeQuestionnaire(): FhirTree {
  return {
    resourceType: 'Questionnaire',
    url: QUESTIONNAIRE_URL,
    status: 'active',
    subjectType: ['Patient'],
    item: QUESTIONS.map((question) => ({
      linkId: question.linkId,
      text: question.text,
      type: question.kind === 'yes-no' ? 'boolean' : question.kind === 'text' ? 'string' : 'choice',
      ...(question.kind === 'choice' ? { answerOption: question.options.map((valueString) => ({ valueString })) } : {}),
    })),
  };
}
