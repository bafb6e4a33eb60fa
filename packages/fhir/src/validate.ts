import { hasErrors, type Issue } from './issue.ts';
import { structureIssues } from './structure.ts';
import { type FhirTree, isTree } from './tree.ts';
import { checkResource, type Walk } from './validation/check-element.ts';
import { Findings } from './validation/findings.ts';
import { indexBundle, type Place, rootPlace } from './validation/place.ts';
import { checkResourceRules } from './validation/resource-rules.ts';

/**
 * Is the resource what R4 4.0.1 says its type is? The shape of its JSON first; a resource that has it is walked once
 * by the plans of its types: cardinalities, formats, required bindings, invariants, reference targets, rules of single
 * types. What is an error here refuses a write (422). Total: any tree gets an answer; no issue holds a value of it.
 */
export function validateForWrite(tree: FhirTree): readonly Issue[] {
  return validated(tree, { strict: false, localReferences: true });
}

export { validateForWrite as validateStructure };

export interface ValidateOptions {
  /** Canonical URLs of profiles to check beside those in `meta.profile`. */
  readonly profiles?: readonly string[];
  /** References by `Type/id` are to this server: judge them as a write would. */
  readonly localReferences?: boolean;
}

/** `$validate`: all of `validateForWrite`, and codes, displays, extensions, profiles. */
export function validateResource(tree: FhirTree, options: ValidateOptions = {}): readonly Issue[] {
  return validated(tree, { strict: true, localReferences: options.localReferences === true });
}

function validated(
  tree: FhirTree,
  mode: { readonly strict: boolean; readonly localReferences: boolean },
): readonly Issue[] {
  const issues = structureIssues(tree);
  if (hasErrors(issues)) return issues;
  const findings = new Findings();
  const walk: Walk = { ...mode, findings, onResource: (inner, path, place) => entered(walk, inner, path, place) };
  checkResource(walk, tree, tree.resourceType as string, rootPlace(tree, undefined));
  return [...issues, ...findings.issues];
}

/** A resource whose elements are checked, or one that stands inside a Bundle or Parameters and is yet to be. */
function entered(walk: Walk, tree: FhirTree, path: string, place: Place): void {
  if (tree === place.tree) {
    checkResourceRules(walk, tree, path, place);
    return;
  }
  const bundle = place.tree.resourceType === 'Bundle' && isTree(place.tree) ? indexBundle(place.tree) : place.bundle;
  checkResource(walk, tree, path, rootPlace(tree, bundle));
}
