import { type FhirTree, isTree, listOf, stringOf } from '../tree.ts';

const BASE = 'http://hl7.org/fhir/StructureDefinition/';

/**
 * R4 §10.1.3.2 (vital signs): an Observation with the first of these LOINC codes "SHALL conform" to the profile. The
 * others are more special codes of the same sign, by method or site, as HL7's validator takes them: R4 wants the first
 * beside them, which much of the world's data lacks, so that what they imply is a warning.
 */
const VITAL_SIGNS: readonly (readonly [profile: string, codes: string])[] = [
  ['vitalspanel', '85353-1'],
  ['resprate', '9279-1 76170-0 76172-6 76171-8 19840-8 33438-3 76270-8 11291-2'],
  [
    'heartrate',
    '8867-4 60978-4 73795-7 73799-9 76476-1 76477-9 8889-8 8890-6 8891-4 8892-2 8893-0 40443-4 55425-3 68999-2 11328-2 69000-8 8886-4',
  ],
  ['oxygensat', '2708-6 19224-5 20564-1 2709-4 2710-2 2713-6 51733-4 59408-5 59417-6 89276-0 97549-0'],
  [
    'bodytemp',
    '8310-5 60834-9 60835-6 60836-4 60838-0 60955-2 61009-7 75539-7 75987-8 76010-8 76011-6 76278-1 8309-7 8328-7 8329-5 8330-3 8331-1 8332-9 8333-7 8334-5 91371-5 98657-0 98663-8',
  ],
  ['bodyheight', '8302-2 3137-7 3138-5 8306-3 8308-9'],
  ['headcircum', '9843-4 8287-5'],
  ['bodyweight', '29463-7 3141-9 3142-7 75292-3 79348-9 8350-1 8351-9'],
  ['bmi', '39156-5 89270-3'],
  ['bp', '85354-9 35094-2 8459-0 76534-7 55284-4 8480-6'],
];

export interface ImpliedProfile {
  readonly url: string;
  /** Does the resource have the code that the profile itself asks for? */
  readonly binding: boolean;
}

const IMPLIED: ReadonlyMap<string, ImpliedProfile> = new Map(
  VITAL_SIGNS.flatMap(([profile, codes]) =>
    codes.split(' ').map((code, index) => [code, { url: BASE + profile, binding: index === 0 }] as const),
  ),
);

/** The profile that R4 asks of an Observation because of its code. */
export function impliedProfile({ resourceType, code }: FhirTree): ImpliedProfile | undefined {
  if (resourceType !== 'Observation' || !isTree(code)) return undefined;
  const codings = listOf(code.coding).flatMap((coding) =>
    isTree(coding) && coding.system === 'http://loinc.org' ? (stringOf(coding.code) ?? []) : [],
  );
  const implied = codings.flatMap((one) => IMPLIED.get(one) ?? []);
  return implied.find(({ binding }) => binding) ?? implied[0];
}
