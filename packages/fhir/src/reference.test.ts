import { describe, expect, it } from 'vitest';
import { parseReference, referencesAt } from './reference.ts';

describe('parseReference', () => {
  it.each([
    ['Patient/1', { kind: 'local', type: 'Patient', id: '1' }],
    ['Patient/1/_history/2', { kind: 'local', type: 'Patient', id: '1', version: '2' }],
    [
      'urn:uuid:8ce7db7b-9b9b-41ae-b1d7-3f2d1c728a13',
      { kind: 'urn', urn: 'urn:uuid:8ce7db7b-9b9b-41ae-b1d7-3f2d1c728a13' },
    ],
    ['urn:oid:1.2.3', { kind: 'urn', urn: 'urn:oid:1.2.3' }],
    ['#p', { kind: 'contained', id: 'p' }],
    ['#', { kind: 'contained', id: '' }],
    ['Practitioner?identifier=a|b', { kind: 'conditional', type: 'Practitioner', query: 'identifier=a|b' }],
    [
      'https://example.org/fhir/Patient/1',
      {
        kind: 'absolute',
        url: 'https://example.org/fhir/Patient/1',
        base: 'https://example.org/fhir/',
        type: 'Patient',
        id: '1',
      },
    ],
    ['Nobody/1', { kind: 'other' }],
    ['Nobody?identifier=1', { kind: 'other' }],
    ['Patient/1/2', { kind: 'other' }],
    ['Patient/a_b', { kind: 'other' }],
    ['../Patient/1', { kind: 'other' }],
    ['https://example.org/Patient/1?x', { kind: 'other' }],
    ['toString/1', { kind: 'other' }],
    ['', { kind: 'other' }],
  ])('%s', (text, parsed) => {
    expect(parseReference(text)).toEqual(parsed);
  });
});

describe('referencesAt', () => {
  it('walks through arrays and over what is no reference', () => {
    const tree = {
      participant: [
        { actor: { reference: 'Patient/1' } },
        { actor: { display: 'x' } },
        'odd',
        { actor: [{ reference: 'Device/2' }] },
      ],
    };
    expect(referencesAt(tree, 'participant.actor')).toEqual(['Patient/1', 'Device/2']);
    expect(referencesAt(tree, 'subject')).toEqual([]);
  });
});
