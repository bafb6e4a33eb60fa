import { type MatchedEntry, type ResolveOptions, resolveBundle } from './bundle.ts';
import { postEntries } from './bundle-entry.ts';
import { type ClassifiedEntry, classifyBundle } from './bundle-owners.ts';
import { issueOf } from './error-outcome.ts';
import { FhirError, type FhirErrorCode } from './fhir-error.ts';
import { hasErrors, type Issue } from './issue.ts';
import type { OwnerOfReference } from './owner.ts';
import { type JsonLimits, parseFhirJson } from './parse-json.ts';
import { ISSUES_MAX, structureIssues } from './structure.ts';
import type { FhirTree } from './tree.ts';
import { validateStructure } from './validate.ts';

export interface PrepareOptions extends ResolveOptions {
  readonly limits?: JsonLimits;
  /** What the repository knows of the owners of resources that the bundle refers to. */
  readonly ownerOfReference?: OwnerOfReference;
  /** Where validation runs; the default is this thread (four fifths of the work, so a worker may pay off). */
  readonly validate?: (bundle: FhirTree) => Promise<readonly Issue[]> | readonly Issue[];
}

export type PreparedTransaction =
  | {
      readonly kind: 'prepared';
      /** What to write, each with category, label class and owner. */
      readonly creates: readonly ClassifiedEntry[];
      readonly matches: readonly MatchedEntry[];
      /** Entries of the bundle: `creates` and `matches` together, to be answered by their `index`. */
      readonly count: number;
      readonly links: ReadonlyMap<string, string>;
    }
  | { readonly kind: 'refused'; readonly code: FhirErrorCode; readonly issues: readonly Issue[] };

/** The whole way of a transaction before anything is written: parse, validate, resolve, classify. */
export async function prepareTransaction(
  input: Uint8Array | string,
  options: PrepareOptions,
): Promise<PreparedTransaction> {
  try {
    const bundle = parseFhirJson(input, options.limits);
    const issues = await (options.validate ?? validateTransaction)(bundle);
    if (hasErrors(issues)) return { kind: 'refused', code: 'structure-invalid', issues };
    const resolved = await resolveBundle(bundle, options);
    const creates = classifyBundle(resolved, options.ownerOfReference);
    const matches = resolved.entries.filter((entry) => entry.kind === 'matched');
    return { kind: 'prepared', creates, matches, count: resolved.entries.length, links: resolved.links };
  } catch (error) {
    if (!(error instanceof FhirError)) throw error;
    return { kind: 'refused', code: error.code, issues: [issueOf(error)] };
  }
}

/**
 * Validates a transaction: the bundle's own elements by structure, every resource in it fully.
 *
 * @throws FhirError the codes of `postEntries`.
 */
export function validateTransaction(bundle: FhirTree): readonly Issue[] {
  const entries = postEntries(bundle);
  const issues: Issue[] = [...structureIssues(withoutResources(bundle))];
  for (const { index, type, resource } of entries) {
    if (issues.length >= ISSUES_MAX) break;
    for (const issue of validateStructure(resource)) {
      issues.push({ ...issue, expression: entryExpression(index, type, issue.expression) });
    }
  }
  return issues.slice(0, ISSUES_MAX);
}

/** Resources are validated one by one: the invariants of a Bundle compare all entries with each other. */
function withoutResources(bundle: FhirTree): FhirTree {
  const entries = bundle.entry as readonly FhirTree[] | undefined;
  return entries === undefined ? bundle : { ...bundle, entry: entries.map(({ resource: _resource, ...rest }) => rest) };
}

function entryExpression(index: number, type: string, expression: string | undefined): string {
  const inside = expression?.startsWith(`${type}.`) === true ? expression.slice(type.length) : '';
  return `Bundle.entry[${index}].resource${inside}`;
}
