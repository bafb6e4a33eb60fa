import { type FhirTree, type Issue, operationOutcome } from '@salus/fhir';

/** What an answer tells beside its resources (R4 §3.1.1.6: mode `outcome`). */
export function outcomeEntry(issue: Issue): FhirTree {
  return { resource: operationOutcome([issue]), search: { mode: 'outcome' } };
}

export function tooLargeEntry({ type, id }: { readonly type: string; readonly id: string }): FhirTree {
  const text = `${type}/${id} has attachments that are too large for a bundle`;
  return outcomeEntry({ severity: 'warning', code: 'too-costly', text });
}
