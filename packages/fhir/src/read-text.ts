import { FhirError } from './fhir-error.ts';

export interface TextLimits {
  /** UTF-8 bytes of the whole text. */
  readonly sizeBytesMax: number;
  /** Objects and arrays, or XML elements, inside each other. */
  readonly depthMax: number;
}

/** The text of untrusted input without its byte order mark (RFC 8259 §8.1). Throws FhirError `too-large` or `encoding`. */
export function readText(input: Uint8Array | string, limits: TextLimits): string {
  return typeof input === 'string' ? checkedText(input, limits) : decode(input, limits);
}

function decode(bytes: Uint8Array, limits: TextLimits): string {
  if (bytes.byteLength > limits.sizeBytesMax) throw tooLarge(limits);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    // TextDecoder reports bytes that are not UTF-8 as a TypeError and nothing else.
    if (cause instanceof TypeError) throw new FhirError('encoding', 'the text is not valid UTF-8');
    throw cause;
  }
}

function checkedText(text: string, limits: TextLimits): string {
  // A UTF-16 unit takes at most three bytes, so most texts need no count.
  if (text.length > limits.sizeBytesMax) throw tooLarge(limits);
  if (text.length * 3 > limits.sizeBytesMax && new TextEncoder().encode(text).byteLength > limits.sizeBytesMax) {
    throw tooLarge(limits);
  }
  if (!text.isWellFormed()) throw new FhirError('encoding', 'the text holds a lone surrogate');
  return text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
}

function tooLarge(limits: TextLimits): FhirError {
  return new FhirError('too-large', `the text is larger than ${limits.sizeBytesMax} bytes`);
}
