import { definitionResources } from '../definition-file.ts';
import { type FhirTree, type FhirValue, isTree } from '../tree.ts';
import type { Summary } from './search-request.ts';

const FILES = ['fhir/r4/profiles-resources.json', 'fhir/r4/profiles-types.json'] as const;
const SUBSETTED = { system: 'http://terminology.hl7.org/CodeSystem/v3-ObservationValue', code: 'SUBSETTED' };
/** What every answer keeps: R4 §3.1.1.5.8 and §3.1.1.5.9. */
const ALWAYS = ['resourceType', 'id', 'meta'];

interface Elements {
  readonly summary: ReadonlySet<string>;
  /** At least one of them in every resource. */
  readonly mandatory: ReadonlySet<string>;
}

let definitions: ReadonlyMap<string, Elements> | undefined;

/**
 * The part of a resource that `_summary` or `_elements` asks for, tagged SUBSETTED; the resource itself when it asks for all.
 * Mandatory elements stay, so that the part is valid.
 */
export function summaryOf(tree: FhirTree, summary: Summary, elements: readonly string[]): FhirTree {
  const type = typeof tree.resourceType === 'string' ? tree.resourceType : '';
  if (elements.length > 0) return subset(tree, type, new Set(elements.map((element) => element.split('.')[0] ?? '')));
  switch (summary) {
    case 'true':
      return summarised(tree, type);
    case 'text':
      return subset(tree, type, new Set(['text']));
    case 'data': {
      const { text: _text, ...data } = tree;
      return tagged(data);
    }
    case 'count':
    case 'false':
      return tree;
  }
}

function subset(tree: FhirTree, type: string, names: ReadonlySet<string>): FhirTree {
  const { mandatory } = elementsOf(type);
  const kept = Object.entries(tree).filter(([name]) => {
    const element = elementName(type, name);
    return ALWAYS.includes(name) || names.has(element) || names.has(name) || mandatory.has(`${type}.${element}`);
  });
  return tagged(Object.fromEntries(kept));
}

function summarised(tree: FhirTree, type: string): FhirTree {
  const { summary } = elementsOf(type);
  const prune = (node: FhirTree, path: string): FhirTree => {
    const kept: Record<string, FhirValue> = {};
    for (const [name, value] of Object.entries(node)) {
      if (value === undefined) continue;
      const at = `${path}.${elementName(path, name)}`;
      if (!(path === type && ALWAYS.includes(name)) && !summary.has(at)) continue;
      kept[name] = isBackbone(summary, at) ? pruneAll(value, at) : value;
    }
    return kept;
  };
  const pruneAll = (value: FhirValue, at: string): FhirValue => {
    if (Array.isArray(value)) return (value as readonly FhirValue[]).map((item) => pruneAll(item, at));
    return isTree(value) ? prune(value, at) : value;
  };
  return tagged(prune(tree, type));
}

/** Does the definition say of its children which are in the summary? Those of data types stay whole. */
function isBackbone(summary: ReadonlySet<string>, path: string): boolean {
  for (const known of summary) if (known.startsWith(`${path}.`)) return true;
  return false;
}

function tagged(tree: FhirTree): FhirTree {
  const meta = isTree(tree.meta) ? tree.meta : {};
  const tags: readonly FhirValue[] = Array.isArray(meta.tag) ? (meta.tag as readonly FhirValue[]) : [];
  return { ...tree, meta: { ...meta, tag: [...tags, SUBSETTED] } };
}

/** `valueQuantity` is the element `value`, `_birthDate` belongs to `birthDate`. */
function elementName(path: string, property: string): string {
  const name = property.startsWith('_') ? property.slice(1) : property;
  const { choices } = choicesOf(path.split('.')[0] ?? '');
  return choices.find((choice) => choice.path === path && name.startsWith(choice.name))?.name ?? name;
}

type Choice = { readonly path: string; readonly name: string };

const choicesByType = new Map<string, { readonly choices: readonly Choice[] }>();

function choicesOf(type: string): { readonly choices: readonly Choice[] } {
  elementsOf(type);
  return choicesByType.get(type) ?? { choices: [] };
}

function elementsOf(type: string): Elements {
  definitions ??= readDefinitions();
  return definitions.get(type) ?? { summary: new Set(), mandatory: new Set() };
}

function readDefinitions(): ReadonlyMap<string, Elements> {
  const all = new Map<string, Elements>();
  for (const resource of FILES.flatMap((file) => [...definitionResources(file)])) {
    if (resource.resourceType !== 'StructureDefinition' || resource.kind !== 'resource') continue;
    const elements = resource.snapshot?.element ?? [];
    const [summary, mandatory, choices] = [new Set<string>(), new Set<string>(), [] as Choice[]];
    for (const { path, isSummary, min } of elements) {
      const plain = path.replace('[x]', '');
      if (path.endsWith('[x]')) {
        const dot = plain.lastIndexOf('.');
        choices.push({ path: plain.slice(0, dot), name: plain.slice(dot + 1) });
      }
      if (isSummary === true) summary.add(plain);
      if ((min ?? 0) > 0) mandatory.add(plain);
    }
    all.set(resource.type, { summary, mandatory });
    choicesByType.set(resource.type, { choices });
  }
  return all;
}
