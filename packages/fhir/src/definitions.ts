import { indexStructureDefinitionBundle } from '@medplum/core';
import type { ElementDefinition, StructureDefinition } from '@medplum/fhirtypes';
import { definitionResources } from './definition-file.ts';
import { type Structure, structureOf } from './validation/structures.ts';

const FILES = ['fhir/r4/profiles-types.json', 'fhir/r4/profiles-resources.json'] as const;

let loaded = false;
const structures = new Map<string, Structure>();

/**
 * Loads the R4 (4.0.1) structure definitions into @medplum/core, once per thread: 0.7 s and about 70 MB, so a process
 * should validate in as few threads as it needs.
 * Everything in this package that needs the definitions calls it; call it early to pay at start-up.
 */
export function loadDefinitions(): void {
  if (loaded) return;
  for (const file of FILES) {
    for (const resource of definitionResources(file)) {
      if (resource.resourceType !== 'StructureDefinition') continue;
      const definition = withoutProse(resource);
      indexStructureDefinitionBundle([definition]);
      rememberStructure(definition);
    }
  }
  loaded = true;
}

/** The definitions of R4's types and of whatever profiles were remembered, by canonical URL. */
export function loadedStructures(): ReadonlyMap<string, Structure> {
  loadDefinitions();
  return structures;
}

/** Keeps the elements of a definition for validation. */
export function rememberStructure(definition: StructureDefinition): void {
  const structure = structureOf(definition);
  if (structure !== undefined) structures.set(structure.url, structure);
}

/** Nothing here reads what a definition says to people; kept, those sentences would cost 40 MB more. */
function withoutProse(definition: StructureDefinition): StructureDefinition {
  const { text: _text, differential: _differential, snapshot, ...rest } = definition;
  return snapshot === undefined
    ? rest
    : { ...rest, snapshot: { ...snapshot, element: snapshot.element.map(bareElement) } };
}

function bareElement(element: ElementDefinition): ElementDefinition {
  const {
    definition: _definition,
    comment: _comment,
    requirements: _requirements,
    mapping: _mapping,
    ...rest
  } = element;
  return rest;
}
