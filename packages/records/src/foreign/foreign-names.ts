import { categoryOf, type FhirTree, ownerRuleOf, pairIndex, parseReference, type ResourceType } from '@salus/fhir';
import type { Look } from './foreign-reading.ts';
import { referencesIn } from './foreign-text.ts';

/** `Type/id` of the URLs that stand below a base. */
export function namesBelow(base: string, urls: readonly string[]): readonly string[] {
  const names = urls.flatMap((url) => {
    const parsed = parseReference(url);
    return parsed.kind === 'absolute' && parsed.base === `${base}/` ? [`${parsed.type}/${parsed.id}`] : [];
  });
  return [...new Set(names)];
}

/** Of a `Type/id` that `namesBelow` made. */
export function typeOf(name: string): ResourceType {
  return name.slice(0, name.indexOf('/')) as ResourceType;
}

/** Does the `Type/id` name a resource that belongs to an organisation? */
export function isDirectory(name: string): boolean {
  return ownerRuleOf(typeOf(name)) === 'organisation';
}

/** Whole URLs of resources that belong to an organisation. */
export function directoryUrlsIn(tree: FhirTree): readonly string[] {
  return referencesIn(tree).filter((url) => {
    const parsed = parseReference(url);
    return parsed.kind === 'absolute' && ownerRuleOf(parsed.type) === 'organisation';
  });
}

/** Directory resources need no grant of their own, but a scope that speaks of them. */
export function allowsDirectory({ caller, interaction }: Look, author: string, name: string): boolean {
  const type = typeOf(name);
  const pair = pairIndex(categoryOf({ resourceType: type }), 'N');
  const meta = { owner: `org:${author}`, type, id: '', recordId: '', pair, dataFromMs: null, dataToMs: null } as const;
  return caller.narrow?.(meta, interaction) ?? true;
}
