/** A medicine that can be prescribed: RxNorm's code, and the words by which an allergy to it is recognised. */
export interface Prescribable {
  /** RxNorm. */
  readonly code: string;
  readonly display: string;
  readonly ingredients: readonly string[];
}

export const PRESCRIBABLES: readonly Prescribable[] = [
  { code: '198440', display: 'Acetaminophen 500 MG Oral Tablet', ingredients: ['acetaminophen', 'paracetamol'] },
  {
    code: '860975',
    display: '24 HR Metformin hydrochloride 500 MG Extended Release Oral Tablet',
    ingredients: ['metformin'],
  },
  { code: '198053', display: 'Omeprazole 20 MG Delayed Release Oral Capsule', ingredients: ['omeprazole'] },
  { code: '308191', display: 'Amoxicillin 500 MG Oral Capsule', ingredients: ['amoxicillin', 'penicillin'] },
  { code: '310965', display: 'Ibuprofen 200 MG Oral Tablet', ingredients: ['ibuprofen'] },
  { code: '314076', display: 'Lisinopril 10 MG Oral Tablet', ingredients: ['lisinopril'] },
  { code: '617310', display: 'Atorvastatin 20 MG Oral Tablet', ingredients: ['atorvastatin'] },
];

export const RXNORM = 'http://www.nlm.nih.gov/research/umls/rxnorm';
