import { FhirError } from '../fhir-error.ts';
import { narrativeFault } from '../narrative.ts';
import { isResourceType } from '../resource-table.ts';
import { type PrimitiveProperty, type Property, type Shape, shapeOf } from '../shape.ts';
import { type FhirTree, type FhirValue, isTree, listOf, numberLiteral } from '../tree.ts';

export const FHIR_NAMESPACE = 'http://hl7.org/fhir';

/** What a type writes as attributes instead of elements (R4 §2.6.1, xml.html): ids of elements, and the url of an extension. */
export function isAttribute({ type, isResource }: Shape, property: string): boolean {
  return (property === 'id' && !isResource) || (property === 'url' && type === 'Extension');
}

/**
 * The XML of a resource (R4 §2.6.1): elements in the order of the definitions, number literals as they were written,
 * the narrative as XHTML. The tree has passed `structureIssues`: an element that its type does not have is left to that check.
 *
 * @throws FhirError `structure-invalid` for a narrative that is no safe XHTML, or a character that XML 1.0 cannot hold.
 */
export function writeFhirXml(tree: FhirTree): string {
  return `<?xml version="1.0" encoding="UTF-8"?>${resourceXml(tree, ` xmlns="${FHIR_NAMESPACE}"`)}`;
}

function resourceXml(tree: FhirTree, namespace: string): string {
  const type = tree.resourceType;
  if (!isResourceType(type)) throw new FhirError('structure-invalid', 'resourceType must name an R4 resource type');
  return elementXml(type, namespace, childrenXml(tree, shapeOf(type)));
}

function childrenXml(tree: FhirTree, shape: Shape): string {
  let xml = '';
  for (const [name, property] of shape.properties) {
    if (property.kind === 'partner' || isAttribute(shape, name)) continue;
    xml += propertyXml(name, property, tree);
  }
  return xml;
}

function propertyXml(name: string, property: Exclude<Property, { kind: 'partner' }>, tree: FhirTree): string {
  switch (property.kind) {
    case 'primitive':
      return primitivesXml(name, property, tree);
    case 'object':
      return listOf(tree[name])
        .map((item) => objectXml(name, property.type, item))
        .join('');
    case 'resource':
      return listOf(tree[name])
        .map((item) => (isTree(item) ? elementXml(name, '', resourceXml(item, '')) : ''))
        .join('');
  }
}

function objectXml(name: string, type: string, value: FhirValue): string {
  if (!isTree(value)) return '';
  const shape = shapeOf(type);
  return elementXml(name, attributesXml(value, shape), childrenXml(value, shape));
}

/** Values and their ids and extensions run in two lists side by side (R4 §2.6.2). */
function primitivesXml(name: string, { type }: PrimitiveProperty, tree: FhirTree): string {
  const values = listOf(tree[name]);
  const partners = listOf(tree[`_${name}`]);
  const partnerShape = shapeOf('Element');
  let xml = '';
  for (let index = 0; index < Math.max(values.length, partners.length); index += 1) {
    const value = values[index] ?? null;
    if (type === 'xhtml' && typeof value === 'string') {
      xml += narrativeXml(value);
      continue;
    }
    const partner = partners[index];
    const beside = isTree(partner) ? partner : {};
    const text = value === null ? '' : ` value="${escapeAttribute(primitiveText(value))}"`;
    xml += elementXml(name, attributesXml(beside, partnerShape) + text, childrenXml(beside, partnerShape));
  }
  return xml;
}

function primitiveText(value: FhirValue): string {
  if (typeof value === 'string') return value;
  return numberLiteral(value) ?? JSON.stringify(value);
}

function attributesXml(tree: FhirTree, shape: Shape): string {
  let attributes = '';
  for (const name of ['id', 'url']) {
    const value = tree[name];
    if (isAttribute(shape, name) && typeof value === 'string') attributes += ` ${name}="${escapeAttribute(value)}"`;
  }
  return attributes;
}

function elementXml(name: string, attributes: string, content: string): string {
  return content === '' ? `<${name}${attributes}/>` : `<${name}${attributes}>${content}</${name}>`;
}

/** XML without a DTD knows five entities; HTML's `&nbsp;`, which a narrative may hold, is written as its number. */
function narrativeXml(div: string): string {
  const fault = narrativeFault(div);
  if (fault !== undefined) throw new FhirError('structure-invalid', fault);
  const xml = div.trim().replaceAll('&nbsp;', '&#160;');
  demandXmlCharacters(xml);
  return /^<div[^>]*\sxmlns\s*=/.test(xml) ? xml : xml.replace(/^<div/, '<div xmlns="http://www.w3.org/1999/xhtml"');
}

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  '\t': '&#9;',
  '\n': '&#10;',
  '\r': '&#13;',
};

/** Tabs and line ends by number: an XML parser turns bare ones of an attribute into spaces (XML 1.0 §3.3.3). */
function escapeAttribute(text: string): string {
  demandXmlCharacters(text);
  return text.replace(/[&<>"\t\n\r]/g, (character) => ESCAPES[character]!);
}

/** XML 1.0 §2.2: what even a character reference cannot name. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
const UNWRITABLE = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/;

function demandXmlCharacters(text: string): void {
  if (UNWRITABLE.test(text)) {
    throw new FhirError('structure-invalid', 'a string holds a character that XML cannot write');
  }
}
