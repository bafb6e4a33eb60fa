import { type FhirTree, type FhirValue, isTree, listOf } from '../../tree.ts';

/** The objects among the values of an element, with their places. */
export function objectsAt(tree: FhirTree, element: string, path: string): readonly (readonly [FhirTree, string])[] {
  return listOf(tree[element]).flatMap((value, index) =>
    isTree(value) ? [[value, `${path}.${element}[${index}]`] as const] : [],
  );
}

/** Every string of a value, narratives left out. */
export function* stringsOf(value: FhirValue | undefined): Generator<string> {
  if (typeof value === 'string') yield value;
  else if (Array.isArray(value)) for (const item of value as readonly FhirValue[]) yield* stringsOf(item);
  else if (isTree(value)) for (const key of Object.keys(value)) if (key !== 'div') yield* stringsOf(value[key]);
}
