import { indexStructureDefinitionBundle } from '@medplum/core';
import type { ElementDefinition, StructureDefinition } from '@medplum/fhirtypes';
import { definitionResources } from './definition-file.ts';

const FILES = ['fhir/r4/profiles-types.json', 'fhir/r4/profiles-resources.json'] as const;

let loaded = false;

/**
 * Loads the R4 (4.0.1) structure definitions into @medplum/core, once per thread: 0.7 s and about 70 MB, so a process
 * should validate in as few threads as it needs.
 * Everything in this package that needs the definitions calls it; call it early to pay at start-up.
 */
export function loadDefinitions(): void {
  if (loaded) return;
  for (const file of FILES) {
    for (const resource of definitionResources(file)) {
      if (resource.resourceType === 'StructureDefinition') indexStructureDefinitionBundle([withoutProse(resource)]);
    }
  }
  loaded = true;
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
