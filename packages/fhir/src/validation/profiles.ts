import { type FhirTree, isTree, listOf, stringOf } from '../tree.ts';
import type { Walk } from './check-element.ts';
import { checkRules } from './check-profile.ts';
import { structureOfUrl } from './definition-store.ts';
import { Findings } from './findings.ts';
import { impliedProfile } from './implied-profiles.ts';
import type { Place } from './place.ts';

/** Profiles that one resource may claim; each costs a walk. */
const PROFILES_MAX = 20;

/**
 * The profiles of a resource: those it claims (`meta.profile`), those R4 asks of it (vital signs, R4 §10.1.3), and at the
 * outermost resource those that were asked for. A claim that is not known here is a warning, a request an error.
 */
export function checkProfiles(walk: Walk, tree: FhirTree, asked: readonly string[], path: string, place: Place): void {
  const claimed = isTree(tree.meta) ? listOf(tree.meta.profile).flatMap((url) => stringOf(url) ?? []) : [];
  const implied = impliedProfile(tree);
  const urls = new Set([...claimed, ...asked, ...(implied?.binding === true ? [implied.url] : [])]);
  if (implied !== undefined && !urls.has(implied.url)) remarkOn(walk, implied.url, tree, path, place);
  for (const url of [...urls].slice(0, PROFILES_MAX)) {
    const structure = structureOfUrl(url);
    if (structure === undefined) {
      if (asked.includes(url)) walk.findings.error('not-found', 'the profile asked for is not known here', path);
      else
        walk.findings.warning(
          'not-found',
          'a profile that the resource claims is not known here',
          `${path}.meta.profile`,
        );
    } else if (structure.kind !== 'resource' || (structure.type !== tree.resourceType && !isAbstract(structure.type))) {
      walk.findings.error('structure', 'the profile is for another type', path);
    } else if (!structure.isType) {
      checkRules(walk, structure.root, { value: tree, type: structure.type, path }, place);
    }
  }
}

/** What a profile would refuse, as warnings. */
function remarkOn(walk: Walk, url: string, tree: FhirTree, path: string, place: Place): void {
  const structure = structureOfUrl(url);
  if (structure === undefined) return;
  const findings = new Findings();
  checkRules({ ...walk, findings }, structure.root, { value: tree, type: structure.type, path }, place);
  for (const { code, text, expression } of findings.issues) walk.findings.warning(code, text, expression ?? path);
}

function isAbstract(type: string): boolean {
  return type === 'Resource' || type === 'DomainResource';
}
