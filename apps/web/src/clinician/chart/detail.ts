import { type FhirTree, isTree, listOf, stringOf } from '@salus/fhir/parse';

/** Longer texts are cut in a list. */
const LENGTH_MAX = 4_000;

/** What a resource says in running text: a dosage, a conclusion, a note's own words; undefined where there is none. */
export function detailOf(resource: FhirTree): string | undefined {
  const texts = [
    ...listOf(resource.dosageInstruction).flatMap((dosage) => (isTree(dosage) ? (stringOf(dosage.text) ?? []) : [])),
    stringOf(resource.conclusion) ?? '',
    ...listOf(resource.content).flatMap((content) => (isTree(content) ? (plainTextOf(content.attachment) ?? []) : [])),
    ...listOf(resource.note).flatMap((note) => (isTree(note) ? (stringOf(note.text) ?? []) : [])),
  ].filter((text) => text.trim() !== '');
  return texts.length === 0 ? undefined : texts.join('\n').slice(0, LENGTH_MAX);
}

/** The words of an attachment that is plain text and stands in the resource. */
function plainTextOf(attachment: unknown): string | undefined {
  if (!isTree(attachment)) return undefined;
  const data = stringOf(attachment.data);
  if (data === undefined || !/^text\/plain\b/.test(stringOf(attachment.contentType) ?? '')) return undefined;
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(
      Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0)),
    );
  } catch {
    // What is not the text that it says it is, is shown as no text at all.
    return undefined;
  }
}
