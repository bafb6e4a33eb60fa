import { describe, expect, it } from 'vitest';
import { parseFhirJson } from './parse-json.ts';
import { sameResource } from './same-resource.ts';

const URN = 'urn:uuid:11111111-1111-4111-8111-111111111111';
const referenceMap = new Map([
  [URN, 'Patient/1'],
  ['Practitioner?identifier=a|1', 'Practitioner/2'],
]);

function same(a: string, b: string): boolean {
  return sameResource(parseFhirJson(a), parseFhirJson(b), { referenceMap });
}

function observation(rest: string): string {
  return `{"resourceType":"Observation",${rest}}`;
}

describe('sameResource', () => {
  it('ignores id, meta and the order of keys', () => {
    expect(
      same(
        observation('"id":"a","meta":{"tag":[]},"status":"final"'),
        '{"status":"final","id":"b","resourceType":"Observation"}',
      ),
    ).toBe(true);
  });

  it('sees a literal, a missing element, and an id further inside', () => {
    expect(same(observation('"valueQuantity":{"value":1.50}'), observation('"valueQuantity":{"value":1.50}'))).toBe(
      true,
    );
    expect(same(observation('"valueQuantity":{"value":1.50}'), observation('"valueQuantity":{"value":1.5}'))).toBe(
      false,
    );
    expect(same(observation('"valueInteger":1'), observation('"status":"final"'))).toBe(false);
    expect(same(observation('"component":[{"id":"a"}]'), observation('"component":[{"id":"b"}]'))).toBe(false);
  });

  it('compares references by what they became', () => {
    const sent = observation(
      `"subject":{"reference":"${URN}"},"performer":[{"reference":"Practitioner?identifier=a|1"}]`,
    );
    const stored = (patient: string) =>
      observation(`"subject":{"reference":"${patient}"},"performer":[{"reference":"Practitioner/2"}]`);
    expect(same(sent, stored('Patient/1'))).toBe(true);
    expect(same(sent, stored('Patient/2'))).toBe(false);
    expect(same(sent, stored(URN))).toBe(false);
  });

  it('does without a map', () => {
    expect(sameResource({ resourceType: 'Basic', id: '1' }, { resourceType: 'Basic', id: '2' })).toBe(true);
    expect(sameResource({ resourceType: 'Basic' }, { resourceType: 'List' })).toBe(false);
  });
});
