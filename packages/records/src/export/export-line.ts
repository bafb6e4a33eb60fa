import { fromBase64url, fromUtf8, hashTupleBytes, openObject, sealObject, toBase64url, utf8 } from '@salus/crypto';
import { parseFhirJson, stringifyFhirJson } from '@salus/fhir';
import type { StoredRecord } from '../vault-types.ts';

/** Which version a line is of, by which it is decided about again when it is downloaded. */
export interface NamedLine {
  readonly recordId: string;
  readonly version: number;
  readonly sealed: string;
}

/**
 * A line of an export's file. The text is sealed under a key that follows from the salt of its version: an erasure destroys
 * the salt, so that nothing is to be looked for in files.
 */
export function sealLine(record: StoredRecord, text: string): string {
  const { recordId, version } = record;
  const line = text.includes('\n') || text.includes('\r') ? stringifyFhirJson(parseFhirJson(text)) : text;
  return `${nameLine({ recordId, version })}${toBase64url(sealObject(keyOf(record), utf8(line), contextOf(record)))}`;
}

/** A line without a text. */
export function nameLine({ recordId, version }: Pick<StoredRecord, 'recordId' | 'version'>): string {
  return `${recordId} ${version}\t`;
}

export function parseLine(line: string): NamedLine {
  const tab = line.indexOf('\t');
  const [recordId = '', version = ''] = line.slice(0, tab).split(' ');
  return { recordId, version: Number(version), sealed: line.slice(tab + 1) };
}

/** The text of a line of this version. */
export function openLine(record: StoredRecord, { sealed }: NamedLine): string {
  return fromUtf8(openObject(keyOf(record), fromBase64url(sealed), contextOf(record)));
}

function keyOf({ meta }: StoredRecord): Uint8Array {
  return hashTupleBytes('export-line', meta.salt);
}

function contextOf({ recordId, version }: StoredRecord): readonly (string | number)[] {
  return ['salus:export-line:v1', recordId, version];
}
