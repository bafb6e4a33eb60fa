import { FhirError, type FhirErrorCode } from './fhir-error.ts';
import { readText, type TextLimits } from './read-text.ts';
import { isResourceType } from './resource-table.ts';
import { type FhirTree, type FhirValue, isTree, numberFromLiteral, type RawNumber } from './tree.ts';

export type JsonLimits = TextLimits;

/** 32 MiB: four times the largest bundle that the import accepts in one batch; attachments travel beside the JSON. */
export const JSON_SIZE_BYTES_MAX = 32 * 1024 * 1024;
/** FHIR resources nest by about 15; the recursion of every later step rests on this bound. */
export const JSON_DEPTH_MAX = 64;
/** Far above any decimal (R4 §2.24.0.1 asks for 18 digits), far below what makes big-number arithmetic a weapon. */
export const NUMBER_LITERAL_LENGTH_MAX = 128;

export const JSON_LIMITS: JsonLimits = { sizeBytesMax: JSON_SIZE_BYTES_MAX, depthMax: JSON_DEPTH_MAX };

const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
/** An element name that may be shown in a location; anything else was typed by a stranger and is shown as `?`. */
const SHOWABLE_NAME = /^_?[A-Za-z][A-Za-z0-9]{0,63}$/;
const ESCAPES: Readonly<Record<string, string>> = {
  '"': '"',
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
};
const HEX4 = /^[0-9a-fA-F]{4}$/;

/**
 * Parses one JSON object strictly (RFC 8259, and I-JSON RFC 7493 §2.3 on duplicate names): valid UTF-8, no comments, no
 * trailing text, no lone surrogates, no key twice, no key that names a property of every JavaScript object
 * (`__proto__`, `constructor` …; no FHIR element is called so). A byte order mark is ignored (RFC 8259 §8.1).
 * Number literals survive (`RawNumber`).
 *
 * @throws FhirError `too-large`, `too-deep`, `encoding`, `syntax`, `duplicate-key`, `key-refused`, `number-too-long`,
 *   `not-a-resource` (the text is not an object), with the place as `expression`.
 */
export function parseFhirJson(input: Uint8Array | string, limits: JsonLimits = JSON_LIMITS): FhirTree {
  const value = parseJsonValue(input, limits);
  if (!isTree(value)) throw new FhirError('not-a-resource', 'a JSON object was expected');
  return value;
}

/** As `parseFhirJson`, for any JSON value: a JSON Patch is an array. */
export function parseJsonValue(input: Uint8Array | string, limits: JsonLimits = JSON_LIMITS): FhirValue {
  return new JsonReader(readText(input, limits), limits.depthMax).read();
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const MINUS = 0x2d;
const ZERO = 0x30;
const NINE = 0x39;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;

/** A recursive-descent reader; a class because its position lives as long as the text (and V8 keeps its fields fast). */
class JsonReader {
  readonly #text: string;
  readonly #depthMax: number;
  /** Where the reader is: the key or index at each depth, for locations. */
  readonly #path: (string | number)[] = [];
  #root: FhirTree | undefined;
  #at = 0;
  #depth = 0;

  constructor(text: string, depthMax: number) {
    this.#text = text;
    this.#depthMax = depthMax;
  }

  read(): FhirValue {
    const value = this.#value(this.#next());
    this.#next();
    if (this.#at < this.#text.length) throw this.#error('syntax', 'text follows the JSON value');
    return value;
  }

  /** The code of the next character that is not white space, without consuming it; NaN at the end. */
  #next(): number {
    const text = this.#text;
    let at = this.#at;
    let code = text.charCodeAt(at);
    while (code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09) code = text.charCodeAt(++at);
    this.#at = at;
    return code;
  }

  #value(code: number): FhirValue {
    switch (code) {
      case QUOTE:
        return this.#string();
      case OPEN_OBJECT:
        return this.#object();
      case OPEN_LIST:
        return this.#list();
      case 0x74:
        return this.#word('true', true);
      case 0x66:
        return this.#word('false', false);
      case 0x6e:
        return this.#word('null', null);
      default:
        if (code === MINUS || (code >= ZERO && code <= NINE)) return this.#number();
        throw this.#error('syntax', 'a JSON value was expected');
    }
  }

  #object(): FhirTree {
    this.#enter();
    const object: Record<string, FhirValue> = {};
    this.#root ??= object;
    const level = this.#depth - 1;
    this.#at++;
    let code = this.#next();
    if (code === CLOSE_OBJECT) return this.#leave(object);
    for (;;) {
      if (code !== QUOTE) throw this.#error('syntax', 'a key in double quotes was expected');
      const key = this.#string();
      this.#path[level] = key;
      if (key in object) throw this.#keyError(object, key);
      if (this.#next() !== COLON) throw this.#error('syntax', 'a colon was expected');
      this.#at++;
      object[key] = this.#value(this.#next());
      code = this.#next();
      if (code === CLOSE_OBJECT) return this.#leave(object);
      if (code !== COMMA) throw this.#error('syntax', 'a comma or the end of the object was expected');
      this.#at++;
      code = this.#next();
    }
  }

  #list(): readonly FhirValue[] {
    this.#enter();
    const list: FhirValue[] = [];
    const level = this.#depth - 1;
    this.#at++;
    let code = this.#next();
    if (code === CLOSE_LIST) return this.#leave(list);
    for (;;) {
      this.#path[level] = list.length;
      list.push(this.#value(code));
      code = this.#next();
      if (code === CLOSE_LIST) return this.#leave(list);
      if (code !== COMMA) throw this.#error('syntax', 'a comma or the end of the array was expected');
      this.#at++;
      code = this.#next();
    }
  }

  #enter(): void {
    if (this.#depth >= this.#depthMax) throw this.#error('too-deep', `nested deeper than ${this.#depthMax} levels`);
    this.#depth++;
  }

  #leave<T>(value: T): T {
    this.#at++;
    this.#depth--;
    this.#path.length = this.#depth;
    return value;
  }

  #keyError(object: object, key: string): FhirError {
    return Object.hasOwn(object, key)
      ? this.#error('duplicate-key', 'the same key stands twice in one object')
      : this.#error('key-refused', 'a key has a name that no FHIR element has');
  }

  #word<T>(word: string, value: T): T {
    if (!this.#text.startsWith(word, this.#at)) throw this.#error('syntax', 'a JSON value was expected');
    this.#at += word.length;
    return value;
  }

  #number(): number | RawNumber {
    NUMBER.lastIndex = this.#at;
    const literal = NUMBER.exec(this.#text)?.[0];
    if (literal === undefined) throw this.#error('syntax', 'a number was expected');
    if (literal.length > NUMBER_LITERAL_LENGTH_MAX) {
      throw this.#error('number-too-long', `a number has more than ${NUMBER_LITERAL_LENGTH_MAX} characters`);
    }
    this.#at += literal.length;
    return numberFromLiteral(literal);
  }

  #string(): string {
    const text = this.#text;
    const start = this.#at + 1;
    let at = start;
    for (;;) {
      const code = text.charCodeAt(at);
      if (code === QUOTE) {
        this.#at = at + 1;
        return text.slice(start, at);
      }
      if (code === BACKSLASH) return this.#escapedString(start, at);
      if (!(code >= 0x20)) throw this.#unfinished(at);
      at++;
    }
  }

  #escapedString(start: number, firstEscape: number): string {
    const text = this.#text;
    let result = text.slice(start, firstEscape);
    let at = firstEscape;
    for (;;) {
      const code = text.charCodeAt(at);
      if (code === QUOTE) break;
      if (!(code >= 0x20)) throw this.#unfinished(at);
      if (code === BACKSLASH) {
        this.#at = at;
        result += this.#escape(text.charAt(at + 1));
        at = this.#at;
      } else {
        let end = at + 1;
        while (isPlain(text.charCodeAt(end))) end++;
        result += text.slice(at, end);
        at = end;
      }
    }
    this.#at = at + 1;
    if (!result.isWellFormed()) throw this.#error('encoding', 'a string holds a lone surrogate');
    return result;
  }

  #escape(letter: string): string {
    if (letter === 'u') {
      const hex = this.#text.slice(this.#at + 2, this.#at + 6);
      if (!HEX4.test(hex)) throw this.#error('syntax', 'an escape needs four hexadecimal digits');
      this.#at += 6;
      return String.fromCharCode(Number.parseInt(hex, 16));
    }
    const character = Object.hasOwn(ESCAPES, letter) ? ESCAPES[letter] : undefined;
    if (character === undefined) throw this.#error('syntax', 'an unknown escape in a string');
    this.#at += 2;
    return character;
  }

  #unfinished(at: number): FhirError {
    return at >= this.#text.length
      ? this.#error('syntax', 'a string does not end')
      : this.#error('syntax', 'a string holds a control character');
  }

  #error(code: FhirErrorCode, message: string): FhirError {
    return new FhirError(code, message, this.#location());
  }

  #location(): string {
    const type = this.#root?.resourceType;
    let location: string = isResourceType(type) ? type : '$this';
    for (const step of this.#path.slice(0, this.#depth)) {
      if (typeof step === 'number') location += `[${step}]`;
      else location += `.${SHOWABLE_NAME.test(step) ? step : '?'}`;
    }
    return location;
  }
}

function isPlain(code: number): boolean {
  return code >= 0x20 && code !== QUOTE && code !== BACKSLASH;
}
