/** A test that can be ordered, and what its result looks like. */
export interface Orderable {
  /** LOINC. */
  readonly code: string;
  readonly display: string;
  /** UCUM unit of the result; undefined where it is a panel. */
  readonly unit: string | undefined;
  readonly category: 'laboratory' | 'vital-signs';
  /**
   * So long a result answers the question that a new one would ask. These are defaults of ours, from how fast each value
   * changes; a laboratory's own rules stand above them. 0: always worth asking again.
   */
  readonly validDays: number;
}

export const ORDERABLES: readonly Orderable[] = [
  {
    code: '4548-4',
    display: 'Hemoglobin A1c/Hemoglobin.total in Blood',
    unit: '%',
    category: 'laboratory',
    validDays: 90,
  },
  { code: '2339-0', display: 'Glucose [Mass/volume] in Blood', unit: 'mg/dL', category: 'laboratory', validDays: 1 },
  {
    code: '2160-0',
    display: 'Creatinine [Mass/volume] in Serum or Plasma',
    unit: 'mg/dL',
    category: 'laboratory',
    validDays: 30,
  },
  { code: '718-7', display: 'Hemoglobin [Mass/volume] in Blood', unit: 'g/dL', category: 'laboratory', validDays: 14 },
  {
    code: '1975-2',
    display: 'Bilirubin.total [Mass/volume] in Serum or Plasma',
    unit: 'mg/dL',
    category: 'laboratory',
    validDays: 30,
  },
  {
    code: '3016-3',
    display: 'Thyrotropin [Units/volume] in Serum or Plasma',
    unit: 'm[IU]/L',
    category: 'laboratory',
    validDays: 42,
  },
  {
    code: '2093-3',
    display: 'Cholesterol [Mass/volume] in Serum or Plasma',
    unit: 'mg/dL',
    category: 'laboratory',
    validDays: 90,
  },
  {
    code: '1988-5',
    display: 'C reactive protein [Mass/volume] in Serum or Plasma',
    unit: 'mg/L',
    category: 'laboratory',
    validDays: 2,
  },
  {
    code: '2823-3',
    display: 'Potassium [Moles/volume] in Serum or Plasma',
    unit: 'mmol/L',
    category: 'laboratory',
    validDays: 3,
  },
  {
    code: '89579-7',
    display: 'Troponin I.cardiac [Mass/volume] in Serum or Plasma by High sensitivity method',
    unit: 'ng/L',
    category: 'laboratory',
    validDays: 0,
  },
  {
    code: '24323-8',
    display: 'Comprehensive metabolic panel',
    unit: undefined,
    category: 'laboratory',
    validDays: 30,
  },
  { code: '29463-7', display: 'Body weight', unit: 'kg', category: 'vital-signs', validDays: 0 },
  { code: '8867-4', display: 'Heart rate', unit: '/min', category: 'vital-signs', validDays: 0 },
  { code: '8310-5', display: 'Body temperature', unit: 'Cel', category: 'vital-signs', validDays: 0 },
];

export const LOINC = 'http://loinc.org';

export function orderableOf(code: string): Orderable | undefined {
  return ORDERABLES.find((known) => known.code === code);
}
