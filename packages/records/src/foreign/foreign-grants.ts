import type { Json } from '@salus/crypto';
import type { Documents } from '../documents.ts';
import { KeyedLocks } from '../keyed-locks.ts';
import { RecordsError } from '../records-error.ts';

/** Grants elsewhere that one patient handed over for apps here; ended ones count until they are looked at. */
export const FOREIGN_GRANTS_MAX = 64;
const KIND = 'foreign-grant';

/** A grant of the same person at another organisation, whose token is kept here. */
export interface ForeignGrant {
  readonly author: string;
  readonly pid: string;
  readonly grant: string;
}

/** Which grants elsewhere the apps of a patient may use: as the patient's own session said, sealed, by the pid here. */
export class ForeignGrants {
  readonly #documents: Documents;
  readonly #locks = new KeyedLocks();

  constructor(documents: Documents) {
    this.#documents = documents;
  }

  /** The same again changes nothing; `overloaded` beyond `FOREIGN_GRANTS_MAX`. */
  async add(ownPid: string, added: ForeignGrant): Promise<void> {
    await this.#change(ownPid, (grants) => {
      if (grants.some((known) => isSame(known, added))) return grants;
      if (grants.length >= FOREIGN_GRANTS_MAX) {
        throw new RecordsError('overloaded', `a patient hands over at most ${FOREIGN_GRANTS_MAX} grants`);
      }
      return [...grants, added];
    });
  }

  async listOf(ownPid: string): Promise<readonly ForeignGrant[]> {
    return ((await this.#documents.find(KIND, ownPid)) ?? []) as unknown as readonly ForeignGrant[];
  }

  /** Forgets one that has ended. */
  async remove(ownPid: string, ended: ForeignGrant): Promise<void> {
    await this.#change(ownPid, (grants) => grants.filter((known) => !isSame(known, ended)));
  }

  /** Forgets all of a patient. */
  async clear(ownPid: string): Promise<void> {
    await this.#change(ownPid, () => []);
  }

  async #change(ownPid: string, change: (grants: readonly ForeignGrant[]) => readonly ForeignGrant[]): Promise<void> {
    const release = await this.#locks.acquire([ownPid]);
    try {
      const before = await this.listOf(ownPid);
      const after = change(before);
      if (after.length === 0) await this.#documents.delete(KIND, ownPid);
      else if (after !== before) await this.#documents.put(KIND, ownPid, after as unknown as Json);
    } finally {
      release();
    }
  }
}

function isSame(a: ForeignGrant, b: ForeignGrant): boolean {
  return a.author === b.author && a.pid === b.pid && a.grant === b.grant;
}
