import { type SaxesAttributeNS, SaxesParser, type SaxesTagNS } from 'saxes';
import { FhirError, type FhirErrorCode } from '../fhir-error.ts';
import { NARRATIVE_DEPTH_MAX } from '../narrative.ts';
import { JSON_LIMITS, NUMBER_LITERAL_LENGTH_MAX } from '../parse-json.ts';
import { readText, type TextLimits } from '../read-text.ts';
import { isResourceType, type ResourceType } from '../resource-table.ts';
import { type JsonKind, type PrimitiveProperty, type Property, type Shape, shapeOf } from '../shape.ts';
import { type FhirTree, type FhirValue, numberFromLiteral } from '../tree.ts';
import { FHIR_NAMESPACE, isAttribute } from './write-xml.ts';

const XHTML_NAMESPACE = 'http://www.w3.org/1999/xhtml';
const XMLNS_NAMESPACE = 'http://www.w3.org/2000/xmlns/';
/** Schema hints of generators; they say nothing about the resource. */
const XSI_NAMESPACE = 'http://www.w3.org/2001/XMLSchema-instance';
const NUMBER = /^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?$/;

type Fields = Record<string, FhirValue>;
type Parser = SaxesParser<{ xmlns: true }>;

/** An element that is open: what it may hold, and where it goes when it closes. */
type Frame =
  | { readonly kind: 'object'; readonly place: Place; readonly shape: Shape; readonly fields: Fields }
  /** `<resource>` or `<contained>`: the one resource inside. */
  | { readonly kind: 'resource'; readonly place: Place; resource: Fields | undefined }
  | {
      readonly kind: 'primitive';
      readonly place: Place;
      readonly property: PrimitiveProperty;
      readonly value: FhirValue;
      /** Id and extensions. */
      readonly fields: Fields;
    };

/** Where an element's value goes: the fields of what holds it, the property's name; undefined for the document's root. */
type Place = { readonly fields: Fields; readonly name: string; readonly list: boolean } | undefined;

/**
 * Parses the XML of one resource (R4 §2.6.1) into the same tree as its JSON: number literals survive, the narrative stays the text
 * that it is. Strict: well-formed, in FHIR's namespace, no document type (so no entities beyond XML's five), no element,
 * attribute or text that R4 does not define, no single element twice, one type of a choice. What validation of
 * the tree finds (missing elements, codes …) is left to it.
 *
 * @throws FhirError `too-large`, `too-deep`, `encoding`, `syntax`, `structure-invalid`, `number-too-long`, `not-a-resource`,
 *   with the place as `expression`.
 */
export function parseFhirXml(input: Uint8Array | string, limits: TextLimits = JSON_LIMITS): FhirTree {
  const reader = new XmlReader(readText(input, limits), limits.depthMax);
  return reader.read();
}

/** A class because its frames live as long as the text. */
class XmlReader {
  readonly #text: string;
  readonly #depthMax: number;
  readonly #parser: Parser;
  readonly #frames: Frame[] = [];
  /** Elements of the narrative that are open, and where its text starts. */
  #narrativeDepth = 0;
  #narrativeStart = 0;
  #nameEnd = 0;
  #root: FhirTree | undefined;

  constructor(text: string, depthMax: number) {
    this.#text = text;
    this.#depthMax = depthMax;
    this.#parser = new SaxesParser({ xmlns: true, position: true });
  }

  read(): FhirTree {
    const parser = this.#parser;
    parser.on('error', (error) => {
      throw this.#error('syntax', `the XML is not well-formed: ${reasonOf(error)}`);
    });
    parser.on('doctype', () => {
      throw this.#error('syntax', 'a document type is refused');
    });
    parser.on('opentagstart', () => {
      this.#nameEnd = parser.position;
    });
    parser.on('opentag', (tag) => this.#open(tag));
    parser.on('closetag', () => this.#close());
    parser.on('text', (text) => this.#characters(text));
    parser.on('cdata', (text) => this.#characters(text));
    parser.write(this.#text).close();
    if (this.#root === undefined) throw this.#error('not-a-resource', 'an XML element was expected');
    return this.#root;
  }

  #open(tag: SaxesTagNS): void {
    if (this.#narrativeDepth > 0) {
      // The parser looks through everything that is open for each element's namespace: a deep narrative would cost the square.
      if (this.#narrativeDepth >= NARRATIVE_DEPTH_MAX) {
        throw this.#error('too-deep', `a narrative is nested deeper than ${NARRATIVE_DEPTH_MAX} elements`);
      }
      this.#narrativeDepth += 1;
      return;
    }
    if (this.#frames.length >= this.#depthMax) {
      throw this.#error('too-deep', `nested deeper than ${this.#depthMax} elements`);
    }
    const holder = this.#frames.at(-1);
    if (holder === undefined) this.#frames.push(this.#openResource(tag, undefined));
    else if (holder.kind === 'resource') this.#openInside(tag, holder);
    else this.#openElement(tag, holder);
  }

  #openInside(tag: SaxesTagNS, holder: Extract<Frame, { kind: 'resource' }>): void {
    if (holder.resource !== undefined) throw this.#error('structure-invalid', 'one resource was expected, not two');
    const frame = this.#openResource(tag, undefined);
    holder.resource = frame.fields;
    this.#frames.push(frame);
  }

  #openResource(tag: SaxesTagNS, place: Place): Extract<Frame, { kind: 'object' }> {
    const type = tag.local;
    if (tag.uri !== FHIR_NAMESPACE) throw this.#error('not-a-resource', `elements of ${FHIR_NAMESPACE} were expected`);
    if (!isResourceType(type)) throw this.#error('not-a-resource', 'the element must name an R4 resource type');
    this.#attributes(tag, []);
    const fields: Fields = { resourceType: type satisfies ResourceType };
    return { kind: 'object', place, shape: shapeOf(type), fields };
  }

  #openElement(tag: SaxesTagNS, holder: Extract<Frame, { kind: 'object' | 'primitive' }>): void {
    const shape = holder.kind === 'object' ? holder.shape : shapeOf('Element');
    const property = shape.properties.get(tag.local);
    if (property === undefined || property.kind === 'partner' || isAttribute(shape, tag.local)) {
      throw this.#error('structure-invalid', 'unknown element');
    }
    const isNarrative = property.kind === 'primitive' && property.type === 'xhtml';
    if (tag.uri !== (isNarrative ? XHTML_NAMESPACE : FHIR_NAMESPACE)) {
      throw this.#error('structure-invalid', 'an element stands in another namespace than FHIR’s');
    }
    this.#demandFree(holder.fields, tag.local, property, shape);
    const place = { fields: holder.fields, name: tag.local, list: property.list };
    if (isNarrative) {
      this.#narrativeDepth = 1;
      // Neither a name nor an attribute's value holds `<`.
      this.#narrativeStart = this.#text.lastIndexOf('<', this.#nameEnd - 1);
      this.#frames.push({ kind: 'primitive', place, property, value: null, fields: {} });
    } else {
      this.#frames.push(this.#frameOf(tag, property, place));
    }
  }

  #frameOf(tag: SaxesTagNS, property: Exclude<Property, { kind: 'partner' }>, place: Place): Frame {
    switch (property.kind) {
      case 'resource':
        this.#attributes(tag, []);
        return { kind: 'resource', place, resource: undefined };
      case 'object': {
        const shape = shapeOf(property.type);
        const attributes = this.#attributes(
          tag,
          ['id', 'url'].filter((name) => isAttribute(shape, name)),
        );
        return { kind: 'object', place, shape, fields: { ...attributes } };
      }
      case 'primitive': {
        const { value, ...beside } = this.#attributes(tag, ['id', 'value']);
        const parsed = value === undefined ? null : this.#primitive(value, property.json);
        return { kind: 'primitive', place, property, value: parsed, fields: { ...beside } };
      }
    }
  }

  #close(): void {
    if (this.#narrativeDepth > 1) {
      this.#narrativeDepth -= 1;
      return;
    }
    const frame = this.#frames.pop()!;
    switch (frame.kind) {
      case 'object':
        if (frame.place === undefined) this.#root ??= this.#frames.length === 0 ? frame.fields : undefined;
        else put(frame.place, frame.fields);
        return;
      case 'resource':
        if (frame.resource === undefined) throw this.#error('structure-invalid', 'a resource was expected');
        put(frame.place, frame.resource);
        return;
      case 'primitive':
        this.#closePrimitive(frame);
    }
  }

  #closePrimitive({ place, value, fields }: Extract<Frame, { kind: 'primitive' }>): void {
    if (place === undefined) return;
    if (this.#narrativeDepth === 1) {
      this.#narrativeDepth = 0;
      put(place, this.#text.slice(this.#narrativeStart, this.#parser.position));
      return;
    }
    const beside = Object.keys(fields).length > 0;
    if (value === null && !beside) throw this.#error('structure-invalid', 'an element has a value or extensions');
    putPrimitive(place, value, beside ? fields : null);
  }

  /** A single element stands once, and an element of several types has one of them. */
  #demandFree(fields: Fields, name: string, property: Property, shape: Shape): void {
    if (property.list) return;
    for (const [other, { element }] of shape.properties) {
      if (element === property.element && (Object.hasOwn(fields, other) || Object.hasOwn(fields, `_${other}`))) {
        const fault =
          other === name ? 'a single element stands twice' : 'an element of several types has one value only';
        throw this.#error('structure-invalid', fault);
      }
    }
  }

  #attributes(tag: SaxesTagNS, allowed: readonly string[]): Record<string, string> {
    const values: Record<string, string> = {};
    for (const attribute of Object.values(tag.attributes) as SaxesAttributeNS[]) {
      const { uri, local, prefix, value } = attribute;
      if (uri === XMLNS_NAMESPACE || uri === XSI_NAMESPACE) continue;
      if (prefix !== '' || !allowed.includes(local)) throw this.#error('structure-invalid', 'unknown attribute');
      if (value === '') throw this.#error('structure-invalid', 'an attribute must not be empty');
      values[local] = value;
    }
    return values;
  }

  #primitive(value: string, json: JsonKind): FhirValue {
    switch (json) {
      case 'string':
        return value;
      case 'boolean':
        if (value !== 'true' && value !== 'false') throw this.#error('structure-invalid', 'true or false was expected');
        return value === 'true';
      case 'number':
        if (value.length > NUMBER_LITERAL_LENGTH_MAX) {
          throw this.#error('number-too-long', `a number has more than ${NUMBER_LITERAL_LENGTH_MAX} characters`);
        }
        if (!NUMBER.test(value)) throw this.#error('structure-invalid', 'a number was expected');
        return numberFromLiteral(value);
    }
  }

  #characters(text: string): void {
    if (this.#narrativeDepth === 0 && text.trim() !== '') {
      throw this.#error('structure-invalid', 'text stands outside of attributes');
    }
  }

  #error(code: FhirErrorCode, message: string): FhirError {
    const location = this.#frames.map((frame) => {
      if (frame.kind === 'object' && frame.place === undefined) return frame.shape.type;
      return frame.place?.name ?? '?';
    });
    return new FhirError(code, message, location.length === 0 ? '$this' : location.join('.'));
  }
}

function put(place: Place, value: FhirValue): void {
  if (place === undefined) return;
  const { fields, name, list } = place;
  if (list) listIn(fields, name).push(value);
  else fields[name] = value;
}

/** Values and their ids and extensions in two lists side by side, `null` where one has nothing (R4 §2.6.2). */
function putPrimitive({ fields, name, list }: NonNullable<Place>, value: FhirValue, beside: Fields | null): void {
  const partner = `_${name}`;
  if (!list) {
    if (value !== null) fields[name] = value;
    if (beside !== null) fields[partner] = beside;
    return;
  }
  const count = Math.max(
    ...[name, partner].map((key) => (Object.hasOwn(fields, key) ? listIn(fields, key).length : 0)),
  );
  for (const [key, item] of [
    [name, value],
    [partner, beside],
  ] as const) {
    if (item === null && !Object.hasOwn(fields, key)) continue;
    const items = listIn(fields, key);
    while (items.length < count) items.push(null);
    items.push(item);
  }
}

/** A list of the tree that is being read, which is this reader's own until it is done. */
function listIn(fields: Fields, name: string): FhirValue[] {
  fields[name] ??= [];
  return fields[name] as FhirValue[];
}

/** The parser's own words, without the place in the text that it puts before them; they name no value. */
function reasonOf(error: Error): string {
  return error.message
    .replace(/^[^:]*:\d+:\d+: /, '')
    .replace(/[^a-z ]+.*$/i, '')
    .slice(0, 80)
    .trim();
}
