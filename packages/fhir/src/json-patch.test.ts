import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FhirError } from './fhir-error.ts';
import { applyJsonPatch, PATCH_OPERATIONS_MAX, parseJsonPatch, patchOfBinary } from './json-patch.ts';
import { parseFhirJson } from './parse-json.ts';
import { type FhirTree, sameValue, stringifyFhirJson } from './tree.ts';

const patched = (document: string, patch: string): string =>
  stringifyFhirJson(applyJsonPatch(parseFhirJson(document), parseJsonPatch(patch)));

function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof FhirError) return error.code;
    throw error;
  }
  throw new Error('nothing was refused');
}

/** RFC 6902, appendix A, where the document is an object. */
const RFC_6902: readonly (readonly [section: string, document: string, patch: string, result: string])[] = [
  ['A.1', '{"foo":"bar"}', '[{"op":"add","path":"/baz","value":"qux"}]', '{"foo":"bar","baz":"qux"}'],
  ['A.2', '{"foo":["bar","baz"]}', '[{"op":"add","path":"/foo/1","value":"qux"}]', '{"foo":["bar","qux","baz"]}'],
  ['A.3', '{"baz":"qux","foo":"bar"}', '[{"op":"remove","path":"/baz"}]', '{"foo":"bar"}'],
  ['A.4', '{"foo":["bar","qux","baz"]}', '[{"op":"remove","path":"/foo/1"}]', '{"foo":["bar","baz"]}'],
  ['A.5', '{"baz":"qux","foo":"bar"}', '[{"op":"replace","path":"/baz","value":"boo"}]', '{"baz":"boo","foo":"bar"}'],
  [
    'A.6',
    '{"foo":{"bar":"baz","waldo":"fred"},"qux":{"corge":"grault"}}',
    '[{"op":"move","from":"/foo/waldo","path":"/qux/thud"}]',
    '{"foo":{"bar":"baz"},"qux":{"corge":"grault","thud":"fred"}}',
  ],
  [
    'A.7',
    '{"foo":["all","grass","cows","eat"]}',
    '[{"op":"move","from":"/foo/1","path":"/foo/3"}]',
    '{"foo":["all","cows","eat","grass"]}',
  ],
  [
    'A.8',
    '{"baz":"qux","foo":["a",2,"c"]}',
    '[{"op":"test","path":"/baz","value":"qux"},{"op":"test","path":"/foo/1","value":2}]',
    '{"baz":"qux","foo":["a",2,"c"]}',
  ],
  [
    'A.10',
    '{"foo":"bar"}',
    '[{"op":"add","path":"/child","value":{"grandchild":{}}}]',
    '{"foo":"bar","child":{"grandchild":{}}}',
  ],
  ['A.11', '{"foo":"bar"}', '[{"op":"add","path":"/baz","value":"qux","xyz":123}]', '{"foo":"bar","baz":"qux"}'],
  ['A.14', '{"/":9,"~1":10}', '[{"op":"test","path":"/~01","value":10}]', '{"/":9,"~1":10}'],
  ['A.16', '{"foo":["bar"]}', '[{"op":"add","path":"/foo/-","value":["abc","def"]}]', '{"foo":["bar",["abc","def"]]}'],
];

describe('applyJsonPatch', () => {
  it.each(RFC_6902)('does what RFC 6902 %s shows', (_, document, patch, result) => {
    expect(patched(document, patch)).toBe(result);
  });

  it.each([
    ['A.9, a test that does not hold', '{"baz":"qux"}', '[{"op":"test","path":"/baz","value":"bar"}]'],
    ['A.12, a target that is not there', '{"foo":"bar"}', '[{"op":"add","path":"/baz/bat","value":"qux"}]'],
    ['A.15, a string that is no number', '{"~1":10}', '[{"op":"test","path":"/~01","value":"10"}]'],
    ['another literal of the same number', '{"a":1.50}', '[{"op":"test","path":"/a","value":1.5}]'],
    ['an index beyond the end', '{"a":[1]}', '[{"op":"add","path":"/a/2","value":1}]'],
    ['an index with a zero in front', '{"a":[1,2]}', '[{"op":"remove","path":"/a/01"}]'],
    ['the end of an array, removed', '{"a":[1]}', '[{"op":"remove","path":"/a/-"}]'],
    ['a replacement of nothing', '{"a":1}', '[{"op":"replace","path":"/b","value":1}]'],
    ['a move into itself', '{"a":{"b":{}}}', '[{"op":"move","from":"/a","path":"/a/b/c"}]'],
    ['a way through a value', '{"a":1}', '[{"op":"add","path":"/a/b","value":1}]'],
    ['a name of every object', '{"a":1}', '[{"op":"add","path":"/constructor","value":1}]'],
    ['a name of every object on the way', '{"a":1}', '[{"op":"add","path":"/__proto__/x","value":1}]'],
    ['the whole resource, removed', '{"a":1}', '[{"op":"remove","path":""}]'],
    ['the whole resource as a list', '{"a":1}', '[{"op":"replace","path":"","value":[]}]'],
  ])('refuses %s', (_, document, patch) => {
    expect(codeOf(() => patched(document, patch))).toBe('patch-failed');
  });

  it('keeps number literals, those of the document and those of the patch', () => {
    expect(
      patched(
        '{"a":1.50,"b":0.010}',
        '[{"op":"copy","from":"/a","path":"/c"},{"op":"replace","path":"/b","value":1e5}]',
      ),
    ).toBe('{"a":1.50,"b":1e5,"c":1.50}');
  });

  it('leaves the tree that it is given as it is', () => {
    const tree = parseFhirJson('{"a":{"b":[1,2]}}');
    const before = stringifyFhirJson(tree);
    applyJsonPatch(tree, parseJsonPatch('[{"op":"add","path":"/a/b/0","value":9},{"op":"remove","path":"/a"}]'));
    expect(stringifyFhirJson(tree)).toBe(before);
  });

  it('refuses a patch that doubles itself, and one that nests without end', () => {
    const doubling = JSON.stringify(
      Array.from({ length: 60 }, (_, at) => ({ op: 'copy', from: '/a', path: `/a/x${at}` })),
    );
    expect(codeOf(() => patched('{"a":{"b":1}}', doubling))).toBe('patch-failed');
    const nesting = JSON.stringify(
      Array.from({ length: 100 }, () => [
        { op: 'add', path: '/b', value: {} },
        { op: 'move', from: '/a', path: '/b/x' },
        { op: 'move', from: '/b', path: '/a' },
      ]).flat(),
    );
    expect(codeOf(() => patched('{"a":{}}', nesting))).toBe('patch-failed');
  });

  it('undoes what it does', () => {
    const names = fc.constantFrom('a', 'b', 'c');
    const values = fc.oneof(fc.integer(), fc.string(), fc.boolean(), fc.constant(JSON.rawJSON('1.50')));
    fc.assert(
      fc.property(fc.dictionary(names, values), names, values, (members, name, value) => {
        const tree = { ...members, resourceType: 'Basic' } as FhirTree;
        const path = [name];
        const added = applyJsonPatch(tree, [{ op: 'add', path, value }]);
        expect(sameValue(added[name], value)).toBe(true);
        const back: Parameters<typeof applyJsonPatch>[1] = Object.hasOwn(members, name)
          ? [{ op: 'replace', path, value: members[name]! }]
          : [{ op: 'remove', path }];
        expect(sameValue(applyJsonPatch(added, back), tree)).toBe(true);
      }),
    );
  });
});

describe('parseJsonPatch', () => {
  it.each([
    ['no array', '{"op":"remove","path":"/a"}', 'patch-invalid'],
    ['no operation', '[]', 'patch-invalid'],
    ['what is no object', '[1]', 'patch-invalid'],
    ['an unknown operation', '[{"op":"merge","path":"/a","value":1}]', 'patch-invalid'],
    ['no value', '[{"op":"add","path":"/a"}]', 'patch-invalid'],
    ['no path', '[{"op":"remove"}]', 'patch-invalid'],
    ['a path that is no pointer', '[{"op":"remove","path":"a"}]', 'patch-invalid'],
    ['a broken escape', '[{"op":"remove","path":"/a~2"}]', 'patch-invalid'],
    ['no source', '[{"op":"move","path":"/a"}]', 'patch-invalid'],
    ['what is no JSON', '[', 'syntax'],
    ['one name twice', '[{"op":"add","op":"remove","path":"/a"}]', 'duplicate-key'],
  ])('refuses %s', (_, patch, code) => {
    expect(codeOf(() => parseJsonPatch(patch))).toBe(code);
  });

  it('refuses too many operations', () => {
    const operation = { op: 'remove', path: '/a' };
    const patch = JSON.stringify(Array.from({ length: PATCH_OPERATIONS_MAX + 1 }, () => operation));
    expect(codeOf(() => parseJsonPatch(patch))).toBe('patch-invalid');
  });

  it('takes a patch out of a Binary, and no other form of patch', () => {
    const data = Buffer.from('[{"op":"remove","path":"/a"}]').toString('base64');
    const binary = { resourceType: 'Binary', contentType: 'application/json-patch+json', data };
    expect(patchOfBinary(binary, 'x')).toEqual([{ op: 'remove', path: ['a'] }]);
    expect(codeOf(() => patchOfBinary({ ...binary, contentType: 'application/fhir+json' }, 'x'))).toBe('not-supported');
    expect(codeOf(() => patchOfBinary({ ...binary, data: 1 }, 'x'))).toBe('patch-invalid');
  });
});
