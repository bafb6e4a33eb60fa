import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { scaled, testData } from '@salus/testing';
import { describe, expect, it } from 'vitest';
import { FhirError } from '../fhir-error.ts';
import { NARRATIVE_DEPTH_MAX } from '../narrative.ts';
import { parseFhirJson } from '../parse-json.ts';
import { structureIssues } from '../structure.ts';
import { type FhirTree, isTree, listOf, sameValue, stringifyFhirJson } from '../tree.ts';
import { parseFhirXml } from './parse-xml.ts';
import { writeFhirXml } from './write-xml.ts';

const XMLNS = 'xmlns="http://hl7.org/fhir"';
const roundTrip = (tree: FhirTree): FhirTree => parseFhirXml(writeFhirXml(tree));

function refusalOf(xml: string): FhirError {
  try {
    parseFhirXml(xml);
  } catch (error) {
    if (error instanceof FhirError) return error;
    throw error;
  }
  throw new Error('it was accepted');
}

describe('XML of resources', () => {
  it('is written in the order of the definitions, whatever the order of the JSON', () => {
    const tree = parseFhirJson(
      '{"birthDate":"1974-12-25","name":[{"given":["Ana"],"family":"Novak"}],"active":true,"id":"a","resourceType":"Patient"}',
    );
    expect(writeFhirXml(tree)).toBe(
      `<?xml version="1.0" encoding="UTF-8"?><Patient ${XMLNS}><id value="a"/><active value="true"/><name><family value="Novak"/><given value="Ana"/></name><birthDate value="1974-12-25"/></Patient>`,
    );
  });

  it('keeps number literals, the ids and extensions of primitives, contained resources and the narrative', () => {
    const text = stringifyFhirJson(
      parseFhirJson(`{"resourceType":"Observation","id":"o","text":{"status":"generated","div":"<div xmlns=\\"http://www.w3.org/1999/xhtml\\">a &lt; b <br/><b title='x'>ü</b></div>"},
      "contained":[{"resourceType":"Patient","id":"p","name":[{"given":["A",null,"C"],"_given":[null,{"extension":[{"url":"http://example.org/x","valueCode":"unknown"}]},{"id":"g3"}]}]}],
      "extension":[{"url":"http://example.org/d","valueDecimal":1.50}],"status":"final","code":{"id":"c1","text":"line\\nbreak \\"quoted\\" <tag> & tab\\t"},
      "subject":{"reference":"#p"},"_effectiveDateTime":{"extension":[{"url":"http://example.org/y","valueBoolean":false}]},
      "valueQuantity":{"value":0.0100,"unit":"mg"},"referenceRange":[{"low":{"value":1e2}},{"high":{"value":12345678901234567890}}]}`),
    );
    const tree = parseFhirJson(text);
    expect(structureIssues(tree)).toEqual([]);
    const xml = writeFhirXml(tree);
    for (const part of ['value="1.50"', 'value="0.0100"', 'value="1e2"', 'value="12345678901234567890"']) {
      expect(xml).toContain(part);
    }
    expect(sameValue(parseFhirXml(xml), tree)).toBe(true);
  });

  it('reads what another writer may write: prefixes, comments, CDATA in a narrative, schema hints, white space', () => {
    const tree = parseFhirXml(`<?xml version="1.0"?>
      <!-- a comment -->
      <f:Patient xmlns:f="http://hl7.org/fhir" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="http://hl7.org/fhir patient.xsd">
        <f:active value="true"/>
        <f:name><!-- inside --><f:given value="&#65;na &amp; Co"/></f:name>
      </f:Patient>`);
    expect(tree).toEqual({ resourceType: 'Patient', active: true, name: [{ given: ['Ana & Co'] }] });
  });

  it.each([
    ['no XML at all', 'hello', 'syntax'],
    ['nothing', '', 'syntax'],
    ['an element that does not end', `<Patient ${XMLNS}>`, 'syntax'],
    [
      'a document type with an entity that grows',
      `<!DOCTYPE p [<!ENTITY a "aaaaaaaaaa">]><Patient ${XMLNS}><id value="&a;"/></Patient>`,
      'syntax',
    ],
    ['an entity of a file', `<!DOCTYPE p [<!ENTITY x SYSTEM "file:///etc/passwd">]><Patient ${XMLNS}/>`, 'syntax'],
    ['an entity that XML does not know', `<Patient ${XMLNS}><id value="&nbsp;"/></Patient>`, 'syntax'],
    ['the same attribute twice', `<Patient ${XMLNS}><id value="a" value="b"/></Patient>`, 'syntax'],
    ['another namespace', '<Patient xmlns="http://example.org"/>', 'not-a-resource'],
    ['no namespace', '<Patient/>', 'not-a-resource'],
    ['an element that is no resource', `<HumanName ${XMLNS}/>`, 'not-a-resource'],
    ['an unknown element', `<Patient ${XMLNS}><shoeSize value="1"/></Patient>`, 'structure-invalid'],
    [
      'an element named like a property of every object',
      `<Patient ${XMLNS}><constructor value="1"/></Patient>`,
      'structure-invalid',
    ],
    ['a JSON partner as an element', `<Patient ${XMLNS}><_birthDate value="1"/></Patient>`, 'structure-invalid'],
    ['an unknown attribute', `<Patient ${XMLNS}><id value="a" extra="b"/></Patient>`, 'structure-invalid'],
    ['text between elements', `<Patient ${XMLNS}>x<id value="a"/></Patient>`, 'structure-invalid'],
    [
      'a single element twice',
      `<Patient ${XMLNS}><birthDate value="1990"/><birthDate value="1991"/></Patient>`,
      'structure-invalid',
    ],
    [
      'two of a choice',
      `<Patient ${XMLNS}><deceasedBoolean value="true"/><deceasedDateTime value="1991"/></Patient>`,
      'structure-invalid',
    ],
    ['a boolean that is none', `<Patient ${XMLNS}><active value="TRUE"/></Patient>`, 'structure-invalid'],
    [
      'a number that is none',
      `<Observation ${XMLNS}><valueQuantity><value value="1,5"/></valueQuantity></Observation>`,
      'structure-invalid',
    ],
    ['an empty attribute', `<Patient ${XMLNS}><id value=""/></Patient>`, 'structure-invalid'],
    ['an element without value', `<Patient ${XMLNS}><id/></Patient>`, 'structure-invalid'],
    [
      'two resources in one entry',
      `<Bundle ${XMLNS}><entry><resource><Patient/><Patient/></resource></entry></Bundle>`,
      'structure-invalid',
    ],
    ['an entry’s resource that is empty', `<Bundle ${XMLNS}><entry><resource/></entry></Bundle>`, 'structure-invalid'],
    [
      'a narrative outside of XHTML’s namespace',
      `<Patient ${XMLNS}><text><status value="generated"/><div>x</div></text></Patient>`,
      'structure-invalid',
    ],
    [
      'too deep a nesting',
      `<Questionnaire ${XMLNS}>${'<item>'.repeat(70)}${'</item>'.repeat(70)}</Questionnaire>`,
      'too-deep',
    ],
    [
      'too deep a narrative, at the first element too many and not at the end of the text',
      `<Patient ${XMLNS}><text><status value="generated"/><div xmlns="http://www.w3.org/1999/xhtml">${'<b>'.repeat(NARRATIVE_DEPTH_MAX)}`,
      'too-deep',
    ],
    [
      'too long a number',
      `<Observation ${XMLNS}><valueQuantity><value value="${'1'.repeat(200)}"/></valueQuantity></Observation>`,
      'number-too-long',
    ],
  ])('refuses %s', (_, xml, code) => {
    const refusal = refusalOf(xml);
    expect(refusal.code).toBe(code);
    expect(refusal.message).not.toContain('passwd');
  });

  it('reads a narrative as deep as a narrative may be', () => {
    const inside = NARRATIVE_DEPTH_MAX - 1;
    const div = `<div xmlns="http://www.w3.org/1999/xhtml">${'<b>'.repeat(inside)}x${'</b>'.repeat(inside)}</div>`;
    const tree = parseFhirXml(`<Patient ${XMLNS}><text><status value="generated"/>${div}</text></Patient>`);
    expect(tree).toEqual({ resourceType: 'Patient', text: { status: 'generated', div } });
    expect(structureIssues(tree)).toEqual([]);
  });

  it('refuses to write what XML cannot hold or a reader should not get', () => {
    const patient = (family: string): FhirTree => ({ resourceType: 'Patient', name: [{ family }] });
    expect(() => writeFhirXml(patient('a\u0001b'))).toThrow(/character/);
    const scripted = { resourceType: 'Patient', text: { status: 'generated', div: '<div><script>x</script></div>' } };
    expect(() => writeFhirXml(scripted)).toThrow(FhirError);
    expect(roundTrip(patient('a\u007f\r\n\tb'))).toEqual(patient('a\u007f\r\n\tb'));
  });
});

const folder = testData('synthea');
describe.skipIf(folder === undefined)('the Synthea bundles', () => {
  it('come back equal from XML, every literal', () => {
    const files = globSync('*_*.json', { cwd: folder }).sort();
    let resources = 0;
    for (const file of files.slice(0, scaled(3, files.length))) {
      const bundle = parseFhirJson(readFileSync(join(folder!, file)));
      for (const entry of listOf(bundle.entry)) {
        if (!isTree(entry) || !isTree(entry.resource)) continue;
        resources += 1;
        const back = roundTrip(entry.resource);
        expect(sameValue(back, entry.resource), `${file} ${JSON.stringify(entry.fullUrl)}`).toBe(true);
      }
      expect(sameValue(roundTrip(bundle), bundle), file).toBe(true);
    }
    expect(resources).toBeGreaterThan(scaled(100, 5_000));
  });
});
