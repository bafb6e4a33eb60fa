import { FEED_ROLE } from '@salus/contracts';
import type { HomeAccess } from './care.ts';
import { isCohort } from './cohort.ts';
import { pidOf } from './recipients.ts';
import type { VaultCaller } from './repository.ts';
import type { Owner, RecordMeta, StoredRecord, Who } from './vault-types.ts';

/** What is done with a record, in the letters of SMART scopes (SMART App Launch 2 §3.0.2): create, read, update, delete, search. */
export type Interaction = 'c' | 'r' | 'u' | 'd' | 's';

/** What a decision about a record may rest on. A resource that is about to be created has its new record id. */
export type SightedMeta = Pick<RecordMeta, 'owner' | 'pair' | 'type' | 'id' | 'dataFromMs' | 'dataToMs'> & {
  readonly recordId: string;
};

/** The reason is for the audit log. */
export type SightDecision =
  | { readonly kind: 'allowed'; readonly reason: string }
  | { readonly kind: 'denied'; readonly reason: string };

/**
 * Who asks, and what they may see: the one way in which every door (read, history, search, include, operation, export,
 * subscription, write) decides, before a record is shown, counted or written.
 */
export interface Sight {
  /** For the audit log. */
  readonly who: Who;
  /** HL7 v3 PurposeOfUse. */
  readonly purpose: string;
  /** For the audit log: the one grant that it rests on, as an app's. */
  readonly grant: string | null;
  /** May this be done with the record now? `r` unless told. */
  decide(meta: SightedMeta, interaction?: Interaction): Promise<SightDecision>;
  /**
   * Owners whose records can be allowed at all, the organisation among them, so that queries are cut down before they run;
   * `all` when it cannot be told.
   */
  owners(): Promise<ReadonlySet<Owner> | 'all'>;
  /** Decisions on records of one owner and pair are all alike: within one page they need be made once. */
  readonly isByPair?: true;
}

/** A part of what a caller may otherwise do, as a SMART scope leaves it. */
export type Narrowing = (meta: SightedMeta, interaction: Interaction) => boolean;

/** What a decision about a stored record rests on. */
export function sightedOf({ recordId, meta }: Pick<StoredRecord, 'recordId' | 'meta'>): SightedMeta {
  return { ...meta, recordId };
}

type Parts = { readonly access: HomeAccess; readonly organisation: string };

const ALLOWED: SightDecision = { kind: 'allowed', reason: 'own' };
/** A feed (HL7 v2, importer) writes whatever it is sent and reads nothing, as the contract has it (`record.commit`). */
const FEEDS: SightDecision = { kind: 'allowed', reason: 'feed' };

/** Members see by role and care relationship, minus the patient's denials; patients what is theirs and the directory. */
export function sightOf(parts: Parts, caller: VaultCaller): Sight {
  const whole = wholeSight(parts, caller);
  return caller.narrow === undefined ? whole : narrowed(whole, caller.narrow);
}

function wholeSight(parts: Parts, caller: VaultCaller): Sight {
  switch (caller.kind) {
    case 'patient':
      return ofPatient(parts, caller);
    case 'app':
      return caller.sight;
    case 'member':
    case 'writer':
      return ofMember(parts, caller);
  }
}

function narrowed(whole: Sight, narrow: Narrowing): Sight {
  return {
    who: whole.who,
    purpose: whole.purpose,
    grant: whole.grant,
    owners: () => whole.owners(),
    decide: async (meta, interaction = 'r') =>
      narrow(meta, interaction) ? whole.decide(meta, interaction) : { kind: 'denied', reason: 'scope' },
  };
}

function ofMember(
  { access, organisation }: Parts,
  caller: Exclude<VaultCaller, { readonly kind: 'patient' | 'app' }>,
): Sight {
  const who = caller.kind === 'writer' ? caller.writer.who : caller.who;
  const isFeed = who.organisation === organisation && who.roles.includes(FEED_ROLE);
  return {
    who,
    purpose: caller.purpose,
    grant: null,
    decide: async (meta, interaction = 'r') =>
      isFeed && (interaction === 'c' || interaction === 'u') ? FEEDS : access.decide(who, meta, interaction),
    owners: async () => (isFeed ? 'all' : access.ownersOf(who)),
    isByPair: true,
  };
}

/** A patient's device reads; it writes nothing into the organisation's records. */
function ofPatient({ organisation }: Parts, { who }: Extract<VaultCaller, { readonly kind: 'patient' }>): Sight {
  return {
    who,
    purpose: 'PATRQT',
    grant: null,
    decide: async (meta, interaction = 'r') => {
      if (interaction !== 'r' && interaction !== 's') return { kind: 'denied', reason: 'role' };
      const pid = pidOf(meta.owner);
      if (isCohort(meta)) return { kind: 'denied', reason: 'owner' };
      return pid === undefined || pid === who.pid ? ALLOWED : { kind: 'denied', reason: 'owner' };
    },
    owners: async () => new Set<Owner>([`pid:${who.pid}`, `org:${organisation}`]),
    isByPair: true,
  };
}
