import { hasErrors, type Issue } from './issue.ts';
import { structureIssues } from './structure.ts';
import type { FhirTree } from './tree.ts';
import { checkResource, type Walk } from './validation/check-element.ts';
import { Findings } from './validation/findings.ts';
import { indexBundle, type Place, rootPlace } from './validation/place.ts';
import { checkProfiles } from './validation/profiles.ts';
import { checkResourceRules } from './validation/rules/resource-rules.ts';

/**
 * Is the resource what R4 4.0.1 says its type is? The shape of its JSON first; a resource that has it is walked once
 * by the plans of its types: cardinalities, formats, required bindings, invariants, reference targets, rules of single
 * types. What is an error here refuses a write (422). Total: any tree gets an answer; no issue holds a value of it.
 *
 * `bundle`: the transaction that the resource is in, so that the types of what it refers to there are known.
 */
export function validateForWrite(tree: FhirTree, bundle?: FhirTree): readonly Issue[] {
  return validated(tree, { strict: false, localReferences: true }, [], bundle);
}

export interface ValidateOptions {
  /** Canonical URLs of profiles to check beside those in `meta.profile`. */
  readonly profiles?: readonly string[];
  /** References by `Type/id` are to this server: judge them as a write would. */
  readonly localReferences?: boolean;
}

/** `$validate`: all of `validateForWrite`, and codes, displays, extensions, profiles. */
export function validateResource(tree: FhirTree, options: ValidateOptions = {}): readonly Issue[] {
  return validated(tree, { strict: true, localReferences: options.localReferences === true }, options.profiles ?? []);
}

type Mode = Pick<Walk, 'strict' | 'localReferences'>;

function validated(tree: FhirTree, mode: Mode, profiles: readonly string[], bundle?: FhirTree): readonly Issue[] {
  const issues = structureIssues(tree);
  if (hasErrors(issues)) return issues;
  const findings = new Findings();
  const walk: Walk = {
    ...mode,
    findings,
    onResource: (inner, path, place) => {
      if (inner !== place.tree) checkInside(walk, inner, path, place);
      else if (walk.strict) checkWhole(walk, inner, inner === tree ? profiles : [], path, place);
      else checkResourceRules(walk, inner, path, place);
    },
  };
  checkResource(
    walk,
    tree,
    tree.resourceType as string,
    rootPlace(tree, bundle === undefined ? undefined : indexBundle(bundle)),
  );
  return [...issues, ...findings.issues];
}

function checkWhole(walk: Walk, tree: FhirTree, profiles: readonly string[], path: string, place: Place): void {
  checkResourceRules(walk, tree, path, place);
  checkProfiles(walk, tree, profiles, path, place);
}

/** A resource inside a Bundle or Parameters: one of its own, that may refer to its neighbours. */
function checkInside(walk: Walk, tree: FhirTree, path: string, place: Place): void {
  const bundle = place.tree.resourceType === 'Bundle' ? indexBundle(place.tree) : place.bundle;
  checkResource(walk, tree, path, rootPlace(tree, bundle));
}
