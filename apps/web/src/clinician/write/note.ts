import type { FhirTree } from '@salus/fhir/parse';
import { subjectOf, timeOf, type Writing, writerAs } from './written-by.ts';

/** LOINC document ontology: the notes that a clinician writes by hand. */
export const NOTE_KINDS = [
  { code: '11506-3', display: 'Progress note' },
  { code: '11488-4', display: 'Consult note' },
  { code: '34117-2', display: 'History and physical note' },
  { code: '18842-5', display: 'Discharge summary' },
  { code: '28570-0', display: 'Procedure note' },
] as const;

export type NoteKind = (typeof NOTE_KINDS)[number]['code'];
export const NOTE_CHARACTERS_MAX = 20_000;
const CATEGORY = 'http://hl7.org/fhir/us/core/CodeSystem/us-core-documentreference-category';

/** A note as R4 DocumentReference with its text inside. */
export function noteOf(writing: Writing, { kind, text }: { readonly kind: NoteKind; readonly text: string }): FhirTree {
  const { display } = NOTE_KINDS.find(({ code }) => code === kind) ?? NOTE_KINDS[0];
  return {
    resourceType: 'DocumentReference',
    status: 'current',
    docStatus: 'final',
    type: { coding: [{ system: 'http://loinc.org', code: kind, display }], text: display },
    category: [{ coding: [{ system: CATEGORY, code: 'clinical-note' }] }],
    subject: subjectOf(writing),
    date: timeOf(writing),
    ...writerAs('author', writing, true),
    content: [{ attachment: { contentType: 'text/plain; charset=utf-8', data: base64Of(text), title: display } }],
  };
}

function base64Of(text: string): string {
  const bytes = new TextEncoder().encode(text);
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''));
}
