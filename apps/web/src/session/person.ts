import { canonicalBytes, fromUtf8, type Json } from '@salus/crypto';
import { parseContent, type WalletContent } from '@salus/wallet';
import type { WebDevice } from '@salus/wallet/web';
import { NOTHING_UNFINISHED, type Unfinished } from './unfinished.ts';

const PERSON = 'person';

/** What a device keeps, sealed, of whose it is; keys lie elsewhere. */
export type Person = PatientPerson | StaffPerson;

export interface PatientPerson {
  readonly kind: 'patient';
  readonly content: WalletContent;
  readonly demonstration: boolean;
  /** Absent where there is nothing. */
  readonly unfinished?: Unfinished;
}

export interface StaffPerson {
  readonly kind: 'staff';
  readonly network: string;
  readonly organisation: string;
  readonly id: string;
  readonly roles: readonly string[];
  readonly chain: readonly string[];
  readonly account: string;
  /** Of the demonstration only: it signs in by itself. */
  readonly password: string | null;
}

export async function keepPerson({ store }: Pick<WebDevice, 'store'>, person: Person): Promise<void> {
  // What could not be read again would be the end of the wallet.
  if (person.kind === 'patient') readContent(person.content);
  await store.put(PERSON, canonicalBytes(person as unknown as Json));
}

/** undefined on a device that nobody has finished setting up. */
export async function findPerson({ store }: Pick<WebDevice, 'store'>): Promise<Person | undefined> {
  const kept = await store.find(PERSON);
  if (kept === undefined) return undefined;
  const person = JSON.parse(fromUtf8(kept)) as Person;
  // The content's own parser guards against another version of the app.
  return person.kind === 'patient'
    ? {
        ...person,
        content: readContent(person.content),
        unfinished: person.unfinished ?? NOTHING_UNFINISHED,
      }
    : person;
}

function readContent(content: WalletContent): WalletContent {
  return parseContent(canonicalBytes(content as unknown as Json));
}
