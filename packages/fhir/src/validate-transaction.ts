import type { ResolvedBundle } from './bundle.ts';
import { requestEntries } from './bundle-entry.ts';
import { FhirError } from './fhir-error.ts';
import { hasErrors, type Issue } from './issue.ts';
import { ISSUES_MAX, structureIssues } from './structure.ts';
import type { FhirTree } from './tree.ts';
import { validateForWrite } from './validate.ts';

/**
 * Validates a transaction: the bundle's own elements by structure, every resource in it fully.
 *
 * @throws FhirError the codes of `requestEntries`.
 */
export function validateTransaction(bundle: FhirTree): readonly Issue[] {
  const entries = requestEntries(bundle);
  const issues: Issue[] = [...structureIssues(withoutResources(bundle))];
  for (const entry of entries) {
    if (issues.length >= ISSUES_MAX) break;
    // What a patch makes is validated when it is known.
    if (entry.method !== 'POST' && entry.method !== 'PUT') continue;
    const { index, type, resource } = entry;
    for (const issue of validateForWrite(resource, bundle)) {
      // A write says nothing of remarks, and they must not crowd out what refuses it.
      if (hasErrors([issue])) issues.push({ ...issue, expression: entryExpression(index, type, issue.expression) });
    }
  }
  return issues.slice(0, ISSUES_MAX);
}

/**
 * Validates what the patches of a transaction made, which is known only when it is resolved.
 *
 * @throws FhirError `structure-invalid`, with the place inside the resource.
 */
export function demandValidPatches(bundle: FhirTree, { entries }: ResolvedBundle): void {
  const requests = requestEntries(bundle);
  for (const entry of entries) {
    if (entry.kind !== 'update' || requests[entry.index]?.method !== 'PATCH') continue;
    const fault = validateForWrite(entry.resource, bundle).find((issue) => hasErrors([issue]));
    if (fault === undefined) continue;
    throw new FhirError('structure-invalid', `what the patch makes is not valid: ${fault.text}`, fault.expression);
  }
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
