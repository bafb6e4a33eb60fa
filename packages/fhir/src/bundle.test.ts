import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ResolvedEntry, type ResolveOptions, resolveBundle } from './bundle.ts';
import { BUNDLE_ENTRIES_MAX } from './bundle-entry.ts';
import { FHIR_ERROR_CODES, FhirError } from './fhir-error.ts';
import { parseFhirJson } from './parse-json.ts';
import { type FhirTree, type FhirValue, stringifyFhirJson } from './tree.ts';

const A = 'urn:uuid:aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa';
const B = 'urn:uuid:bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb';

function options(extra: Partial<ResolveOptions> = {}): ResolveOptions {
  let next = 0;
  return { newId: () => `n${++next}`, lookup: { findByIdentifier: () => [] }, ...extra };
}

/** A repository that knows these identifiers. */
function holding(known: Readonly<Record<string, readonly string[]>>): Partial<ResolveOptions> {
  return { lookup: { findByIdentifier: (type, { system, value }) => known[`${type} ${system ?? ''}|${value}`] ?? [] } };
}

function post(resource: FhirTree, fullUrl?: string, request: FhirTree = {}): FhirTree {
  return {
    ...(fullUrl === undefined ? {} : { fullUrl }),
    resource,
    request: { method: 'POST', url: resource.resourceType, ...request },
  };
}

function transaction(...entry: readonly FhirTree[]): FhirTree {
  return { resourceType: 'Bundle', type: 'transaction', ...(entry.length === 0 ? {} : { entry }) };
}

async function resources(bundle: FhirTree, extra?: Partial<ResolveOptions>): Promise<readonly FhirTree[]> {
  const { entries } = await resolveBundle(bundle, options(extra));
  return entries.flatMap((entry) => (entry.kind === 'create' ? [entry.resource] : []));
}

async function refusal(bundle: FhirTree, extra?: Partial<ResolveOptions>) {
  const error = await resolveBundle(bundle, options(extra)).catch((error: unknown) => error);
  if (!(error instanceof FhirError)) throw new Error('the bundle was not refused', { cause: error });
  return [error.code, error.expression];
}

const patient: FhirTree = { resourceType: 'Patient' };
const practitioner: FhirTree = { resourceType: 'Practitioner', identifier: [{ system: 'npi', value: '1' }] };
const refersTo = (reference: string): FhirTree => ({ resourceType: 'Observation', subject: { reference } });

/** What is created or matched: all that these bundles ask for. */
const made = (entries: readonly ResolvedEntry[]) =>
  entries.filter((entry) => entry.kind === 'create' || entry.kind === 'matched');

describe('resolveBundle', () => {
  it('gives every entry a new id and rewrites references forward, backward and in circles', async () => {
    const bundle = transaction(
      post({ resourceType: 'Encounter', id: 'old', partOf: { reference: B } }, A),
      post({ resourceType: 'Encounter', partOf: { reference: A }, subject: { reference: B } }, B),
    );
    expect(await resources(bundle)).toEqual([
      { resourceType: 'Encounter', id: 'n1', partOf: { reference: 'Encounter/n2' } },
      {
        resourceType: 'Encounter',
        id: 'n2',
        partOf: { reference: 'Encounter/n1' },
        subject: { reference: 'Encounter/n2' },
      },
    ]);
  });

  it('reports what every link became', async () => {
    const bundle = transaction(
      post(patient, A),
      post(refersTo('Practitioner?identifier=npi|1'), B),
      post(practitioner),
    );
    const { links, entries } = await resolveBundle(bundle, options());
    expect([...links]).toEqual([
      [A, 'Patient/n1'],
      [B, 'Observation/n2'],
      ['Practitioner?identifier=npi|1', 'Practitioner/n3'],
    ]);
    expect(made(entries).map(({ kind, index, type, id, fullUrl }) => [kind, index, type, id, fullUrl])).toEqual([
      ['create', 0, 'Patient', 'n1', A],
      ['create', 1, 'Observation', 'n2', B],
      ['create', 2, 'Practitioner', 'n3', undefined],
    ]);
  });

  it('keeps number literals, contained references, logical references and absolute URLs', async () => {
    const text =
      '{"resourceType":"Observation","contained":[{"resourceType":"Specimen","id":"s"}],"subject":{"identifier":{"value":"1"}},"specimen":{"reference":"#s"},"focus":[{"reference":"https://example.org/fhir/Patient/1"},{"reference":"Patient/9"}],"valueQuantity":{"value":12345678901234567890.50}}';
    const [resource] = await resources(transaction(post(parseFhirJson(text), A)));
    expect(stringifyFhirJson(resource ?? {})).toBe(text.replace('"Observation",', '"Observation","id":"n1",'));
  });

  it('rewrites links that are no references, and not what merely looks like one', async () => {
    const document: FhirTree = {
      resourceType: 'DocumentReference',
      identifier: [{ system: 'urn:ietf:rfc:3986', value: A }],
      content: [{ attachment: { url: A } }],
      text: { status: 'generated', div: `<div><a href="${A}">x</a></div>` },
    };
    const [, resource] = await resources(transaction(post({ resourceType: 'Binary' }, A), post(document)));
    expect(resource).toMatchObject({
      identifier: [{ value: A }],
      content: [{ attachment: { url: 'Binary/n1' } }],
      text: { div: '<div><a href="Binary/n1">x</a></div>' },
    });
  });

  it('resolves relative references against the server that an entry comes from', async () => {
    const base = 'https://elsewhere.example/fhir/';
    const bundle = transaction(
      post(patient, `${base}Patient/1`),
      post(
        { ...refersTo('Patient/1'), focus: [{ reference: 'Patient/2' }, { reference: `${base}Patient/1` }] },
        `${base}Observation/1`,
      ),
    );
    const focus = (second: string) => [{ reference: second }, { reference: 'Patient/n1' }];
    const [, foreign] = await resources(bundle);
    expect(foreign).toMatchObject({ subject: { reference: 'Patient/n1' }, focus: focus(`${base}Patient/2`) });
    const [, own] = await resources(transaction(post(refersTo('Patient/2'), `${base}Observation/1`)), {
      baseUrl: base,
    });
    expect(own).toBeUndefined();
    expect(
      await resources(transaction(post(refersTo('Patient/2'), `${base}Observation/1`)), { baseUrl: base }),
    ).toMatchObject([{ subject: { reference: 'Patient/2' } }]);
  });

  it('refuses a urn that is no entry, but keeps urns that are only identifiers', async () => {
    expect(await refusal(transaction(post(refersTo(B), A)))).toEqual([
      'reference-unresolved',
      'Bundle.entry[0].resource',
    ]);
    const coded: FhirTree = { resourceType: 'Basic', code: { coding: [{ system: 'urn:oid:1.2.3', code: 'x' }] } };
    expect(await resources(transaction(post(coded)))).toEqual([{ ...coded, id: 'n1' }]);
  });

  it.each<[string, FhirTree, readonly (string | undefined)[]]>([
    ['another resource', patient, ['bundle-invalid', 'Bundle']],
    ['a batch', { resourceType: 'Bundle', type: 'batch' }, ['not-supported', 'Bundle.type']],
    ['a collection', { resourceType: 'Bundle', type: 'collection' }, ['bundle-invalid', 'Bundle.type']],
    [
      'entries that are no array',
      { resourceType: 'Bundle', type: 'transaction', entry: {} },
      ['bundle-invalid', 'Bundle.entry'],
    ],
    ['an entry that is no object', transaction(1 as unknown as FhirTree), ['bundle-invalid', 'Bundle.entry[0]']],
    ['no request', transaction({ resource: patient }), ['bundle-invalid', 'Bundle.entry[0].request']],
    [
      'no resource',
      transaction({ request: { method: 'POST', url: 'Patient' } }),
      ['bundle-invalid', 'Bundle.entry[0].resource'],
    ],
    ['an unknown type', transaction(post({ resourceType: 'Nobody' })), ['bundle-invalid', 'Bundle.entry[0].resource']],
    [
      'another url',
      transaction(post(patient, A, { url: 'Patient/1' })),
      ['bundle-invalid', 'Bundle.entry[0].request.url'],
    ],
    ['an empty fullUrl', transaction(post(patient, '')), ['bundle-invalid', 'Bundle.entry[0].fullUrl']],
    [
      'one fullUrl twice',
      transaction(post(patient, A), post(patient, A)),
      ['duplicate-full-url', 'Bundle.entry[1].fullUrl'],
    ],
    [
      'PUT of a type',
      transaction(post(patient, A, { method: 'PUT' })),
      ['bundle-invalid', 'Bundle.entry[0].request.url'],
    ],
    [
      'another method',
      transaction(post(patient, A, { method: 'MOVE' })),
      ['bundle-invalid', 'Bundle.entry[0].request.method'],
    ],
    [
      'PATCH of a type',
      transaction(post(patient, A, { method: 'PATCH' })),
      ['bundle-invalid', 'Bundle.entry[0].request.url'],
    ],
    [
      'DELETE of a type',
      transaction(post(patient, A, { method: 'DELETE' })),
      ['bundle-invalid', 'Bundle.entry[0].request.url'],
    ],
    [
      'ifMatch',
      transaction(post(patient, A, { ifMatch: 'W/"1"' })),
      ['not-supported', 'Bundle.entry[0].request.ifMatch'],
    ],
  ])('refuses %s', async (_, bundle, expected) => {
    expect(await refusal(bundle)).toEqual(expected);
  });

  it('accepts no entries, and the greatest number, and refuses one more', async () => {
    expect(await resources(transaction())).toEqual([]);
    const entries = Array.from({ length: BUNDLE_ENTRIES_MAX }, () => post(patient));
    expect(await resources(transaction(...entries))).toHaveLength(BUNDLE_ENTRIES_MAX);
    expect(await refusal(transaction(...entries, post(patient)))).toEqual(['too-many-entries', 'Bundle.entry']);
  });

  it('refuses ids that FHIR does not allow', async () => {
    expect(await refusal(transaction(post(patient)), { newId: () => 'a_b' })).toEqual(['id-invalid', undefined]);
  });
});

describe('conditional references', () => {
  const bundle = transaction(post(refersTo('Practitioner?identifier=npi|1')));
  const place = 'Bundle.entry[0].resource';

  it('become the one match of the repository or of the bundle', async () => {
    expect(await resources(bundle, holding({ 'Practitioner npi|1': ['p'] }))).toMatchObject([
      { subject: { reference: 'Practitioner/p' } },
    ]);
    const within = transaction(post(refersTo('Practitioner?identifier=npi|1')), post(practitioner));
    expect(await resources(within)).toMatchObject([{ subject: { reference: 'Practitioner/n2' } }, { id: 'n2' }]);
  });

  it('refuse without a match and with more than one, wherever they are', async () => {
    expect(await refusal(bundle)).toEqual(['no-match', place]);
    expect(await refusal(bundle, holding({ 'Practitioner npi|1': ['p', 'q'] }))).toEqual(['multiple-matches', place]);
    const doubled = transaction(
      post(refersTo('Practitioner?identifier=npi|1')),
      post(practitioner),
      post(practitioner),
    );
    expect(await refusal(doubled)).toEqual(['multiple-matches', place]);
    const both = transaction(post(refersTo('Practitioner?identifier=npi|1')), post(practitioner));
    expect(await refusal(both, holding({ 'Practitioner npi|1': ['p'] }))).toEqual(['multiple-matches', place]);
  });

  it('refuse other searches', async () => {
    for (const query of ['name=x', 'identifier=npi|1&name=x', 'identifier=']) {
      expect(await refusal(transaction(post(refersTo(`Practitioner?${query}`))))).toEqual([
        'condition-unsupported',
        place,
      ]);
    }
  });

  it('ask the repository once for each identifier', async () => {
    const asked: string[] = [];
    const lookup = {
      findByIdentifier: (type: string, { value }: { value: string }) => {
        asked.push(`${type} ${value}`);
        return ['p'];
      },
    };
    const again = post(refersTo('Practitioner?identifier=npi|1'));
    await resources(transaction(again, again, post(refersTo('Practitioner?identifier=npi%7C1'))), { lookup });
    expect(asked).toEqual(['Practitioner 1']);
  });
});

describe('conditional creates', () => {
  const conditional = post(practitioner, A, { ifNoneExist: 'identifier=npi|1' });
  const place = 'Bundle.entry[0].request.ifNoneExist';

  it('create without a match and take the one match', async () => {
    expect(await resources(transaction(conditional))).toHaveLength(1);
    const { entries } = await resolveBundle(
      transaction(conditional, post(refersTo(A))),
      options(holding({ 'Practitioner npi|1': ['p'] })),
    );
    expect(entries).toMatchObject([
      { kind: 'matched', type: 'Practitioner', id: 'p' },
      { kind: 'create', resource: { subject: { reference: 'Practitioner/p' } } },
    ]);
  });

  it('refuse several matches and other searches', async () => {
    expect(await refusal(transaction(conditional), holding({ 'Practitioner npi|1': ['p', 'q'] }))).toEqual([
      'multiple-matches',
      place,
    ]);
    expect(await refusal(transaction(post(practitioner, A, { ifNoneExist: 'name=x' })))).toEqual([
      'condition-unsupported',
      place,
    ]);
  });

  it('mean one resource when they stand twice', async () => {
    const { entries } = await resolveBundle(
      transaction(conditional, post(practitioner, B, { ifNoneExist: 'identifier=npi|1' })),
      options(),
    );
    expect(made(entries).map(({ kind, id }) => [kind, id])).toEqual([
      ['create', 'n1'],
      ['matched', 'n1'],
    ]);
  });
});

describe('matchDirectoryByIdentifier', () => {
  const match = { matchDirectoryByIdentifier: true };
  const kinds = async (bundle: FhirTree, extra: Partial<ResolveOptions>) =>
    made((await resolveBundle(bundle, options(extra))).entries).map(({ kind, id }) => `${kind} ${id}`);

  it('recognises directory resources, only when asked, and nothing else', async () => {
    const known = holding({ 'Practitioner npi|1': ['p'], 'Patient npi|1': ['q'] });
    const bundle = transaction(post(practitioner), post({ ...patient, identifier: practitioner.identifier }));
    expect(await kinds(bundle, { ...known, ...match })).toEqual(['matched p', 'create n1']);
    expect(await kinds(bundle, known)).toEqual(['create n1', 'create n2']);
  });

  it('takes the same provider twice in one bundle for one', async () => {
    expect(await kinds(transaction(post(practitioner, A), post(practitioner, B)), match)).toEqual([
      'create n1',
      'matched n1',
    ]);
  });

  it('needs a system and a value', async () => {
    const bare = post({ resourceType: 'Practitioner', identifier: [{ value: '1' }] });
    expect(await kinds(transaction(bare, bare), { ...match, ...holding({ 'Practitioner |1': ['p'] }) })).toEqual([
      'create n1',
      'create n2',
    ]);
  });

  it('refuses a provider whose identifiers name two', async () => {
    const two = post({
      resourceType: 'Practitioner',
      identifier: [
        { system: 'npi', value: '1' },
        { system: 'lanr', value: '2' },
      ],
    });
    const known = holding({ 'Practitioner npi|1': ['p'], 'Practitioner lanr|2': ['q'] });
    expect(await refusal(transaction(two), { ...match, ...known })).toEqual([
      'multiple-matches',
      'Bundle.entry[0].resource.identifier',
    ]);
  });
});

describe('any bundle', () => {
  it('is resolved, with no urn of an entry left, or refused with a code', async () => {
    const urns = [A, B, 'urn:uuid:cccccccc-cccc-4ccc-8ccc-cccccccccccc'];
    const reference = fc.oneof(
      fc.constantFrom(
        ...urns,
        '#a',
        'Patient/1',
        'Practitioner?identifier=npi|1',
        'https://example.org/fhir/Patient/1',
        '',
      ),
      fc.string(),
    );
    const resource = fc.record(
      {
        resourceType: fc.constantFrom('Observation', 'Practitioner', 'Encounter', 'Patient', 'Nobody'),
        subject: fc.record({ reference }),
        partOf: fc.record({ reference }),
        identifier: fc.constantFrom<FhirValue>([{ system: 'npi', value: '1' }], [], 1),
        extra: fc.jsonValue({ maxDepth: 2 }) as fc.Arbitrary<FhirValue>,
      },
      { requiredKeys: ['resourceType'] },
    );
    const entry = resource.chain((resource) =>
      fc.record(
        {
          fullUrl: fc.oneof({ weight: 5, arbitrary: fc.constantFrom(...urns) }, fc.string()),
          resource: fc.constant(resource),
          request: fc.record(
            {
              method: fc.constantFrom('POST', 'POST', 'POST', 'PUT'),
              url: fc.constant(resource.resourceType),
              ifNoneExist: fc.constantFrom('identifier=npi|1', 'x'),
            },
            { requiredKeys: ['method', 'url'] },
          ),
        },
        { requiredKeys: ['resource', 'request'] },
      ),
    );
    let resolved = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof({ weight: 9, arbitrary: entry }, fc.jsonValue() as fc.Arbitrary<never>), { maxLength: 4 }),
        fc.boolean(),
        async (entries, match) => {
          const bundle = transaction(...(entries as readonly FhirTree[]));
          try {
            const { entries: results } = await resolveBundle(
              bundle,
              options({ newId: randomUUID, matchDirectoryByIdentifier: match }),
            );
            expect(results).toHaveLength(entries.length);
            for (const result of results) {
              if (result.kind !== 'create' || !['Observation', 'Encounter'].includes(result.type)) continue;
              expect(stringifyFhirJson({ subject: result.resource.subject })).not.toContain('"reference":"urn:uuid:');
            }
            resolved++;
          } catch (error) {
            if (!(error instanceof FhirError)) throw error;
            expect(FHIR_ERROR_CODES).toContain(error.code);
          }
        },
      ),
      { numRuns: 2_000 },
    );
    expect(resolved).toBeGreaterThan(200);
  });
});
