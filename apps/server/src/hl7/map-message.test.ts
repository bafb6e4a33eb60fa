import { type FhirTree, hasErrors, validateResource } from '@salus/fhir';
import { describe, expect, it } from 'vitest';
import { er7 } from '../../test/feed.ts';
import type { Reading } from './data-types.ts';
import { findFault } from './fault.ts';
import { mapMessage } from './map-message.ts';
import { parseHl7Message } from './message.ts';

const READING: Reading = {
  sender: 'FAC',
  systemOf: (namespace) => `urn:test:${namespace}`,
  ownSystem: (kind) => `urn:test:own:${kind}`,
  timeZone: '+01:00',
};
const header = (type: string): string => `MSH|^~\\&|APP|FAC|||20260301||${type}|1|P|2.5.1`;
/** A segment by its fields' numbers. */
function segment(name: string, fields: Readonly<Record<number, string>>): string {
  const last = Math.max(...Object.keys(fields).map(Number));
  return [name, ...Array.from({ length: last }, (_, at) => fields[at + 1] ?? '')].join('|');
}

const PID = segment('PID', {
  ...{
    1: '1',
    3: '1^^^HOSP^MR~2^^^&1.2.276.0.76.4.1&ISO^SS',
    5: 'Doe^Jane^Q^Jr^Dr^^L~Roe^Jane^^^^^M',
    7: '19700203101500',
  },
  ...{ 8: 'F', 11: '1 High St^Flat 2^Town^ST^12345^US^H', 13: '^PRN^CP^^1^212^5551234~^NET^INTERNET^jane@example.org' },
  ...{ 16: 'M', 24: 'Y', 25: '2', 29: '20260228120000', 30: 'Y' },
});
const VISIT = segment('PV1', {
  ...{ 1: '1', 2: 'E', 3: 'W^1^2^H', 7: '77^Rossi^Chiara^^^Dr^^^HOSP', 8: '88^Mehta^Arjun', 9: '99^Nurse^Elsa' },
  ...{ 10: 'MED', 17: '77^Rossi^Chiara^^^Dr^^^HOSP', 19: 'V1^^^HOSP', 44: '20260228080000', 45: '20260301100000' },
});

function mapped(...segments: readonly string[]): readonly FhirTree[] {
  const { patient, others } = mapMessage(parseHl7Message(er7(...segments)), READING);
  return [patient, ...others].map(({ resource }) => resource);
}

/** References inside a message are `urn:uuid`s until they are resolved. */
function errorsOf(tree: FhirTree): readonly unknown[] {
  const issues = validateResource(tree);
  return hasErrors(issues) ? issues.filter(({ severity }) => severity === 'error') : [];
}

function result(type: string, value: string, unit = ''): FhirTree {
  const trees = mapped(header('ORU^R01'), PID, 'OBR|1||9|1^Panel^L', `OBX|1|${type}|1^Test^L||${value}|${unit}|||||F`);
  return trees.find(({ resourceType }) => resourceType === 'Observation')!;
}

describe('a mapped message', () => {
  it('is made of resources that validate', () => {
    const adt = mapped(
      header('ADT^A01'),
      PID,
      'NK1|1|Doe^John|SPO^Spouse^HL70063|1 High St|^PRN^PH^^1^212^5550000',
      VISIT,
    );
    const oru = mapped(
      header('ORU^R01'),
      PID,
      'ORC|RE|P1^ORD|F1^LAB',
      segment('OBR', {
        ...{ 1: '1', 2: 'P1^ORD', 3: 'F1^LAB', 4: '24323-8^Panel^LN', 7: '20260301101500', 8: '20260301102000' },
        ...{ 22: '20260301113000', 24: 'LAB', 25: 'F', 32: '&Path&Ann' },
      }),
      'NTE|1||whole panel',
      'OBX|1|NM|2345-7^Glucose^LN^GLU^Glukose^L||1.50|mmol/L^mmol/L^UCUM|3.5-5.0|L|||F|||20260301101600||55^Tech^Tom|GC^Method^L',
      'OBX|2|SN|1^Titre^L||>^100||||||F',
      'OBX|3|SN|2^Ratio^L||^1^:^80||||||F',
      'OBX|4|CWE|3^Group^L||A^Group A^L||||||F',
      'OBX|5|TX|4^Text^L||line 1~line 2||||||P',
      'OBX|6|DT|5^Day^L||20260301||||||C',
      'OBX|7|TM|6^Time^L||1015||||||F',
      `OBX|8|ED|7^Report^L||^application^pdf^Base64^${Buffer.from('%PDF').toString('base64')}||||||F`,
    );
    expect(adt.map(({ resourceType }) => resourceType)).toEqual([
      ...['Patient', 'Practitioner', 'Practitioner', 'Practitioner', 'Practitioner', 'Encounter'],
    ]);
    expect(oru.filter(({ resourceType }) => resourceType === 'Observation')).toHaveLength(7);
    for (const tree of [...adt, ...oru]) expect(errorsOf(tree), JSON.stringify(tree)).toEqual([]);
  }, 240_000);

  it('keeps each value as its type says, and number literals as they were written', () => {
    expect(JSON.stringify(result('NM', '1.50', 'g/L^^UCUM'))).toContain('"value":1.50');
    expect(result('NM', '120', 'mmHg^^UCUM').valueQuantity).toEqual({ value: 120, unit: 'mmHg' });
    expect(result('NM', '120', 'mm[Hg]^^UCUM').valueQuantity).toMatchObject({ code: 'mm[Hg]' });
    expect(result('NM', '+007.0').valueQuantity).toEqual({ value: JSON.rawJSON('7.0') });
    expect(result('SN', '>=^5').valueQuantity).toMatchObject({ value: 5, comparator: '>=' });
    expect(result('SN', '^1^-^3').valueRange).toMatchObject({ low: { value: 1 }, high: { value: 3 } });
    expect(result('ST', 'a^b').valueString).toBe('a^b');
    expect(result('TS', '202603011015+0000').valueDateTime).toBe('2026-03-01T10:15:00Z');
    expect(result('TM', '1015').valueTime).toBe('10:15:00');
    expect(result('ST', '').valueString).toBeUndefined();
  });

  it('is refused where a value is not of its type, with the place', () => {
    const wrong = [
      ...[
        ['NM', 'x'],
        ['NM', '1e5'],
        ['SN', '~^x'],
        ['DT', '20260230'],
        ['TM', '2561'],
        ['RP', 'x'],
        ['ED', '^^^A^x'],
      ],
    ] as const;
    for (const [type, value] of wrong) {
      const refused = (): unknown => {
        try {
          return result(type, value);
        } catch (error) {
          return findFault(error);
        }
      };
      expect(refused(), `${type} ${value}`).toMatchObject({
        acknowledgement: 'AE',
        location: expect.stringMatching(/^OBX\^1/),
      });
    }
  });

  it('takes the sender’s own number for the sender’s, and an authority by its universal id', () => {
    const [patient] = mapped(header('ADT^A08'), 'PID|1||5~6^^^N&1.2.3&ISO||Doe');
    expect(patient!.identifier).toEqual([
      { system: 'urn:test:FAC', value: '5' },
      { system: 'urn:oid:1.2.3', value: '6' },
    ]);
  });

  it('is about one patient', () => {
    for (const segments of [[PID, PID], []]) {
      expect(() => mapped(header('ADT^A08'), ...segments)).toThrow('not one patient');
    }
  });
});
