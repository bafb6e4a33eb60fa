import type { Grantee } from '@salus/contracts';
import { isPersonId } from './people.ts';

/** What the patient chose and typed to say who it is for. */
export interface GranteeWords {
  readonly place: string;
  readonly kind: 'organisation' | 'role' | 'person';
  readonly role: string;
  /** Number of a person, as the log shows it. */
  readonly person: string;
}

/** Undefined where the words name nobody yet. */
export function granteeOf({ place, kind, role, person }: GranteeWords): Grantee | undefined {
  if (place === '') return undefined;
  switch (kind) {
    case 'organisation':
      return { kind, organisation: place };
    case 'role':
      return { kind, organisation: place, role };
    case 'person':
      return isPersonId(person.trim()) ? { kind, organisation: place, id: person.trim() } : undefined;
  }
}
