import { type FhirTree, isTree, listOf, numberLiteral, stringOf } from '@salus/fhir/parse';
import { isEnteredInError } from '../../fhir/status.ts';
import { newestFirst, type RecordEntry } from './record-entry.ts';

/** A file that a record holds or leads to (R4 §2.24.0.7, Attachment). */
export interface AttachedFile {
  readonly title: string | undefined;
  readonly contentType: string | undefined;
  /** As its author states it. */
  readonly sizeBytes: number | undefined;
  /** base64, where the record holds it. */
  readonly data: string | undefined;
  /** `Binary/<id>`, where the record leads to it. */
  readonly binary: string | undefined;
}

export interface PatientDocument {
  readonly entry: RecordEntry;
  readonly files: readonly AttachedFile[];
}

/** Letters, reports and images, newest first: DocumentReference, Composition, Media, and reports that have a printed form. */
export function documentsOf(entries: readonly RecordEntry[]): readonly PatientDocument[] {
  return newestFirst(entries)
    .filter(({ resource }) => !isEnteredInError(resource))
    .flatMap((entry) => {
      const files = filesOf(entry.resource);
      const type = stringOf(entry.resource.resourceType) ?? '';
      const isDocument = ['DocumentReference', 'Composition', 'Media'].includes(type);
      const isPrinted = files.length > 0 && ['DiagnosticReport', 'Communication', 'Consent'].includes(type);
      return isDocument || isPrinted ? [{ entry, files }] : [];
    });
}

/** Every file of a resource, in its own order. */
export function filesOf(resource: FhirTree): readonly AttachedFile[] {
  const attachments = [
    ...listOf(resource.content).map((content) => (isTree(content) ? (content.attachment ?? content) : undefined)),
    ...listOf(resource.presentedForm),
    ...listOf(resource.payload).map((payload) => (isTree(payload) ? payload.contentAttachment : undefined)),
    resource.sourceAttachment,
  ];
  return attachments.flatMap((attachment) => (isTree(attachment) ? fileOf(attachment) : []));
}

function fileOf(attachment: FhirTree): AttachedFile | [] {
  const data = stringOf(attachment.data);
  const [binary] = /Binary\/[A-Za-z0-9.-]{1,64}/.exec(stringOf(attachment.url) ?? '') ?? [];
  if (data === undefined && binary === undefined) return [];
  const size = Number(numberLiteral(attachment.size));
  return {
    title: stringOf(attachment.title),
    contentType: stringOf(attachment.contentType),
    sizeBytes: Number.isSafeInteger(size) ? size : undefined,
    data,
    binary,
  };
}

const EXTENSIONS: Readonly<Record<string, string>> = {
  'application/pdf': 'pdf',
  'text/plain': 'txt',
  'text/html': 'html',
  'image/png': 'png',
  'image/jpeg': 'jpg',
  'application/dicom': 'dcm',
  'application/fhir+json': 'json',
};
const NAME_LENGTH_MAX = 80;

/** A name that every file system takes, with the ending of its media type. */
export function fileNameOf(
  { title, contentType }: Pick<AttachedFile, 'title' | 'contentType'>,
  fallback: string,
): string {
  const plain = (title ?? '')
    .replaceAll(/[^\p{Letter}\p{Number} ._-]/gu, ' ')
    .trim()
    .slice(0, NAME_LENGTH_MAX);
  const name = plain === '' || /^\.+$/.test(plain) ? fallback : plain;
  const extension = EXTENSIONS[contentType?.split(';')[0]?.trim() ?? ''];
  return extension === undefined || name.toLowerCase().endsWith(`.${extension}`) ? name : `${name}.${extension}`;
}

/** The bytes of base64Binary (RFC 4648 §4; white space is allowed, R4 §2.24.0.1). */
export function bytesOf(base64: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(base64.replaceAll(/\s/g, '')), (character) => character.charCodeAt(0));
}
