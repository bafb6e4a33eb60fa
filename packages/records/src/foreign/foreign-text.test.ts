import { parseFhirJson, stringifyFhirJson } from '@salus/fhir';
import { expect, test } from 'vitest';
import { asForeign, asSearchedHere, displayedTargets, subjectOf, withoutSeeAlso, withSeeAlso } from './foreign-text.ts';

const BASE = 'https://author.example/a/fhir/R4';
const TREE = parseFhirJson(
  JSON.stringify({
    resourceType: 'Observation',
    id: 'theirs',
    meta: { versionId: '3', lastUpdated: '2026-01-01T00:00:00.000Z', source: 'urn:x', profile: ['http://p.example'] },
    text: { status: 'generated', div: '<div xmlns="http://www.w3.org/1999/xhtml"><a href="Patient/p">x</a></div>' },
    status: 'final',
    code: { coding: [{ display: 'a code' }] },
    subject: { reference: 'Patient/p', display: 'known' },
    encounter: { reference: 'Encounter/e/_history/2', _display: { extension: [] }, display: 'unknown' },
    performer: [
      { reference: 'https://elsewhere.example/Practitioner/1', display: 'elsewhere' },
      { identifier: { value: '7' }, display: 'by identifier' },
      { reference: '#inside', display: 'contained' },
      { display: 'by nothing' },
    ],
  }).replace('"status":"final"', '"valueQuantity":{"value":1.50},"status":"final"'),
);

const place = {
  base: BASE,
  id: 'theirs',
  version: 3,
  localId: 'ours',
  mayName: (target: string) => target === 'Patient/p',
};

test('shows another’s resource under the local id, with the author’s version as its source', () => {
  const tree = asForeign(TREE, place);
  expect(tree.id).toBe('ours');
  expect(tree.meta).toEqual({
    ...{ versionId: '3', lastUpdated: '2026-01-01T00:00:00.000Z', source: `${BASE}/Observation/theirs/_history/3` },
    profile: ['http://p.example'],
  });
  expect(stringifyFhirJson(tree)).toContain('"value":1.50');
});

test('makes relative references and links of the narrative absolute, and leaves all others', () => {
  const text = stringifyFhirJson(asForeign(TREE, place));
  for (const there of [
    `"reference":"${BASE}/Patient/p"`,
    `"reference":"${BASE}/Encounter/e/_history/2"`,
    '"reference":"https://elsewhere.example/Practitioner/1"',
    '"reference":"#inside"',
    `href=\\"${BASE}/Patient/p\\"`,
  ]) {
    expect(text).toContain(there);
  }
});

test('keeps a display only of what may be named or is contained', () => {
  const text = stringifyFhirJson(asForeign(TREE, place));
  for (const kept of ['known', 'contained', 'a code']) expect(text).toContain(`"display":"${kept}"`);
  for (const gone of ['unknown', 'elsewhere', 'by identifier', 'by nothing'])
    expect(text).not.toContain(`"display":"${gone}"`);
  expect(text).not.toContain('_display');
  // No element of FHIR is empty.
  expect(text).not.toContain('{}');
  expect(text).toContain('"valueCode":"masked"');
  expect(displayedTargets(TREE).toSorted()).toEqual(['Encounter/e', 'Patient/p']);
});

test('lets a search compare the patient here, and nobody else of the author’s', () => {
  const own = asSearchedHere(TREE, { base: BASE, localId: 'ours', subject: 'p', patient: 'q' });
  expect(own).toMatchObject({ id: 'ours', subject: { reference: 'Patient/q' } });
  expect(own.encounter).toMatchObject({ reference: `${BASE}/Encounter/e/_history/2` });
  const other = asSearchedHere(TREE, { base: BASE, localId: 'ours', subject: 'x', patient: 'q' });
  expect(other.subject).toMatchObject({ reference: `${BASE}/Patient/p` });
});

test('tells whose a resource is, and of the directory’s that it is nobody’s', () => {
  expect(subjectOf(TREE)).toBe('p');
  expect(subjectOf({ resourceType: 'Patient', id: 'p' })).toBe('p');
  expect(subjectOf({ resourceType: 'Practitioner', id: 'd' })).toBeNull();
  expect(subjectOf({ resourceType: 'Observation', id: 'o' })).toBeNull();
});

test('adds links to a Patient once, and takes exactly those away again', () => {
  const other = { other: { reference: 'Patient/2' }, type: 'replaces' };
  const patient = { resourceType: 'Patient', id: '1', link: [other] };
  const urls = [`${BASE}/Patient/p`];
  const linked = withSeeAlso(withSeeAlso(patient, urls), urls);
  expect(linked.link).toEqual([other, { other: { reference: urls[0] }, type: 'seealso' }]);
  expect(withoutSeeAlso(linked, urls)).toEqual(patient);
  expect(withoutSeeAlso(withSeeAlso({ resourceType: 'Patient', id: '1' }, urls), urls)).not.toHaveProperty('link');
});
