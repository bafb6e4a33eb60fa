import { definitionResources } from '../definition-file.ts';
import { loadedStructures, rememberStructure } from '../definitions.ts';
import type { Structure } from './structures.ts';

/** Profiles and extensions: read only when the first resource names one, because they cost 25 MB. */
const PROFILE_FILES = ['fhir/r4/profiles-others.json', 'fhir/r4/extension-definitions.json'] as const;
const HL7_BASE = 'http://hl7.org/fhir/StructureDefinition/';

let profilesLoaded = false;

/** The definition of an R4 type (`Patient`, `HumanName`, `code`). */
export function structureOfType(type: string): Structure | undefined {
  const structure = loadedStructures().get(HL7_BASE + type);
  return structure?.isType === true ? structure : undefined;
}

/** A profile or extension among R4's own; the version after `|` is R4's or nobody's, so it is not looked at. */
export function structureOfUrl(canonical: string): Structure | undefined {
  const structures = loadedStructures();
  const url = canonical.split('|')[0] ?? canonical;
  if (!profilesLoaded && !structures.has(url)) {
    profilesLoaded = true;
    for (const file of PROFILE_FILES) {
      for (const resource of definitionResources(file)) {
        if (resource.resourceType === 'StructureDefinition') rememberStructure(resource);
      }
    }
  }
  return structures.get(url);
}
