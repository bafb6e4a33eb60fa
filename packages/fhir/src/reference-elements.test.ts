import { expect, it } from 'vitest';
import { parseFhirJson } from './parse-json.ts';
import { mapReferences } from './reference-elements.ts';
import { stringifyFhirJson } from './tree.ts';

const TEXT = JSON.stringify({
  resourceType: 'Observation',
  contained: [{ resourceType: 'Medication', id: 'm', manufacturer: { display: 'inside' } }],
  extension: [{ url: 'http://example.org/e', valueReference: { display: 'extended' } }],
  status: 'final',
  code: { coding: [{ system: 'http://loinc.org', code: '1', display: 'no reference' }], text: 'code' },
  subject: { reference: 'Patient/1', display: 'subject' },
  performer: [{ reference: 'Practitioner/1' }, { identifier: { value: 'x', assigner: { display: 'assigner' } } }],
});

it('finds every Reference, also in contained resources, extensions and identifiers, and nothing else', () => {
  const displays: unknown[] = [];
  const tree = parseFhirJson(TEXT);
  const same = mapReferences(tree, (reference) => {
    if (reference.display !== undefined) displays.push(reference.display);
    return reference;
  });
  expect(same).toBe(tree);
  expect(new Set(displays)).toEqual(new Set(['assigner', 'extended', 'inside', 'subject']));
  expect(displays).toHaveLength(4);
});

it('replaces what it is told to and leaves the rest as it was, number literals too', () => {
  const tree = parseFhirJson(TEXT.replace('"status"', '"valueQuantity":{"value":1.50},"status"'));
  const text = stringifyFhirJson(mapReferences(tree, ({ display: _display, ...rest }) => rest));
  expect(text).toContain('"value":1.50');
  expect(text).toContain('"display":"no reference"');
  for (const gone of ['assigner"}', 'extended', 'inside', '"display":"subject"']) expect(text).not.toContain(gone);
  expect(text).toContain('"reference":"Patient/1"');
});
