import { type FhirTree, type FhirValue, isList, isTree, parseFhirJson, stringifyFhirJson } from '@salus/fhir/parse';

/** How a plaintext names a large attachment, in the place of `data` (docs/record-proof.md). */
const ATTACHMENT = /^salus-attachment:[^"]{1,200}$/;

/**
 * Whether a resource is the one that a proof is about: every element in its order, number literals too. Where the proof's
 * text names a large attachment, its content may stand in the resource: nothing but that very `data` may differ.
 */
export function isAsProven(shown: FhirTree, proven: FhirTree): boolean {
  return stringifyFhirJson(shown) === stringifyFhirJson(withContents(proven, shown) as FhirTree);
}

/**
 * Whether a resource that a node showed is the one that the text of its proof says. The links to other organisations that a
 * node adds to a Patient for the time of a reading (`seealso`, R4 Patient.link) are no part of the record and not compared.
 *
 * @throws FhirError where the text is no FHIR JSON
 */
export function isShownAsProven(shown: FhirTree, plaintext: string): boolean {
  const proven = parseFhirJson(plaintext);
  if (proven.resourceType !== 'Patient') return isAsProven(shown, proven);
  return isAsProven(withoutSeeAlso(shown), withoutSeeAlso(proven));
}

function withContents(proven: FhirValue, shown: FhirValue | undefined): FhirValue {
  if (isList(proven)) return proven.map((item, at) => withContents(item, isList(shown) ? shown[at] : undefined));
  if (!isTree(proven) || !isTree(shown)) return proven;
  return Object.fromEntries(
    Object.entries(proven).map(([name, value]) => {
      const other = shown[name];
      const isName = name === 'data' && typeof value === 'string' && ATTACHMENT.test(value);
      if (isName) return [name, typeof other === 'string' ? other : value];
      return [name, value === undefined ? value : withContents(value, other)];
    }),
  );
}

function withoutSeeAlso({ link, ...rest }: FhirTree): FhirTree {
  const kept = isList(link) ? link.filter((each) => !(isTree(each) && each.type === 'seealso')) : [];
  return kept.length === 0 ? rest : { ...rest, link: kept };
}
