import { type FhirTree, type FhirValue, isTree, listOf, stringOf } from '@salus/fhir/parse';

/** One coding of a concept, as the resource has it. */
export interface Coding {
  readonly system: string | undefined;
  readonly code: string | undefined;
  readonly display: string | undefined;
}

/** The codings of a CodeableConcept, or a bare Coding itself (R4 §2.24.0.4, §2.24.0.5). */
export function codingsOf(concept: FhirValue | undefined): readonly Coding[] {
  return listOf(concept).flatMap((one) => {
    if (!isTree(one)) return [];
    if (one.coding === undefined) return one.code === undefined ? [] : [codingOf(one)];
    return listOf(one.coding).flatMap((coding) => (isTree(coding) ? [codingOf(coding)] : []));
  });
}

function codingOf(tree: FhirTree): Coding {
  return { system: stringOf(tree.system), code: stringOf(tree.code), display: stringOf(tree.display) };
}

/** What a person reads: the author's own text, else a coding's display, else a bare code; undefined where there is none. */
export function conceptText(concept: FhirValue | undefined): string | undefined {
  for (const one of listOf(concept)) {
    const text = isTree(one) ? stringOf(one.text) : stringOf(one);
    if (text !== undefined && text.trim() !== '') return text;
  }
  const codings = codingsOf(concept);
  return codings.find(({ display }) => display !== undefined)?.display ?? codings[0]?.code;
}

/** Whether any coding is one of `codes` of the system. */
export function hasCode(concept: FhirValue | undefined, system: string, ...codes: readonly string[]): boolean {
  return codingsOf(concept).some((coding) => coding.system === system && codes.includes(coding.code ?? ''));
}

/** The same for two concepts that mean the same: their first coding, else their text in small letters. */
export function conceptKey(concept: FhirValue | undefined): string | undefined {
  const coded = codingsOf(concept).find(({ code }) => code !== undefined);
  if (coded !== undefined) return `${coded.system ?? ''}|${coded.code}`;
  return conceptText(concept)?.trim().toLowerCase();
}
