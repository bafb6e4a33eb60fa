import type { AuditEvent } from '@salus/client';

/** Somebody whom the log names: there is no name on it, only the number, the role and the place. */
export interface Person {
  readonly id: string;
  readonly organisation: string;
  readonly roles: readonly string[];
  readonly lastMs: number;
}

/** A certified id as the ledger writes it. */
const PERSON_ID = /^[A-Za-z0-9_-]{22}$/;

export function isPersonId(text: string): boolean {
  return PERSON_ID.test(text);
}

/** The people in these events, each once, who acted last first. */
export function peopleIn(events: readonly Pick<AuditEvent, 'who' | 'atMs'>[]): readonly Person[] {
  const people = new Map<string, Person>();
  for (const { who, atMs } of events) {
    if (who?.kind !== 'member') continue;
    const known = people.get(who.id);
    if (known !== undefined && known.lastMs >= atMs) continue;
    people.set(who.id, { id: who.id, organisation: who.organisation, roles: who.roles, lastMs: atMs });
  }
  return [...people.values()].sort((left, right) => right.lastMs - left.lastMs);
}
