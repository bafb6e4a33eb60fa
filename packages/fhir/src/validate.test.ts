import { scaled } from '@salus/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { syntheaBundles } from '../test/synthea.ts';
import { hasErrors } from './issue.ts';
import { parseFhirJson } from './parse-json.ts';
import { RESOURCE_TYPES } from './resource-table.ts';
import { type Property, shapeOf } from './shape.ts';
import { ISSUES_MAX } from './structure.ts';
import { type FhirTree, type FhirValue, isTree, listOf } from './tree.ts';
import { validateForWrite, validateResource } from './validate.ts';

function errors(text: string): readonly string[] {
  return validateForWrite(parseFhirJson(text)).flatMap(({ severity, expression, text }) =>
    severity === 'error' ? [`${expression}: ${text}`] : [],
  );
}

describe('validateForWrite', () => {
  it('accepts valid resources', () => {
    expect(errors('{"resourceType":"Patient"}')).toEqual([]);
    expect(
      errors(
        '{"resourceType":"Observation","status":"final","code":{"text":"x"},"valueQuantity":{"value":1.50},"subject":{"reference":"urn:uuid:1"}}',
      ),
    ).toEqual([]);
  });

  it.each([
    ['{"resourceType":"Observation","code":{"text":"x"}}', 'Observation.status: Missing required property'],
    ['{"resourceType":"Patient","birthDate":"1970-13-01"}', 'Patient.birthDate: a date is YYYY, YYYY-MM or YYYY-MM-DD'],
    ['{"resourceType":"Patient","birthDate":"1970-02-30"}', 'Patient.birthDate: the month has no such day'],
    ['{"resourceType":"Patient","photo":[{"data":"***"}]}', 'Patient.photo[0].data: the value is not valid base64'],
    [
      '{"resourceType":"Patient","contact":[{"gender":"male"}]}',
      "Patient.contact[0]: Constraint pat-1 not met: SHALL at least contain a contact's details or a reference to an organization",
    ],
    [
      '{"resourceType":"Patient","contained":[{"resourceType":"Observation","id":"o","code":{"text":"x"}}]}',
      'Patient.contained[0].status: Missing required property',
    ],
    [
      '{"resourceType":"Observation","status":"final","code":{"text":"x"},"valueQuantity":{"value":1e400}}',
      'Observation.value.value: the number is too large',
    ],
    [
      '{"resourceType":"Appointment","status":"booked","priority":-1,"participant":[{"status":"accepted"}]}',
      'Appointment.priority: a number in the range 0..2147483647 was expected',
    ],
    [
      '{"resourceType":"Bundle","type":"collection","entry":[{"resource":{"resourceType":"Patient","birthDate":"x"}}]}',
      'Bundle.entry[0].resource.birthDate: a date is YYYY, YYYY-MM or YYYY-MM-DD',
    ],
  ])('refuses %s', (text, issue) => {
    expect(errors(text)).toContain(issue);
  });

  it('refuses a reference to a resource of the wrong type on this server, not a urn or URL', () => {
    const observation = (reference: string): FhirTree => ({
      resourceType: 'Observation',
      status: 'final',
      code: { text: 'x' },
      subject: { reference },
    });
    expect(validateForWrite(observation('Practitioner/1'))).toEqual([
      {
        severity: 'error',
        code: 'structure',
        text: 'the reference is to a type that the definition does not name',
        expression: 'Observation.subject',
      },
    ]);
    for (const reference of ['Patient/1', 'urn:uuid:1', 'https://example.org/x', 'something-odd']) {
      expect(validateForWrite(observation(reference)), reference).toEqual([]);
    }
  });

  it('never repeats a value', () => {
    const secret = 'Mallory';
    const odd: readonly FhirValue[] = [
      secret,
      { reference: `${secret}/1` },
      [secret],
      { [secret]: secret },
      { system: secret, code: secret, value: secret },
    ];
    let issues = 0;
    for (const resourceType of RESOURCE_TYPES) {
      for (const property of shapeOf(resourceType).properties.keys()) {
        for (const value of odd) {
          for (const issue of validateForWrite({ resourceType, [property]: value })) {
            expect(JSON.stringify(issue).replaceAll(`.${secret}`, ''), `${resourceType}.${property}`).not.toContain(
              secret,
            );
            issues++;
          }
        }
      }
    }
    expect(issues).toBeGreaterThan(5_000);
  });

  it('answers any JSON under any resource type', () => {
    const anyValue = fc.jsonValue({ maxDepth: 4 }) as fc.Arbitrary<FhirValue>;
    const resource = fc.constantFrom(...RESOURCE_TYPES).chain((resourceType) => {
      const property = fc.constantFrom(...shapeOf(resourceType).properties.keys());
      return fc
        .dictionary(fc.oneof(property, fc.string()), anyValue)
        .map((elements) => ({ ...elements, resourceType }));
    });
    fc.assert(
      fc.property(resource, (tree) => {
        expect(validateForWrite(tree).length).toBeLessThanOrEqual(ISSUES_MAX);
        expect(validateResource(tree).length).toBeLessThanOrEqual(ISSUES_MAX);
      }),
      { numRuns: scaled(1_000, 20_000) },
    );
  });

  it('answers JSON of the right shape with wrong contents', () => {
    const resource = fc
      .constantFrom(...RESOURCE_TYPES)
      .chain((resourceType) => shaped(resourceType, 3).map((tree) => ({ ...tree, resourceType })));
    let past = 0;
    fc.assert(
      fc.property(resource, (tree) => {
        const issues = validateForWrite(tree);
        for (const issue of issues) expect(issue.code).not.toBe('exception');
        if (
          issues.some(
            ({ code, text }) => code === 'invariant' || /^(?:Missing|a date|the value|a URI|an id)/.test(text),
          )
        )
          past++;
      }),
      { numRuns: scaled(500, 10_000) },
    );
    expect(past).toBeGreaterThan(100);
  });
});

describe.skipIf(syntheaBundles().length === 0)('validateForWrite on Synthea', () => {
  it('notices or survives every mutation of real resources', () => {
    const bundle = parseFhirJson(syntheaBundles()[0]?.bytes ?? '{}');
    const resources = listOf(bundle.entry).flatMap((entry) =>
      isTree(entry) && isTree(entry.resource) ? [entry.resource] : [],
    );
    expect(resources.length).toBeGreaterThan(50);
    let refused = 0;
    fc.assert(
      fc.property(
        fc.constantFrom(...resources),
        fc.array(fc.nat(), { minLength: 1, maxLength: 6 }),
        fc.jsonValue({ maxDepth: 2 }) as fc.Arbitrary<FhirValue>,
        (tree, path, value) => {
          const changed = mutated(tree, path, value) as FhirTree;
          const issues = validateForWrite(changed);
          if (hasErrors(issues)) refused++;
          expect(hasErrors(validateResource(changed, { localReferences: true }))).toBe(
            hasErrors(issues) || hasErrors(validateResource(changed)),
          );
        },
      ),
      { numRuns: scaled(1_000, 20_000) },
    );
    expect(refused).toBeGreaterThan(500);
  });

  it('answers resources whose texts and numbers were exchanged, and never repeats them', () => {
    const secret = 'Mallory';
    const odd = fc.constantFrom(
      secret,
      '',
      ' ',
      '#',
      '#x',
      'urn:uuid:x',
      '2020',
      '1e5',
      '<div>',
      'Patient/1',
      '/'.repeat(50),
      '\u0000',
      '😀',
    );
    const numbers = fc.constantFrom(-1, 0, 0.5, 1e300, JSON.rawJSON('1e999'), JSON.rawJSON('1.50'));
    fc.assert(
      fc.property(
        fc.constantFrom(...resources()),
        fc.array(fc.tuple(fc.nat(), odd, numbers), { maxLength: 8 }),
        (tree, changes) => {
          const changed = changes.reduce((value, [at, text, number]) => exchanged(value, at, text, number), tree);
          for (const validate of [validateForWrite, validateResource]) {
            expect(JSON.stringify(validate(changed))).not.toContain(secret);
          }
        },
      ),
      { numRuns: scaled(1_000, 10_000) },
    );
  });

  it('finds all of them valid, by a write and by $validate', () => {
    let count = 0;
    for (const { bytes } of syntheaBundles().slice(0, scaled(6, 100))) {
      for (const tree of resourcesOf(bytes)) {
        count++;
        expect(hasErrors(validateForWrite(tree))).toBe(false);
        expect(hasErrors(validateResource(tree, { localReferences: true }))).toBe(false);
      }
    }
    expect(count).toBeGreaterThan(scaled(500, 5_000));
  });
});

function resourcesOf(bytes: Uint8Array): readonly FhirTree[] {
  return listOf(parseFhirJson(bytes).entry).flatMap((entry) =>
    isTree(entry) && isTree(entry.resource) ? [entry.resource] : [],
  );
}

function resources(): readonly FhirTree[] {
  return syntheaBundles()
    .slice(0, 3)
    .flatMap(({ bytes }) => resourcesOf(bytes));
}

/** The tree with its n-th text or number (round and round) exchanged. */
function exchanged(tree: FhirTree, at: number, text: string, number: FhirValue): FhirTree {
  const count = leaves(tree, () => undefined).count;
  const chosen = count === 0 ? -1 : at % count;
  return leaves(tree, (index, value) => (index === chosen ? (typeof value === 'string' ? text : number) : undefined))
    .value as FhirTree;
}

function leaves(
  value: FhirValue,
  change: (index: number, value: FhirValue) => FhirValue | undefined,
  start = 0,
): { readonly value: FhirValue; readonly count: number } {
  if (typeof value === 'boolean' || value === null) return { value, count: 0 };
  if (typeof value !== 'object' || JSON.isRawJSON(value)) return { value: change(start, value) ?? value, count: 1 };
  let count = 0;
  const inner = (child: FhirValue): FhirValue => {
    const changed = leaves(child, change, start + count);
    count += changed.count;
    return changed.value;
  };
  if (Array.isArray(value)) return { value: value.map(inner), count };
  const entries = Object.entries(value).map(([key, child]) => [
    key,
    key === 'resourceType' ? child : inner(child as FhirValue),
  ]);
  return { value: Object.fromEntries(entries) as FhirTree, count };
}

/** The value with the child at a path replaced; steps choose among the children there are. */
function mutated(value: FhirValue, path: readonly number[], replacement: FhirValue): FhirValue {
  const [step, ...rest] = path;
  if (step === undefined || typeof value !== 'object' || value === null) return replacement;
  const keys = Object.keys(value);
  const key = keys[step % keys.length];
  if (key === undefined) return replacement;
  const child = (value as FhirTree)[key] as FhirValue;
  if (Array.isArray(value)) return value.with(Number(key), mutated(child, rest, replacement));
  return { ...(value as FhirTree), [key]: mutated(child, rest, replacement) } as FhirTree;
}

/** Objects with the JSON types of a definition and arbitrary contents. */
function shaped(type: string, depth: number): fc.Arbitrary<FhirTree> {
  const properties = [...shapeOf(type).properties].filter(([, property]) => depth > 0 || property.kind === 'primitive');
  if (properties.length === 0) return fc.constant({ id: 'x' });
  return fc
    .uniqueArray(fc.constantFrom(...properties), { minLength: 1, maxLength: 5, selector: ([, { element }]) => element })
    .chain((chosen) =>
      fc.record(
        Object.fromEntries(
          chosen.map(([name, property]) => {
            const one = content(property, depth);
            return [name, property.list ? fc.array(one, { minLength: 1, maxLength: 2 }) : one];
          }),
        ),
      ),
    ) as fc.Arbitrary<FhirTree>;
}

function content(property: Property, depth: number): fc.Arbitrary<FhirValue> {
  switch (property.kind) {
    case 'primitive':
      if (property.json === 'boolean') return fc.boolean();
      if (property.json === 'number')
        return fc.oneof(fc.integer(), fc.double({ noNaN: true, noDefaultInfinity: true }));
      return fc.oneof(
        fc.string({ minLength: 1 }),
        fc.constantFrom('2020-01-01', '2020-01-01T00:00:00Z', 'http://a.example', 'Patient/1', '#a', 'a'),
      );
    case 'object':
      return shaped(property.type, depth - 1);
    case 'partner':
      return shaped('Element', depth - 1);
    case 'resource':
      return fc.constantFrom<FhirTree>({ resourceType: 'Patient' }, { resourceType: 'Observation', id: 'a' });
  }
}
