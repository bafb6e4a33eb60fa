/**
 * HL7 v2 tables to FHIR codes, after the concept maps of the v2-to-FHIR guide 1.0.0 (hl7.fhir.uv.v2mappings,
 * "Table HL7nnnn to …"), of which each table here names its number.
 */
export type CodeMap = ReadonlyMap<string, string>;

/** 0001 Administrative sex → AdministrativeGender. */
export const GENDER: CodeMap = new Map([
  ['F', 'female'],
  ['M', 'male'],
  ['O', 'other'],
  ['A', 'other'],
  ['N', 'other'],
  ['C', 'other'],
  ['U', 'unknown'],
]);

/** 0002 Marital status → v3-MaritalStatus; what is not here has no code of its own there. */
export const MARITAL_STATUS: CodeMap = new Map([
  ['A', 'L'],
  ['D', 'D'],
  ['I', 'I'],
  ['M', 'M'],
  ['S', 'S'],
  ['W', 'W'],
  ['C', 'C'],
  ['P', 'T'],
  ['T', 'T'],
  ['U', 'UNK'],
]);

/** 0004 Patient class → v3-ActCode. */
export const PATIENT_CLASS: CodeMap = new Map([
  ['E', 'EMER'],
  ['I', 'IMP'],
  ['O', 'AMB'],
  ['P', 'PRENC'],
  ['R', 'AMB'],
  ['B', 'IMP'],
]);

/** 0085 Observation result status → ObservationStatus. */
export const OBSERVATION_STATUS: CodeMap = new Map([
  ['C', 'corrected'],
  ['D', 'entered-in-error'],
  ['F', 'final'],
  ['I', 'registered'],
  ['N', 'registered'],
  ['O', 'registered'],
  ['P', 'preliminary'],
  ['R', 'preliminary'],
  ['S', 'preliminary'],
  ['U', 'final'],
  ['W', 'entered-in-error'],
  ['X', 'cancelled'],
]);

/** 0123 Result status → DiagnosticReportStatus. */
export const REPORT_STATUS: CodeMap = new Map([
  ['A', 'partial'],
  ['C', 'corrected'],
  ['F', 'final'],
  ['I', 'registered'],
  ['M', 'corrected'],
  ['O', 'registered'],
  ['P', 'preliminary'],
  ['R', 'preliminary'],
  ['S', 'registered'],
  ['X', 'cancelled'],
]);

/** 0078 Interpretation codes → v3-ObservationInterpretation, which took them over by these names. */
export const INTERPRETATIONS: ReadonlySet<string> = new Set(
  '< > A AA B CAR D H H> HH HU I IE IND L L< LL LU N NCL ND NEG NR NS POS R RR S SDD SYN-R SYN-S U W WR'.split(' '),
);

/** 0190 Address type → AddressUse. */
export const ADDRESS_USE: CodeMap = new Map([
  ['B', 'work'],
  ['BA', 'old'],
  ['BI', 'billing'],
  ['C', 'temp'],
  ['H', 'home'],
  ['O', 'work'],
  ['P', 'home'],
  ['V', 'temp'],
]);

/** 0200 Name type → NameUse. */
export const NAME_USE: CodeMap = new Map([
  ['A', 'anonymous'],
  ['B', 'official'],
  ['BAD', 'old'],
  ['D', 'usual'],
  ['K', 'nickname'],
  ['L', 'official'],
  ['M', 'maiden'],
  ['N', 'nickname'],
  ['NOUSE', 'old'],
  ['S', 'anonymous'],
  ['T', 'temp'],
  ['TEMP', 'temp'],
]);

/** 0201 Telecommunication use → ContactPointUse. */
export const TELECOM_USE: CodeMap = new Map([
  ['PRN', 'home'],
  ['ORN', 'home'],
  ['VHN', 'home'],
  ['WPN', 'work'],
  ['PRS', 'mobile'],
]);

/** 0202 Telecommunication equipment → ContactPointSystem. */
export const TELECOM_SYSTEM: CodeMap = new Map([
  ['PH', 'phone'],
  ['CP', 'phone'],
  ['FX', 'fax'],
  ['BP', 'pager'],
  ['SAT', 'phone'],
  ['INTERNET', 'email'],
  ['X.400', 'email'],
]);

/** 0396 Coding system → URI. HL7nnnn is every v2 table; local systems (L, 99…) have no URI. */
const CODING_SYSTEMS: CodeMap = new Map([
  ['LN', 'http://loinc.org'],
  ['SCT', 'http://snomed.info/sct'],
  ['SNM3', 'http://snomed.info/sct'],
  ['UCUM', 'http://unitsofmeasure.org'],
  ['I10', 'http://hl7.org/fhir/sid/icd-10'],
  ['I10C', 'http://hl7.org/fhir/sid/icd-10-cm'],
  ['I9C', 'http://hl7.org/fhir/sid/icd-9-cm'],
  ['RXNORM', 'http://www.nlm.nih.gov/research/umls/rxnorm'],
  ['CVX', 'http://hl7.org/fhir/sid/cvx'],
  ['NDC', 'http://hl7.org/fhir/sid/ndc'],
  ['C4', 'http://www.ama-assn.org/go/cpt'],
]);

/** The URI of a coding system as CWE-3 names it; undefined for a local one. */
export function codingSystem(name: string): string | undefined {
  const table = /^HL7(\d{4})$/.exec(name)?.[1];
  return table === undefined ? CODING_SYSTEMS.get(name) : `http://terminology.hl7.org/CodeSystem/v2-${table}`;
}
