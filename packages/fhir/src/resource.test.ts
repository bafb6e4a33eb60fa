import { describe, expect, it } from 'vitest';
import { parseFhirJson } from './parse-json.ts';
import { withId, withVersion } from './resource.ts';
import { stringifyFhirJson } from './tree.ts';

describe('withId and withVersion', () => {
  it('change id and meta and nothing else', () => {
    const tree = parseFhirJson(
      '{"meta":{"versionId":"old","lastUpdated":"2001-01-01T00:00:00Z","tag":[{"code":"t"}]},"id":"old","valueQuantity":{"value":1.50},"resourceType":"Observation"}',
    );
    const stored = withVersion(withId(tree, 'new'), { versionId: '2', lastUpdatedMs: 0 });
    expect(stringifyFhirJson(stored)).toBe(
      '{"resourceType":"Observation","id":"new","meta":{"versionId":"2","lastUpdated":"1970-01-01T00:00:00.000Z","tag":[{"code":"t"}]},"valueQuantity":{"value":1.50}}',
    );
    expect(tree.id).toBe('old');
  });

  it('give a resource without meta its meta', () => {
    expect(withVersion({ resourceType: 'Basic' }, { versionId: '1', lastUpdatedMs: 0 })).toEqual({
      resourceType: 'Basic',
      meta: { versionId: '1', lastUpdated: '1970-01-01T00:00:00.000Z' },
    });
  });

  it.each(['', 'a_b', 'a b', '../x', 'x'.repeat(65)])('refuse the id %j', (id) => {
    expect(() => withId({ resourceType: 'Basic' }, id)).toThrow(expect.objectContaining({ code: 'id-invalid' }));
  });
});
