import { setImmediate as nextTurn } from 'node:timers/promises';
import { actorToken } from './index-rows.ts';
import type { MasterKey } from './master-key.ts';
import type { Store } from './store/database.ts';
import { type Prepared, prepareQuery } from './store/prepared.ts';
import type { CareRelationship, Owner } from './vault-types.ts';

/** Members of staff whose patients are kept at hand. */
const KNOWN_MAX = 1_000;
/** Patients looked at in one turn of the event loop. */
const SLICE = 64;

type Known = { readonly actors: ReadonlySet<string>; readonly owners: Set<Owner> };

/**
 * Whose patients a member of staff may have in care: everybody with whom a relationship was ever stated, which is more than
 * those with whom one holds. Searches are cut down to them before they run; `HomeAccess.decide` decides.
 */
export class CareOwners {
  readonly #store: Store;
  readonly #masterKey: MasterKey;
  readonly #relationships: Prepared<{ readonly relationshipId: string }>;
  readonly #known = new Map<string, Known>();
  /** Being read: what is stated meanwhile belongs to them too. */
  readonly #reading = new Set<Known>();
  #forgotten = 0;

  constructor({ store, masterKey }: { readonly store: Store; readonly masterKey: MasterKey }) {
    this.#store = store;
    this.#masterKey = masterKey;
    this.#relationships = prepareQuery(
      store.read,
      store.read
        .selectFrom('careRelationship')
        .select('relationshipId')
        .where('pidToken', '=', '')
        .where('actorToken', '=', '')
        .limit(1),
    );
  }

  /** Called when a relationship is written, whether or not its batch is committed. */
  note({ pid, actor }: Pick<CareRelationship, 'pid' | 'actor'>): void {
    for (const { actors, owners } of [...this.#known.values(), ...this.#reading]) {
      if (actors.has(actor)) owners.add(`pid:${pid}`);
    }
  }

  /** Called when a person becomes another actor as well. */
  forget(staffId: string): void {
    this.#forgotten += 1;
    this.#known.delete(staffId);
  }

  /** `actors`: the names under which relationships name the person. */
  async of(staffId: string, actors: readonly string[]): Promise<ReadonlySet<Owner>> {
    const known = this.#known.get(staffId);
    if (known !== undefined) return known.owners;
    const reading: Known = { actors: new Set(actors), owners: new Set() };
    this.#reading.add(reading);
    const forgotten = this.#forgotten;
    try {
      await this.#read(reading);
    } finally {
      this.#reading.delete(reading);
    }
    // Names that were read before a change are not kept after it.
    if (forgotten !== this.#forgotten) return reading.owners;
    if (this.#known.size >= KNOWN_MAX) for (const oldest of this.#known.keys()) if (this.#known.delete(oldest)) break;
    this.#known.set(staffId, reading);
    return reading.owners;
  }

  async #read({ actors, owners }: Known): Promise<void> {
    const rows = await this.#store.read.selectFrom('patient').select(['pidToken', 'sealed']).execute();
    for (const [at, { pidToken, sealed }] of rows.entries()) {
      if (at > 0 && at % SLICE === 0) await nextTurn();
      const { pid } = this.#masterKey.openJson('patient', [pidToken], sealed) as { readonly pid: string };
      for (const actor of actors) {
        const [found] = await this.#relationships(pidToken, actorToken(this.#masterKey, pid, actor), 1);
        if (found !== undefined) owners.add(`pid:${pid}`);
      }
    }
  }
}
