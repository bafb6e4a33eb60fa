import { isResourceType } from './resource-table.ts';
import { type Property, type Shape, shapeOf } from './shape.ts';
import { type FhirTree, type FhirValue, isList, isTree } from './tree.ts';

/**
 * Where links stand in a resource (R4 §3.1.0.11.2): `reference` is a `Reference.reference`; `uri` is an element of type
 * uri, url, oid or uuid; `narrative` is an `href` or `src` in the XHTML. Elements of type canonical, string and code are
 * no links, so an `Identifier.value` that looks like a urn stays what it is.
 */
export type LinkKind = 'reference' | 'uri' | 'narrative';

/** The new text of a link, or `undefined` to leave it. May throw to refuse. */
export type LinkReplacer = (link: string, kind: LinkKind) => string | undefined;

const LINK_TYPES: ReadonlySet<string> = new Set(['uri', 'url', 'oid', 'uuid']);
const NARRATIVE_LINK = /\b(href|src)(\s*=\s*)("[^"]*"|'[^']*')/g;

/**
 * Rewrites the links of a resource, its contained resources included, by the types of its elements. Everything else,
 * number literals too, stays the same object; a resource without such a link is returned itself.
 * Elements that the definitions do not know are left alone: validate first.
 */
export function rewriteLinks(tree: FhirTree, replace: LinkReplacer): FhirTree {
  return isResourceType(tree.resourceType) ? object(tree, shapeOf(tree.resourceType), replace) : tree;
}

function object(tree: FhirTree, shape: Shape, replace: LinkReplacer): FhirTree {
  let copy: Record<string, FhirValue | undefined> | undefined;
  for (const key of Object.keys(tree)) {
    const value = tree[key];
    const property = shape.properties.get(key);
    if (value === undefined || property === undefined) continue;
    const changed = isList(value) ? list(value, shape, property, replace) : single(value, shape, property, replace);
    if (changed === value) continue;
    copy ??= { ...tree };
    copy[key] = changed;
  }
  return copy ?? tree;
}

function list(values: readonly FhirValue[], shape: Shape, property: Property, replace: LinkReplacer): FhirValue {
  let copy: FhirValue[] | undefined;
  for (const [index, value] of values.entries()) {
    const changed = single(value, shape, property, replace);
    if (changed === value) continue;
    copy ??= [...values];
    copy[index] = changed;
  }
  return copy ?? values;
}

function single(value: FhirValue, shape: Shape, property: Property, replace: LinkReplacer): FhirValue {
  switch (property.kind) {
    case 'primitive':
      return typeof value === 'string' ? text(value, shape, property, replace) : value;
    case 'object':
      return isTree(value) ? object(value, shapeOf(property.type), replace) : value;
    case 'partner':
      return isTree(value) ? object(value, shapeOf('Element'), replace) : value;
    case 'resource':
      return isTree(value) ? rewriteLinks(value, replace) : value;
  }
}

function text(
  value: string,
  shape: Shape,
  property: Extract<Property, { kind: 'primitive' }>,
  replace: LinkReplacer,
): string {
  if (shape.type === 'Reference' && property.element === 'reference') return replace(value, 'reference') ?? value;
  if (LINK_TYPES.has(property.type)) return replace(value, 'uri') ?? value;
  if (property.type !== 'xhtml') return value;
  return value.replace(NARRATIVE_LINK, (whole, name: string, equals: string, quoted: string) => {
    const link = replace(quoted.slice(1, -1), 'narrative');
    return link === undefined ? whole : `${name}${equals}"${link}"`;
  });
}
