import type { Json } from '@salus/contracts';
import { BoundedCache } from './bounded-cache.ts';
import { newId } from './index-rows.ts';
import type { MasterKey } from './master-key.ts';
import { RecordsError } from './records-error.ts';
import type { Store } from './store/database.ts';
import { type Prepared, prepareQuery } from './store/prepared.ts';
import type { AuditLog, Clock, Denial, RowsLog, Who } from './vault-types.ts';

const DENIALS_PER_PID_MAX = 1_000;
const DENIAL_NAMES_MAX = 200;
/** Patients whose denials are kept at hand. */
const KNOWN_MAX = 10_000;

type Patient = Who & { readonly kind: 'patient' };

type Parts = {
  readonly store: Store;
  readonly masterKey: MasterKey;
  readonly rowsLog: RowsLog;
  readonly audit: AuditLog;
  readonly clock: Clock;
};

/** Whom patients keep away from their records at home, whatever role and care would open. */
export class Denials {
  readonly #parts: Parts;
  /** They belong to this process alone: what changes them forgets them. */
  readonly #known = new BoundedCache<readonly Denial[]>(KNOWN_MAX);
  /** Counts changes: what was read before one is not kept after it. */
  #changes = 0;
  readonly #ofPid: Prepared<{ readonly denialId: string; readonly sealed: Uint8Array }>;

  constructor(parts: Parts) {
    this.#parts = parts;
    const { read } = parts.store;
    this.#ofPid = prepareQuery(
      read,
      read.selectFrom('denial').select(['denialId', 'sealed']).where('pidToken', '=', ''),
    );
  }

  /** Whether a denial of the patient's keeps this member of staff from records of the label class. */
  async isDenied(pid: string, person: string, labelClass: string): Promise<boolean> {
    const denials = await this.list(pid);
    return denials.some(
      ({ persons, labelClasses }) =>
        (persons.length === 0 || persons.includes(person)) &&
        (labelClasses.length === 0 || labelClasses.includes(labelClass)),
    );
  }

  /** The patient denies persons, label classes, or persons these label classes. The caller has authenticated the device. */
  async deny(patient: Patient, denial: Pick<Denial, 'persons' | 'labelClasses'>): Promise<Denial> {
    const { persons, labelClasses } = denial;
    if (persons.length + labelClasses.length === 0 || persons.length + labelClasses.length > DENIAL_NAMES_MAX) {
      throw new RecordsError('bad-input', `a denial names 1 to ${DENIAL_NAMES_MAX} persons and label classes`);
    }
    const { store, masterKey, rowsLog, audit, clock } = this.#parts;
    const { pid } = patient;
    const made: Denial = { denialId: newId(), pid, persons, labelClasses, atMs: clock() };
    const pidToken = masterKey.token('pid', pid);
    const sealed = masterKey.sealJson('denial', [made.denialId], made as unknown as Json);
    const row = { denialId: made.denialId, pidToken, sealed };
    await store.write(async (trx) => {
      const { count } = await trx
        .selectFrom('denial')
        .select(({ fn }) => fn.countAll<number>().as('count'))
        .where('pidToken', '=', pidToken)
        .executeTakeFirstOrThrow();
      if (count >= DENIALS_PER_PID_MAX) throw new RecordsError('too-large', 'the patient has too many denials');
      await trx.insertInto('denial').values(row).execute();
      await rowsLog.cover(trx, 'denial', row.denialId, row);
    });
    this.#changes += 1;
    this.#known.delete(pid);
    await audit.append(eventOf(patient, made.atMs));
    return made;
  }

  async list(pid: string): Promise<readonly Denial[]> {
    const { masterKey } = this.#parts;
    const known = this.#known.find(pid);
    if (known !== undefined) return known;
    const changes = this.#changes;
    const rows = await this.#ofPid(masterKey.token('pid', pid));
    const denials = rows.map((row) => masterKey.openJson('denial', [row.denialId], row.sealed) as unknown as Denial);
    if (changes === this.#changes) this.#known.put(pid, denials);
    return denials;
  }

  /** Withdraws a denial of the patient's own; another's or an unknown one throws `not-found`. */
  async withdraw(patient: Patient, denialId: string): Promise<void> {
    const { store, masterKey, rowsLog, audit, clock } = this.#parts;
    await store.write(async (trx) => {
      const { numDeletedRows } = await trx
        .deleteFrom('denial')
        .where('denialId', '=', denialId)
        .where('pidToken', '=', masterKey.token('pid', patient.pid))
        .executeTakeFirst();
      if (numDeletedRows === 0n) throw new RecordsError('not-found', 'the patient made no such denial');
      await rowsLog.cover(trx, 'denial', denialId, null);
    });
    this.#changes += 1;
    this.#known.delete(patient.pid);
    await audit.append(eventOf(patient, clock()));
  }
}

function eventOf(patient: Patient, atMs: number) {
  return {
    kind: 'denial',
    ...{ atMs, pid: patient.pid, who: patient, purpose: null, grant: null, session: null },
    ...{ records: [], outcome: 'ok', request: null },
  } as const;
}
