import { createHash } from 'node:crypto';
import { parseFhirJson } from '@salus/fhir';
import { expect, test } from 'vitest';
import { bundleDigest } from './bundle-digest.ts';

const digest = (text: string): string => bundleDigest(parseFhirJson(text));

test('is SHA-256 over the bundle with its keys in order and without white space, number literals kept', () => {
  const text = '{"total":1.50,"entry":[{"b":"ä\\n","a":[]},{}],"resourceType":"Bundle"}';
  const sorted = '{"entry":[{"a":[],"b":"ä\\n"},{}],"resourceType":"Bundle","total":1.50}';
  expect(digest(text)).toBe(createHash('sha256').update(sorted).digest('base64url'));
});

test('depends on no white space and no order of keys, and on everything else', () => {
  const bundle = '{"resourceType":"Bundle","entry":[{"a":1,"b":2},{"c":null}]}';
  expect(digest('{ "entry": [ {"b":2, "a":1}, {"c":null} ], "resourceType": "Bundle" }')).toBe(digest(bundle));
  const others = [
    '{"resourceType":"Bundle","entry":[{"c":null},{"a":1,"b":2}]}',
    '{"resourceType":"Bundle","entry":[{"a":1,"b":"2"},{"c":null}]}',
    '{"resourceType":"Bundle","entry":[{"a":1,"b":2.0},{"c":null}]}',
    '{"resourceType":"Bundle","entry":[{"a":1,"b":2},{}]}',
  ];
  expect(new Set([bundle, ...others].map(digest)).size).toBe(1 + others.length);
});
