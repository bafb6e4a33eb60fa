import type { LabelClass } from './categories.ts';

/**
 * Codes that make a resource sensitive even where its author set no security label. Deliberately short: only what is
 * obvious from the code alone. It lowers no label, and does not replace the author's judgement.
 */
export interface SensitiveCodes {
  /** Codes that must match whole. */
  readonly exact: ReadonlyMap<string, LabelClass>;
  /** Beginnings of codes, for hierarchical systems (ICD-10, ATC), longest first. */
  readonly prefixes: readonly (readonly [prefix: string, labelClass: LabelClass])[];
}

type Rows = Partial<Record<Exclude<LabelClass, 'N'>, string>>;

function exact(rows: Rows): SensitiveCodes {
  return { exact: new Map(pairs(rows)), prefixes: [] };
}

function prefixes(rows: Rows): SensitiveCodes {
  return { exact: new Map(), prefixes: pairs(rows).sort((a, b) => b[0].length - a[0].length) };
}

function pairs(rows: Rows): (readonly [string, LabelClass])[] {
  return Object.entries(rows).flatMap(([labelClass, codes]) =>
    codes.split(' ').map((code) => [code, labelClass as LabelClass] as const),
  );
}

/** HL7 v3 ActCode, everything below `_InformationSensitivityPolicy`, mapped to the class that a patient can decide on. */
export const ACT_CODE_SENSITIVITIES: ReadonlyMap<string, LabelClass> = new Map(
  pairs({
    PSY: 'BH MH PSY PSYTHPN COGN DVD EMOTDIS',
    HIV: 'HIV',
    SUD: 'ETH SUD ETHUD OPIOIDUD',
    SEX: 'SEX STD',
    SDV: 'SDV MST VIO',
    GDIS: 'GDIS SCA SICKLE',
    R: 'SPI TBOO DEMO DOB GENDER LIVARG MARST RACE REL B EMPL LOCIS SSP ADOL CEL DIA DRGIS EMP PDS PHY PRS',
  }),
);

/** HL7 v3 Confidentiality: what is more than normal. */
export const CONFIDENTIALITIES: ReadonlyMap<string, LabelClass> = new Map(
  pairs({ PSY: 'PSY', HIV: 'HIV', SUD: 'ETH', SDV: 'SDV', R: 'R V B D I C S T' }),
);

/** WHO ICD-10 and its ICD-10-CM revision share these blocks. */
const icd10 = prefixes({
  SUD: 'F10 F11 F12 F13 F14 F15 F16 F18 F19 Z71.41 Z71.51',
  PSY: 'F01 F02 F03 F04 F05 F06 F07 F09 F2 F3 F4 F5 F6 F9 R45.851 X71 X72 X73 X74 X75 X76 X77 X78 X79 X80 X81 X82 X83 T14.91',
  HIV: 'B20 B21 B22 B23 B24 Z21 O98.7 R75',
  SEX: 'A50 A51 A52 A53 A54 A55 A56 A57 A58 A59 A60 A63 A64 O04 Z33.2 Z30 F64 F52',
  SDV: 'T74 T76 Y07 Z69 Z04.4 Z04.7',
  GDIS: 'D57 G10 E84 Z15',
});

const snomed = exact({
  PSY: '74732009 35489007 36923009 66344007 370143000 13746004 58214004 47505003 197480006 21897009 191736004 406506008 192127007 72366004 56882008 78004001 31297008 6471006',
  HIV: '86406008 62479008 165816005 52079000 91947003',
  SUD: '7200002 15167005 66590003 26416006 191816009 75544000 5602001 6525002 31956009 78267003 85005007 37344009 66214007',
  SEX: '15628003 76272004 8098009 240589008 33839006',
  SDV: '706893006 397940009 412732008 90774003',
  GDIS: '417357006 58756001 190905008',
});

const loinc = exact({
  PSY: '44249-1 44261-6 55757-9 55758-7 69737-5 70274-6 89204-2',
  HIV: '7917-8 7918-6 29893-5 30361-0 31201-7 20447-9 25836-8 70241-5 56888-1 75622-1 68961-2 69668-2 48345-3',
  SUD: '75626-2 72109-2 82667-7',
  SEX: '21613-5 43304-5 43305-2 24111-7 20507-0 76690-7 76691-5',
  SDV: '76499-3 76500-8 76501-6 76502-4',
});

/** Ingredients; products are recognised where they carry an ATC code. */
const rxnorm = exact({
  PSY: '2626 5093 6448 35636 36437 4493 32937 2556 321988 51272 61381 89013',
  HIV: '11413 195085 276237 1433868 85762',
  SUD: '6813 1819 7243 3554 82819',
});

const atc = prefixes({
  PSY: 'N05A N06A',
  HIV: 'J05AR J05AE J05AG J05AJ',
  SUD: 'N07BB N07BC',
  SEX: 'G03A',
});

export const SENSITIVE_CODES: ReadonlyMap<string, SensitiveCodes> = new Map([
  ['http://hl7.org/fhir/sid/icd-10', icd10],
  ['http://hl7.org/fhir/sid/icd-10-cm', icd10],
  ['http://hl7.org/fhir/sid/icd-10-gm', icd10],
  ['http://fhir.de/CodeSystem/bfarm/icd-10-gm', icd10],
  ['http://snomed.info/sct', snomed],
  ['http://loinc.org', loinc],
  ['http://www.nlm.nih.gov/research/umls/rxnorm', rxnorm],
  ['http://www.whocc.no/atc', atc],
]);
