import { describe, expect, it } from 'vitest';
import type { FhirTree } from '../../tree.ts';
import { validateForWrite, validateResource } from '../../validate.ts';

function errors(tree: FhirTree): readonly string[] {
  return validateResource(tree).flatMap(({ severity, expression, text }) =>
    severity === 'error' ? [`${expression}: ${text}`] : [],
  );
}

const narrative = (inner: string): FhirTree => ({
  resourceType: 'Patient',
  id: 'p',
  text: { status: 'generated', div: `<div xmlns="http://www.w3.org/1999/xhtml">${inner}</div>` },
});
const bundle = (type: string, entry: readonly FhirTree[], rest: FhirTree = {}): FhirTree => ({
  resourceType: 'Bundle',
  type,
  ...rest,
  entry,
});
const UUID = (n: number) => `urn:uuid:0c6a4a3e-0000-4000-8000-00000000000${n}`;
const PATIENT = { resourceType: 'Patient', id: 'p' };

describe('a Bundle', () => {
  it('is refused for entries without an absolute URL, or one that is not their own', () => {
    expect(errors(bundle('collection', [{ resource: PATIENT }]))).toEqual([
      'Bundle.entry[0]: Except for transactions and batches, each entry in a Bundle must have a fullUrl',
    ]);
    expect(errors(bundle('collection', [{ fullUrl: 'Patient/p', resource: PATIENT }]))).toEqual([
      'Bundle.entry[0].fullUrl: The fullUrl must be an absolute URL',
    ]);
    expect(errors(bundle('collection', [{ fullUrl: 'http://a.example/Patient/q', resource: PATIENT }]))).toHaveLength(
      1,
    );
    expect(errors(bundle('collection', [{ fullUrl: 'http://a.example/Patient/p', resource: PATIENT }]))).toEqual([]);
    expect(
      errors(
        bundle('collection', [
          { fullUrl: UUID(1), resource: PATIENT },
          { fullUrl: UUID(1), resource: PATIENT },
        ]),
      )[0],
    ).toContain('bdl-7');
    expect(errors(bundle('transaction', [{ resource: PATIENT, request: { method: 'POST', url: 'Patient' } }]))).toEqual(
      [],
    );
  });

  it('is refused for links of pages outside searches, and for two of one kind in one', () => {
    const link = [{ relation: 'next', url: 'http://a.example' }];
    expect(errors(bundle('collection', [{ fullUrl: UUID(1), resource: PATIENT }], { link }))).toHaveLength(1);
    expect(errors({ resourceType: 'Bundle', type: 'searchset', link: [...link, ...link] })).toHaveLength(2);
    expect(errors({ resourceType: 'Bundle', type: 'searchset', link })).toEqual([]);
  });

  it('of a search holds what was searched, with ids', () => {
    const link = [{ relation: 'self', url: 'http://a.example/Patient?name=x' }];
    const found = (resource: FhirTree, mode: string) =>
      errors(bundle('searchset', [{ fullUrl: UUID(1), resource, search: { mode } }], { link }));
    expect(found(PATIENT, 'match')).toEqual([]);
    expect(found({ resourceType: 'Patient' }, 'match')).toHaveLength(1);
    expect(found({ resourceType: 'Organization', id: 'o', name: 'x' }, 'match')).toHaveLength(1);
    expect(found({ resourceType: 'Organization', id: 'o', name: 'x' }, 'include')).toEqual([]);
    expect(found(PATIENT, 'outcome')).toHaveLength(1);
  });

  it('that is a document begins with its Composition, which leads to all of it', () => {
    const composition = (section: FhirTree): FhirTree => ({
      resourceType: 'Composition',
      id: 'c',
      status: 'final',
      type: { text: 'x' },
      date: '2020',
      title: 'x',
      author: [{ display: 'x' }],
      section: [section],
    });
    const document = (section: FhirTree) =>
      bundle(
        'document',
        [
          { fullUrl: UUID(1), resource: composition(section) },
          { fullUrl: UUID(2), resource: PATIENT },
        ],
        {
          identifier: { system: 'urn:x', value: '1' },
          timestamp: '2020-01-01T00:00:00Z',
        },
      );
    expect(errors(document({ entry: [{ reference: UUID(2) }] }))).toEqual([]);
    expect(errors(document({ entry: [{ reference: UUID(3) }] }))).toEqual([
      'Bundle.entry[0].resource.section[0].entry[0]: the reference must lead to an entry of the bundle',
      "Bundle.entry[1]: Entry isn't reachable by traversing links (forward or backward) from the Composition",
    ]);
    expect(
      errors(bundle('document', [{ fullUrl: UUID(1), resource: PATIENT }])).some((text) => text.includes('bdl-11')),
    ).toBe(true);
    expect(
      errors({ resourceType: 'Bundle', type: 'message' }).some((text) => text.includes('at least one entry')),
    ).toBe(true);
  });

  it('resolves references among its entries, and refuses those to the wrong type', () => {
    const observation = {
      resourceType: 'Observation',
      status: 'final',
      code: { text: 'x' },
      subject: { reference: UUID(1) },
    };
    const organization = { resourceType: 'Organization', name: 'x' };
    expect(
      errors(
        bundle('collection', [
          { fullUrl: UUID(1), resource: PATIENT },
          { fullUrl: UUID(2), resource: observation },
        ]),
      ),
    ).toEqual([]);
    expect(
      errors(
        bundle('collection', [
          { fullUrl: UUID(1), resource: organization },
          { fullUrl: UUID(2), resource: observation },
        ]),
      ),
    ).toEqual(['Bundle.entry[1].resource.subject: the reference is to a resource of a type that is not allowed here']);
  });
});

describe('a contained resource', () => {
  const list = (contained: readonly FhirTree[], reference: string): FhirTree => ({
    resourceType: 'List',
    status: 'current',
    mode: 'working',
    contained,
    entry: [{ item: { reference } }],
  });
  it('is referred to, or refers to what contains it', () => {
    expect(errors(list([{ resourceType: 'Patient', id: 'a' }], '#a'))).toEqual([]);
    expect(errors(list([{ resourceType: 'Patient', id: 'a' }], 'Patient/1'))[0]).toContain('dom-3');
    expect(errors(list([{ resourceType: 'Patient', id: 'a' }], '#b'))).toHaveLength(2);
    const provenance = {
      resourceType: 'Provenance',
      id: 'v',
      target: [{ reference: '#' }],
      recorded: '2020-01-01T00:00:00Z',
      agent: [{ who: { display: 'x' } }],
    };
    expect(errors(list([provenance], 'Patient/1'))).toEqual([]);
  });

  it('has an id of its own, no contained resources, no version and no labels', () => {
    expect(
      errors(
        list(
          [
            { resourceType: 'Patient', id: 'a' },
            { resourceType: 'Patient', id: 'a' },
          ],
          '#a',
        ),
      ),
    ).toHaveLength(1);
    const nested = { resourceType: 'Patient', id: 'a', contained: [{ resourceType: 'Patient', id: 'b' }] };
    expect(errors(list([nested], '#a')).some((text) => text.includes('dom-2'))).toBe(true);
    expect(errors(list([{ ...PATIENT, meta: { versionId: '1' } }], '#p')).some((text) => text.includes('dom-4'))).toBe(
      true,
    );
    expect(
      errors(list([{ ...PATIENT, meta: { security: [{ code: 'x' }] } }], '#p')).some((text) => text.includes('dom-5')),
    ).toBe(true);
  });
});

describe('a narrative', () => {
  it.each([
    '<p>a <b>b</b></p>',
    '<table><tr><td>a</td></tr></table>',
    '<ul><li>a<ul><li>b</li></ul></li></ul>',
    '<a name="x"/><a href="#x">a</a>',
    '<a href="#p">a</a>',
    '<!-- <x> -->a',
  ])('may hold %s', (inner) => {
    expect(errors(narrative(inner))).toEqual([]);
  });

  it.each([
    '<p><ul><li>a</li></ul></p>',
    '<table><td>a</td></table>',
    '<li>a</li>',
    '<a href="#nowhere">a</a>',
    '<b><b>a</b></b>',
    '<u>a</u>',
    '<table>a<tr><td>b</td></tr></table>',
    '<p bgcolor="red">a</p>',
    '<p xmlns="urn:x">a</p>',
    '<a href="urn:x">a</a>',
  ])('may not hold %s', (inner) => {
    expect(errors(narrative(inner)).length, inner).toBeGreaterThan(0);
    expect(errors(narrative(inner))[0]).toContain('Patient.text.div: Constraint txt-1 not met');
  });

  it('is XHTML by its namespace', () => {
    expect(errors({ resourceType: 'Patient', text: { status: 'generated', div: '<div>a</div>' } })).toHaveLength(1);
  });
});

describe('definitions', () => {
  const valueSet = (include: FhirTree): FhirTree => ({
    resourceType: 'ValueSet',
    status: 'draft',
    compose: { include: [include] },
  });
  it('of value sets include systems by absolute URL, and codes that these have', () => {
    const system = 'http://hl7.org/fhir/administrative-gender';
    expect(errors(valueSet({ system, concept: [{ code: 'male' }] }))).toEqual([]);
    expect(errors(valueSet({ system, concept: [{ code: 'man' }] }))).toHaveLength(1);
    expect(errors(valueSet({ system: '#x' }))).toHaveLength(1);
    expect(errors(valueSet({ system: 'http://hl7.org/fhir/ValueSet/administrative-gender' }))).toHaveLength(1);
    expect(errors(valueSet({ system: 'http://a.example|1' }))).toHaveLength(1);
  });

  it('of code systems have each code once, and properties as they are defined', () => {
    const system = (rest: FhirTree): FhirTree => ({
      resourceType: 'CodeSystem',
      status: 'draft',
      content: 'complete',
      ...rest,
    });
    expect(errors(system({ count: 2, concept: [{ code: 'a', concept: [{ code: 'b' }] }] }))).toEqual([]);
    expect(errors(system({ count: 3, concept: [{ code: 'a' }] }))).toHaveLength(1);
    expect(errors(system({ concept: [{ code: 'a', concept: [{ code: 'a' }] }] }))[0]).toContain('csd-1');
    const property = [{ code: 'x', type: 'boolean' }];
    expect(
      errors(system({ property, concept: [{ code: 'a', property: [{ code: 'x', valueBoolean: true }] }] })),
    ).toEqual([]);
    expect(
      errors(system({ property, concept: [{ code: 'a', property: [{ code: 'x', valueString: 'y' }] }] })),
    ).toHaveLength(1);
    expect(errors(system({ property: [...property, ...property] }))).toHaveLength(1);
    expect(errors({ resourceType: 'CodeSystem', status: 'draft', content: 'supplement' })).toHaveLength(1);
  });

  it('of search parameters name elements of their bases, and do not contradict what they derive from', () => {
    const parameter = (rest: FhirTree): FhirTree => ({
      resourceType: 'SearchParameter',
      url: 'http://a.example/x',
      name: 'X',
      status: 'draft',
      description: 'x',
      code: 'x',
      base: ['Patient'],
      type: 'string',
      ...rest,
    });
    expect(
      errors(parameter({ expression: "Patient.name.where(use = 'official').family | Patient.extension.value" })),
    ).toEqual([]);
    expect(errors(parameter({ expression: 'Patient.nome' }))).toHaveLength(1);
    expect(errors(parameter({ expression: 'Observation.code' }))).toHaveLength(1);
    expect(errors(parameter({ expression: 'Patient.name.' }))).toHaveLength(1);
    expect(errors(parameter({ derivedFrom: 'http://hl7.org/fhir/SearchParameter/Patient-active' }))).toHaveLength(1);
    expect(errors(parameter({ type: 'composite' }))).toHaveLength(1);
  });

  it('of questionnaires have each link id once, and conditions on other questions', () => {
    const questionnaire = (item: readonly FhirTree[]): FhirTree => ({
      resourceType: 'Questionnaire',
      status: 'draft',
      item,
    });
    const asking = (question: string) => ({
      linkId: 'b',
      type: 'string',
      enableWhen: [{ question, operator: 'exists', answerBoolean: true }],
    });
    expect(errors(questionnaire([{ linkId: 'a', type: 'string' }, asking('a')]))).toEqual([]);
    for (const question of ['b', 'c']) expect(errors(questionnaire([asking(question)]))).toHaveLength(1);
    expect(
      errors(
        questionnaire([
          { linkId: 'a', type: 'string' },
          { linkId: 'a', type: 'string' },
        ]),
      )[0],
    ).toContain('que-2');
  });

  it('of structures have paths of their type, values of their types and constraints in FHIRPath', () => {
    const structure = (element: FhirTree): FhirTree => ({
      resourceType: 'StructureDefinition',
      url: 'http://a.example/x',
      name: 'X',
      status: 'draft',
      kind: 'resource',
      abstract: false,
      type: 'Patient',
      derivation: 'constraint',
      baseDefinition: 'http://hl7.org/fhir/StructureDefinition/Patient',
      differential: {
        element: [
          { id: 'Patient', path: 'Patient' },
          { id: 'Patient.x', path: 'Patient.x', ...element },
        ],
      },
    });
    const constraint = (expression: string) => ({
      constraint: [{ key: 'x-1', severity: 'error', human: 'x', expression }],
    });
    expect(errors(structure(constraint('name.aggregate($this + $total, 0) > 1')))).toEqual([]);
    expect(errors(structure(constraint('name.(')))).toHaveLength(1);
    expect(errors(structure({ type: [{ code: 'string' }], fixedString: 'x' }))).toEqual([]);
    expect(errors(structure({ type: [{ code: 'string' }], fixedCode: 'x' }))).toHaveLength(1);
    expect(errors(structure({ path: 'Person.x' })).some((text) => text.includes('must start with the type'))).toBe(
      true,
    );
    expect(errors({ ...structure({}), context: [{ type: 'element', expression: 'Patient' }] })).toHaveLength(1);
  });

  it('that a response contains are what it answers', () => {
    const response = (item: readonly FhirTree[]): FhirTree => ({
      resourceType: 'QuestionnaireResponse',
      status: 'completed',
      questionnaire: '#q',
      item,
      contained: [
        {
          resourceType: 'Questionnaire',
          id: 'q',
          status: 'active',
          item: [
            { linkId: 'a', type: 'string', required: true },
            { linkId: 'b', type: 'integer' },
          ],
        },
      ],
    });
    const a = { linkId: 'a', answer: [{ valueString: 'x' }] };
    const b = { linkId: 'b', answer: [{ valueInteger: 1 }] };
    expect(errors(response([a, b]))).toEqual([]);
    expect(errors(response([b, a]))).toEqual(['QuestionnaireResponse.item[1]: items are out of order']);
    expect(errors(response([b]))).toHaveLength(1);
    expect(errors(response([a, { linkId: 'b', answer: [{ valueString: '1' }] }]))).toHaveLength(1);
    expect(errors(response([a, { linkId: 'c' }]))).toHaveLength(1);
    expect(errors(response([{ ...a, answer: [...a.answer, ...a.answer] }]))).toHaveLength(1);
  });
});

describe('any resource', () => {
  it('has ids of elements once, and labels once', () => {
    expect(
      errors({
        resourceType: 'Patient',
        name: [
          { id: 'a', text: 'x' },
          { id: 'a', text: 'y' },
        ],
      }),
    ).toHaveLength(1);
    const label = { system: 'http://terminology.hl7.org/CodeSystem/v3-Confidentiality', code: 'R' };
    expect(errors({ resourceType: 'Patient', meta: { security: [label, label] } })).toHaveLength(1);
  });

  it('is refused by obs-7 as the expression means it', () => {
    const code = { coding: [{ system: 'http://a.example', code: 'x' }] };
    const observation = (component: FhirTree): FhirTree => ({
      resourceType: 'Observation',
      status: 'final',
      code,
      valueString: 'a',
      component: [{ code: component, valueString: 'b' }],
    });
    expect(validateForWrite(observation({ coding: [{ code: 'x', system: 'http://a.example' }] }))[0]?.text).toContain(
      'obs-7',
    );
    expect(validateForWrite(observation({ coding: [{ code: 'y', system: 'http://a.example' }] }))).toEqual([]);
  });
});
