import { REGISTERING_ROLES } from '@salus/contracts';
import { PAIRS } from '@salus/fhir';
import { sql } from 'kysely';
import { BoundedCache } from './bounded-cache.ts';
import type { CareOwners } from './care-owners.ts';
import { isCohort } from './cohort.ts';
import { Denials } from './denials.ts';
import { actorToken, relationshipRow } from './index-rows.ts';
import type { MasterKey } from './master-key.ts';
import { pidOf } from './recipients.ts';
import { RecordsError } from './records-error.ts';
import { rowKeyOf } from './rows-log.ts';
import type { Interaction } from './sight.ts';
import type { Store } from './store/database.ts';
import { type Prepared, prepareQuery } from './store/prepared.ts';
import type { BatchState, RecordStatus } from './store/schema.ts';
import type { AuditLog, CareRelationship, Clock, Owner, RecordMeta, RowsLog, Who } from './vault-types.ts';

/** Explicit assignments last at most this long; a longer need is stated again. */
export const ASSIGNMENT_MAX_MS = 90 * 24 * 60 * 60 * 1000;
/** Members of staff whose links are kept at hand. */
const KNOWN_MAX = 10_000;

/**
 * What each role may open at home when the patient is in its care. The administrator is not among them: whoever runs the
 * organisation reads nothing.
 */
const ROLE_CATEGORIES: Readonly<Record<string, readonly string[] | 'all'>> = {
  clinician: 'all',
  nurse: 'all',
  pharmacist: ['medication', 'allergies', 'problems', 'laboratory', 'immunizations', 'orders', 'identity'],
  laboratory: ['laboratory', 'orders', 'identity'],
};

/** What a registrar needs to recognise a patient; it takes no care relationship. */
const REGISTRAR_ROLE = 'registrar';
const REGISTRAR_CATEGORIES: readonly string[] = ['identity', 'appointments'];
/** Admissions too: an encounter puts the patient into somebody's care, which is why nobody without care of theirs may add one. */
const REGISTRAR_CREATES: readonly string[] = [...REGISTRAR_CATEGORIES, 'encounters'];

export type HomeDecision =
  | { readonly kind: 'allowed'; readonly reason: 'directory' | 'registrar' | CareRelationship['kind'] }
  | { readonly kind: 'denied'; readonly reason: 'role' | 'relationship' | 'patient-denial' };

type Member = Who & { readonly kind: 'member' };

type Parts = {
  readonly store: Store;
  readonly masterKey: MasterKey;
  readonly rowsLog: RowsLog;
  readonly audit: AuditLog;
  readonly clock: Clock;
  readonly organisation: string;
  readonly careOwners: CareOwners;
};

/** Who may open what inside its author's organisation (DESIGN §5): role and care relationship, minus the patient's denials. */
export class HomeAccess {
  readonly denials: Denials;
  readonly #parts: Parts;
  /** They belong to this process alone: what changes them forgets them. */
  readonly #knownLinks = new BoundedCache<readonly string[]>(KNOWN_MAX);
  /** Counts changes: what was read before one is not kept after it. */
  #changes = 0;
  readonly #links: Prepared<{ readonly sealed: Uint8Array; readonly practitionerToken: string }>;
  readonly #relationships: Prepared<{ readonly relationshipId: string; readonly sealed: Uint8Array }>;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.denials = new Denials(parts);
    const { read } = parts.store;
    this.#links = prepareQuery(
      read,
      read.selectFrom('practitionerLink').select(['sealed', 'practitionerToken']).where('staffToken', '=', ''),
    );
    this.#relationships = prepareQuery(
      read,
      read
        .selectFrom('careRelationship')
        .leftJoin('batch', 'batch.batchId', 'careRelationship.batchId')
        .select(['careRelationship.relationshipId', 'careRelationship.sealed'])
        .where('careRelationship.pidToken', '=', '')
        .where('careRelationship.actorToken', '=', '')
        .where((where) =>
          where.or([
            where('careRelationship.batchId', 'is', null),
            where.and([
              where('batch.state', '=', sql.lit<BatchState>('committed')),
              // What a hidden or superseded version stated holds no more: an encounter entered in error opens nothing.
              where.exists(
                where
                  .selectFrom('record')
                  .select('record.leafHash')
                  .whereRef('record.resourceToken', '=', 'careRelationship.resourceToken')
                  .whereRef('record.batchId', '=', 'careRelationship.batchId')
                  .where('record.status', '=', sql.lit<RecordStatus>('current')),
              ),
            ]),
          ]),
        ),
    );
  }

  /** May this member of staff open, or with `c` add, a record with this meta now? */
  async decide(
    reader: Member,
    meta: Pick<RecordMeta, 'owner' | 'pair'>,
    interaction: Interaction = 'r',
  ): Promise<HomeDecision> {
    if (reader.organisation !== this.#parts.organisation) return { kind: 'denied', reason: 'role' };
    const pid = pidOf(meta.owner);
    const pair = PAIRS[meta.pair];
    if (pair === undefined) throw new RecordsError('corrupt', 'a record has an unknown pair');
    if (pid === undefined) {
      const mayAll = reader.roles.some((role) => ROLE_CATEGORIES[role] === 'all');
      return isCohort(meta) && !mayAll ? { kind: 'denied', reason: 'role' } : { kind: 'allowed', reason: 'directory' };
    }
    if (await this.denials.isDenied(pid, reader.id, pair.labelClass))
      return { kind: 'denied', reason: 'patient-denial' };
    const registers = interaction === 'c' ? REGISTRAR_CREATES : REGISTRAR_CATEGORIES;
    if (reader.roles.includes(REGISTRAR_ROLE) && registers.includes(pair.category)) {
      return { kind: 'allowed', reason: 'registrar' };
    }
    const mayByRole = reader.roles.some((role) => {
      const categories = ROLE_CATEGORIES[role];
      return categories === 'all' || categories?.includes(pair.category) === true;
    });
    if (!mayByRole) return { kind: 'denied', reason: 'role' };
    const relationship = await this.#findRelationship(pid, reader.id);
    return relationship === undefined
      ? { kind: 'denied', reason: 'relationship' }
      : { kind: 'allowed', reason: relationship.kind };
  }

  /** Whose records the person may be allowed to open at all; `all` for whoever needs no care relationship. */
  async ownersOf(reader: Member): Promise<ReadonlySet<Owner> | 'all'> {
    const { organisation, careOwners } = this.#parts;
    if (reader.organisation !== organisation) return new Set();
    if (reader.roles.includes(REGISTRAR_ROLE)) return 'all';
    const own: readonly Owner[] = [`org:${organisation}`];
    if (!reader.roles.some((role) => Object.hasOwn(ROLE_CATEGORIES, role))) return new Set(own);
    const actors = [reader.id, ...(await this.#practitionersOf(reader.id))];
    return new Set([...own, ...(await careOwners.of(reader.id, actors))]);
  }

  /** A registering role puts a patient into a colleague's care for a time. Another role, or oneself, throws `denied`. */
  async assign(by: Member, relationship: Omit<CareRelationship, 'kind'>): Promise<void> {
    if (!by.roles.some((role) => REGISTERING_ROLES.includes(role)) || by.organisation !== this.#parts.organisation) {
      throw new RecordsError('denied', 'only a registering role assigns patients');
    }
    // Else whoever may register could open every record: care would follow from employment (DESIGN §5).
    if (relationship.actor === by.id) throw new RecordsError('denied', 'nobody assigns a patient to themselves');
    const { fromMs, untilMs } = relationship;
    if (untilMs === null || untilMs <= fromMs || untilMs - fromMs > ASSIGNMENT_MAX_MS) {
      throw new RecordsError('bad-input', `an assignment ends within ${ASSIGNMENT_MAX_MS} ms`);
    }
    await this.#begin(by, { ...relationship, kind: 'assignment' });
  }

  /**
   * Whoever takes up an order that another organisation delivered has the patient in their care until a time. The caller
   * has checked that it is the order's turn and that the patient's own grant stands behind it: that, and no employment, is
   * the reason. Returns the id of the relationship, for `letGo`.
   */
  async takeUp(
    by: Member,
    { pid, untilMs }: Pick<CareRelationship, 'pid'> & { readonly untilMs: number },
  ): Promise<string> {
    const { clock, organisation } = this.#parts;
    const fromMs = clock();
    if (by.organisation !== organisation || !by.roles.some((role) => Object.hasOwn(ROLE_CATEGORIES, role))) {
      throw new RecordsError('denied', 'only a role that opens records takes up an order');
    }
    if (untilMs <= fromMs || untilMs - fromMs > ASSIGNMENT_MAX_MS) {
      throw new RecordsError('bad-input', `an order is in care for at most ${ASSIGNMENT_MAX_MS} ms`);
    }
    return this.#begin(by, { kind: 'order', pid, actor: by.id, fromMs, untilMs });
  }

  /** Ends what `takeUp` began, where the order was sent back after all; that it has ended already is as good. */
  async letGo(by: Who, relationshipId: string): Promise<void> {
    const { store, masterKey, rowsLog, audit, clock } = this.#parts;
    const row = await store.read
      .selectFrom('careRelationship')
      .select('sealed')
      .where('relationshipId', '=', relationshipId)
      .executeTakeFirst();
    if (row === undefined) return;
    const found = masterKey.openJson('care-relationship', [relationshipId], row.sealed) as unknown as CareRelationship;
    if (found.kind !== 'order') throw new RecordsError('denied', 'only the care of an order ends with it');
    await audit.append(registrationOf({ by, pid: found.pid, atMs: clock() }));
    await store.write(async (trx) => {
      await trx.deleteFrom('careRelationship').where('relationshipId', '=', relationshipId).execute();
      await rowsLog.cover(trx, 'careRelationship', relationshipId, null);
    });
  }

  /** Says which Practitioner resource a member of staff is, so that encounters and orders name the person. */
  async linkPractitioner(staffId: string, practitioner: string): Promise<void> {
    const { store, masterKey, rowsLog } = this.#parts;
    const staffToken = masterKey.token('actor', '', staffId);
    const practitionerToken = masterKey.token('actor', '', practitioner);
    const sealed = masterKey.sealJson('practitioner-link', [staffToken, practitionerToken], { staffId, practitioner });
    const row = { staffToken, practitionerToken, sealed };
    await store.write(async (trx) => {
      const { numInsertedOrUpdatedRows } = await trx
        .insertInto('practitionerLink')
        .values(row)
        .onConflict((conflict) => conflict.doNothing())
        .executeTakeFirst();
      if (numInsertedOrUpdatedRows === 0n) return;
      await rowsLog.cover(trx, 'practitionerLink', rowKeyOf([staffToken, practitionerToken]), row);
    });
    this.#changes += 1;
    this.#knownLinks.delete(staffId);
    this.#parts.careOwners.forget(staffId);
  }

  /** `Practitioner/<id>` that a member of staff is linked to. */
  listPractitioners(staffId: string): Promise<readonly string[]> {
    return this.#practitionersOf(staffId);
  }

  async #begin(by: Member, relationship: CareRelationship): Promise<string> {
    const { store, masterKey, rowsLog, audit, clock, careOwners } = this.#parts;
    const row = relationshipRow(masterKey, relationship, null);
    await audit.append(registrationOf({ by, pid: relationship.pid, atMs: clock() }));
    careOwners.note(relationship);
    await store.write(async (trx) => {
      await trx.insertInto('careRelationship').values(row).execute();
      await rowsLog.cover(trx, 'careRelationship', row.relationshipId, row);
    });
    return row.relationshipId;
  }

  async #findRelationship(pid: string, staffId: string): Promise<CareRelationship | undefined> {
    const { masterKey, clock } = this.#parts;
    const nowMs = clock();
    for (const actor of [staffId, ...(await this.#practitionersOf(staffId))]) {
      const rows = await this.#relationships(masterKey.token('pid', pid), actorToken(masterKey, pid, actor));
      for (const { relationshipId, sealed } of rows) {
        const found = masterKey.openJson('care-relationship', [relationshipId], sealed) as unknown as CareRelationship;
        if (found.fromMs <= nowMs && (found.untilMs === null || nowMs <= found.untilMs)) return found;
      }
    }
    return undefined;
  }

  async #practitionersOf(staffId: string): Promise<readonly string[]> {
    const { masterKey } = this.#parts;
    const known = this.#knownLinks.find(staffId);
    if (known !== undefined) return known;
    const staffToken = masterKey.token('actor', '', staffId);
    const changes = this.#changes;
    const rows = await this.#links(staffToken);
    const practitioners = rows.map(({ practitionerToken, sealed }) => {
      const link = masterKey.openJson('practitioner-link', [staffToken, practitionerToken], sealed);
      return (link as { readonly practitioner: string }).practitioner;
    });
    if (changes === this.#changes) this.#knownLinks.put(staffId, practitioners);
    return practitioners;
  }
}

function registrationOf({ by, pid, atMs }: { readonly by: Who; readonly pid: string; readonly atMs: number }) {
  return {
    kind: 'registration',
    ...{ atMs, pid, who: by, purpose: null, grant: null, session: null, records: [], outcome: 'ok', request: null },
  } as const;
}
