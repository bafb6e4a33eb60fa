import type { FhirTree } from '@salus/fhir/parse';

/** About whom, by whom and when something is written: the same for each kind. */
export interface Writing {
  /** FHIR id of the Patient. */
  readonly patient: string;
  /** `Practitioner/<id>` that the writer is; undefined where nobody has said so. */
  readonly practitioner: string | undefined;
  readonly nowMs: number;
}

export function subjectOf({ patient }: Writing): FhirTree {
  return { reference: `Patient/${patient}` };
}

/** An element that names the writer, or nothing. */
export function writerAs(element: string, { practitioner }: Writing, isList = false): FhirTree {
  if (practitioner === undefined) return {};
  const reference = { reference: practitioner };
  return { [element]: isList ? [reference] : reference };
}

export function timeOf({ nowMs }: Writing): string {
  return new Date(nowMs).toISOString();
}
