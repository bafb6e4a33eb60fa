import type { Category } from './categories.ts';

/** Codes of one code system (and its older names) that decide a category. */
export interface CodeTable {
  readonly systems: readonly string[];
  readonly codes: ReadonlyMap<string, Category>;
}

function table(systems: readonly string[], rows: Partial<Record<Category, string>>): CodeTable {
  const codes = new Map<string, Category>();
  for (const [category, list] of Object.entries(rows)) {
    for (const code of list.split(' ')) codes.set(code, category as Category);
  }
  return { systems, codes };
}

export const LOINC = 'http://loinc.org';

/** R4 observation-category; `vital-sign` is a known misspelling of exporters. */
export const OBSERVATION_CATEGORY = table(
  ['http://terminology.hl7.org/CodeSystem/observation-category', 'http://hl7.org/fhir/observation-category'],
  {
    laboratory: 'laboratory',
    imaging: 'imaging',
    'vital-signs': 'vital-signs vital-sign',
    procedures: 'procedure therapy',
    questionnaires: 'survey',
    'social-history': 'social-history activity',
    findings: 'exam',
  },
);

/** For observations without a category: the R4 vital signs profile, smoking and drinking, questionnaire scores. */
export const OBSERVATION_CODE = table([LOINC], {
  'vital-signs':
    '85353-1 9279-1 8867-4 2708-6 59408-5 8310-5 8302-2 8306-3 9843-4 8287-5 29463-7 3141-9 39156-5 85354-9 8480-6 8462-4 8478-0 59576-9',
  'social-history': '72166-2 11367-0 74013-4 63512-8 76690-7 76691-5',
  questionnaires: '44249-1 44261-6 55757-9 55758-7 69737-5 70274-6 72109-2 75626-2 82667-7',
});

/** HL7 v2 table 0074 (diagnostic service section), all its codes. */
export const DIAGNOSTIC_SERVICE = table(
  ['http://terminology.hl7.org/CodeSystem/v2-0074', 'http://hl7.org/fhir/v2/0074'],
  {
    laboratory: 'LAB BG BLB CH CP HM IMM MB MCB MYC OSL PAR PAT SP SR TX URN VR',
    imaging: 'RAD CT CUS IMG NMR NMS OUS RUS RX VUS XRC',
    procedures: 'AU CTH EC EN OT PF PT RC RT',
    genomics: 'CG GE',
    'vital-signs': 'ICU NRS',
    medication: 'PHR',
    notes: 'PHY',
    findings: 'OTH',
  },
);

/** LOINC parts that US Core 3 and later uses as DiagnosticReport categories: radiology, cardiology, pathology. */
export const DIAGNOSTIC_LOINC_PART = table([LOINC], {
  imaging: 'LP29684-5',
  procedures: 'LP29708-2',
  laboratory: 'LP7839-6',
});

/** For reports without a category: LOINC study types. */
export const REPORT_CODE = table([LOINC], {
  laboratory: '11502-2 11526-1 22637-3 60567-5 51990-0 58410-2 24323-8 57698-3',
  imaging: '18748-4 24627-2 30746-2 36643-5 37038-1 24558-9 24566-2',
  procedures: '11524-6 34534-8 28010-7',
  genomics: '51969-4 81247-9',
});

export const DOCUMENT_CATEGORY = table(
  [
    'http://hl7.org/fhir/us/core/CodeSystem/us-core-documentreference-category',
    'http://hl7.org/fhir/us/core/ValueSet/us-core-documentreference-category',
  ],
  { notes: 'clinical-note' },
);

/** LOINC document ontology: the eight note types of US Core, and documents that belong to another category. */
export const DOCUMENT_TYPE = table([LOINC], {
  notes: '11488-4 18842-5 34117-2 28570-0 11506-3 34109-9 51847-2 34133-9 57133-1 28655-9 34111-5 11504-8',
  laboratory: '11502-2 11526-1',
  imaging: '18748-4',
  'care-plans': '18776-5',
  consents: '59284-0 64292-6',
  questionnaires: '74465-6 74468-0',
  medication: '56445-0 57833-6',
});

/** LOINC section codes by which a List says what it lists. */
export const LIST_CODE = table([LOINC], {
  medication: '10160-0 29549-3',
  problems: '11450-4 11348-0',
  allergies: '48765-2',
  immunizations: '11369-6',
  procedures: '47519-4',
  laboratory: '30954-2',
  'vital-signs': '8716-3',
  'social-history': '29762-2',
  'care-plans': '18776-5 61146-7',
  devices: '46264-8',
  encounters: '46240-8',
});
