import { scaled } from '@salus/testing';
import { describe, expect, it } from 'vitest';
import { definitionResources } from './definition-file.ts';
import { parseFhirJson } from './parse-json.ts';
import { validateResource } from './validate.ts';

/**
 * What FHIR R4 publishes of itself, some 4,500 resources, is valid R4 but for what is listed here. It is the largest body
 * of resources that the rules were not written from.
 */
const FAULTS: ReadonlyMap<string, RegExp> = new Map([
  // Links to parts of the web page that the narrative was cut from.
  ['a link inside the narrative leads nowhere', /^http:\/\/terminology\.hl7\.org\/(?:ValueSet|CodeSystem)\//],
  // Versions in the URLs of HL7 version 2 tables.
  ['the version of a system stands in the element version', /^http:\/\/terminology\.hl7\.org\/ValueSet\/v2-/],
  ['a property is already defined', /^http:\/\/(?:snomed\.info\/sct|hl7\.org\/fhir|terminology\.hl7\.org)/],
  ['must be absolute', /^http:\/\/hl7\.org\/fhir\/ValueSet\/example-hierarchical$/],
  ['the narrative holds a link that is not allowed', /^http:\/\/hl7\.org\/fhir\/ValueSet\/formatcodes$/],
  // A type of R4B that the library brings along.
  ['the code is not in the required value set', /\/SubscriptionStatus$/],
  // An example of an identifier without its scheme.
  ['a whole URI', /\/Consent$/],
]);

const FILES: readonly (readonly [file: string, step: number])[] = [
  ['profiles-types', 2],
  ['profiles-resources', 10],
  ['profiles-others', 4],
  ['extension-definitions', 10],
  ['valuesets', 5],
  ['v3-codesystems', 10],
  ['v2-tables', 20],
  ['search-parameters', 2],
  ['conceptmaps', 1],
];

describe('the definitions of FHIR R4', () => {
  it.each(FILES)(
    'are valid: %s',
    (file, step) => {
      const resources = [...definitionResources(`fhir/r4/${file}.json`)].filter(
        (_one, index) => index % scaled(step, 1) === 0,
      );
      expect(resources.length).toBeGreaterThan(5);
      for (const resource of resources) {
        const { url = '' } = resource as { url?: string };
        const unexpected = validateResource(parseFhirJson(JSON.stringify(resource)))
          .filter(({ severity }) => severity === 'error')
          .filter(({ text }) => ![...FAULTS].some(([fault, where]) => text.includes(fault) && where.test(url)));
        expect(unexpected, url).toEqual([]);
      }
    },
    120_000,
  );
});
