import type { FhirTree, IdentifierQuery, ResourceType } from '@salus/fhir';

/** What a message says about one resource, before it is known whether the store has it. */
export interface Draft {
  readonly type: ResourceType;
  /** `urn:uuid:…`, by which other drafts of the message name it. */
  readonly fullUrl: string;
  /** Without id. */
  readonly resource: FhirTree;
  /** The identifiers by which it is recognised; none: it is always new. */
  readonly identity: readonly IdentifierQuery[];
  /**
   * What becomes of one that is there: `replace` writes the next version, `restate` writes it with what the message does
   * not speak of kept, `keep` leaves it.
   */
  readonly known: 'replace' | 'restate' | 'keep';
  /** Elements that the message deletes (`""`), of a draft that restates. */
  readonly deleted: readonly string[];
  /** Elements of a draft that restates, in which what is there counts more than what the message leaves open. */
  readonly yielding: readonly string[];
}

/** What a message comes to. */
export interface MappedMessage {
  readonly patient: Draft;
  /** Everything beside the patient, in the order of the message. */
  readonly others: readonly Draft[];
  /** Whether a patient who is not known yet is registered: a result for somebody unknown is not. */
  readonly registers: boolean;
  /** The patient that was merged into this one (ADT^A40). */
  readonly merged: readonly IdentifierQuery[];
}

/** A draft that deletes nothing and yields to nothing. */
export const NOTHING_SAID = { deleted: [], yielding: [] } as const;

export function newUrl(): string {
  return `urn:uuid:${crypto.randomUUID()}`;
}

/** The complete identifiers of a resource, as queries. */
export function queriesOf(identifiers: readonly FhirTree[]): readonly IdentifierQuery[] {
  return identifiers.flatMap(({ system, value }) =>
    typeof system === 'string' && typeof value === 'string' ? [{ system, value }] : [],
  );
}

/** `identifier=system|value` of a conditional create, with the escapes of R4 §3.1.1.4.1. */
export function conditionOf({ system, value }: IdentifierQuery): string {
  const escaped = (text: string): string => text.replaceAll(/[\\|,$]/g, (character) => `\\${character}`);
  return new URLSearchParams({ identifier: `${escaped(system ?? '')}|${escaped(value)}` }).toString();
}
