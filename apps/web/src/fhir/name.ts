import { type FhirTree, isTree, listOf, stringOf } from '@salus/fhir/parse';

/** A person's or organisation's name: a HumanName's text, else its parts in order; the official one first. */
export function nameOf(resource: FhirTree): string | undefined {
  const plain = stringOf(resource.name);
  if (plain !== undefined) return plain;
  const names = listOf(resource.name).filter(isTree);
  const chosen = names.find(({ use }) => use === 'official') ?? names.find(({ use }) => use !== 'old') ?? names[0];
  if (chosen === undefined) return undefined;
  const text = stringOf(chosen.text);
  if (text !== undefined) return text;
  const parts = [chosen.prefix, chosen.given, chosen.family, chosen.suffix].flatMap((part) =>
    listOf(part).flatMap((one) => stringOf(one) ?? []),
  );
  return parts.length === 0 ? undefined : parts.join(' ');
}
