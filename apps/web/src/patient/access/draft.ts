import type { ListedRecord } from '@salus/client';
import type { Grantee, Purpose, RequestTerms } from '@salus/contracts';
import type { GrantChoice } from '@salus/wallet';
import type { Place } from './acting.ts';
import type { Plan } from './decide.ts';
import { NORMAL_LABEL } from './opening.ts';

const DAY_MS = 86_400_000;
/** How long a grant lasts where nobody says anything. */
export const GRANT_DAYS = 30;
/** The ledger's clock may run a little behind this device's. */
const CLOCK_SLACK_MS = 60_000;
/** No grant is made for longer: whoever needs more asks again. */
export const GRANT_DAYS_MAX = 3_650;

/** What the patient has ticked and typed so far; dates are those of the patient's calendar, `yyyy-mm-dd`, empty where none. */
export interface Draft {
  readonly grantee: Grantee;
  readonly categories: readonly string[];
  /** Sensitive label classes that are opened beside what is normal. */
  readonly sensitive: readonly string[];
  readonly purposes: readonly Purpose[];
  /** Pids whose places hand documents out; null: all. */
  readonly places: readonly string[] | null;
  readonly endsOn: string;
  readonly dataFrom: string;
  readonly dataTo: string;
  /** Resource types; null: all. */
  readonly types: readonly string[] | null;
  /** Single documents; null: all. */
  readonly records: readonly string[] | null;
  /** Persons of the grantee's who may not use it. */
  readonly except: readonly string[];
  readonly maxUses: number | null;
  readonly mayKeep: boolean;
}

/** What is wrong with a draft; the form says it beside the field. */
export type DraftFault =
  | 'nothing-chosen'
  | 'no-place'
  | 'ends-in-past'
  | 'ends-too-late'
  | 'period-backwards'
  | 'no-date';

/** A draft that grants nothing yet. */
export function emptyDraft(grantee: Grantee, nowMs: number): Draft {
  return {
    grantee,
    categories: [],
    sensitive: [],
    purposes: ['TREAT'],
    places: null,
    endsOn: dayOf(nowMs + GRANT_DAYS * DAY_MS),
    dataFrom: '',
    dataTo: '',
    types: null,
    records: null,
    except: [],
    maxUses: null,
    mayKeep: false,
  };
}

/** What was asked, as a draft: nothing sensitive, no copy, and never longer than asked. */
export function draftOfRequest(
  asked: Pick<RequestTerms, 'grantee' | 'categories' | 'purposes' | 'notAfterMs'>,
  nowMs: number,
): Draft {
  const { grantee, categories, purposes, notAfterMs } = asked;
  const ends = notAfterMs === null || notAfterMs <= nowMs ? {} : { endsOn: dayOf(notAfterMs) };
  return { ...emptyDraft(grantee, nowMs), categories, purposes, ...ends };
}

/** The first thing that is wrong, or undefined. */
export function findFault(draft: Draft, nowMs: number): DraftFault | undefined {
  const endMs = endOfDay(draft.endsOn);
  if (draft.categories.length === 0 || draft.records?.length === 0 || draft.types?.length === 0)
    return 'nothing-chosen';
  if (draft.places?.length === 0) return 'no-place';
  if (endMs === undefined) return 'no-date';
  if (endMs <= nowMs) return 'ends-in-past';
  if (endMs > nowMs + GRANT_DAYS_MAX * DAY_MS) return 'ends-too-late';
  const fromMs = startOfDay(draft.dataFrom);
  const toMs = endOfDay(draft.dataTo);
  if (fromMs !== undefined && toMs !== undefined && toMs < fromMs) return 'period-backwards';
  return undefined;
}

/**
 * The grant that a faultless draft means, for one pid. `askedUntilMs` keeps a grant that answers a request from lasting
 * to the end of a day when less was asked.
 */
export function choiceOf(
  draft: Draft,
  {
    pid,
    nowMs,
    askedUntilMs = null,
  }: { readonly pid: string; readonly nowMs: number; readonly askedUntilMs?: number | null },
): GrantChoice {
  const { grantee, categories, sensitive, purposes, types, records, except, maxUses, mayKeep } = draft;
  const endMs = endOfDay(draft.endsOn) ?? nowMs + GRANT_DAYS * DAY_MS;
  const fromMs = startOfDay(draft.dataFrom);
  const toMs = endOfDay(draft.dataTo);
  return {
    pid,
    grantee,
    categories,
    labelClasses: [NORMAL_LABEL, ...sensitive],
    purposes,
    notBeforeMs: nowMs - CLOCK_SLACK_MS,
    notAfterMs: askedUntilMs !== null && dayOf(askedUntilMs) === draft.endsOn ? askedUntilMs : endMs,
    ...(fromMs === undefined ? {} : { dataFromMs: fromMs }),
    ...(toMs === undefined ? {} : { dataToMs: toMs }),
    ...(types === null ? {} : { resourceTypes: types }),
    ...(records === null ? {} : { records }),
    ...(except.length === 0 ? {} : { exceptActors: except }),
    ...(maxUses === null ? {} : { maxUses }),
    ...(mayKeep ? { mayKeep } : {}),
  };
}

/** Where records may be opened from: everywhere but at the grantee's own place, which reads what it wrote without asking. */
export function foreignTo<Entry extends Pick<Place, 'organisation'>>(
  grantee: Grantee,
  entries: readonly Entry[],
): readonly Entry[] {
  return entries.filter(
    ({ organisation }) => grantee.kind === 'card' || grantee.kind === 'client' || organisation !== grantee.organisation,
  );
}

/** Sensitive label classes that the ticked categories hold now: the only ones that the patient is asked about. */
export function sensitiveIn(
  { categories }: Pick<Draft, 'categories'>,
  places: readonly { readonly records: readonly ListedRecord[] | undefined }[],
): readonly string[] {
  const records = places.flatMap((place) => place.records ?? []);
  const labels = records.filter(({ category }) => categories.includes(category)).map(({ labelClass }) => labelClass);
  return [...new Set(labels)].filter((label) => label !== NORMAL_LABEL);
}

/** One grant for each place that the draft speaks of; a place none of whose single documents was chosen gets none. */
export function plansOf(
  draft: Draft,
  places: readonly { readonly entry: Place; readonly records: readonly ListedRecord[] | undefined }[],
  when: { readonly nowMs: number; readonly askedUntilMs?: number | null },
): readonly Plan[] {
  // A tick whose box has gone with its category opens nothing.
  const asked = sensitiveIn(draft, places);
  const sensitive = draft.sensitive.filter((label) => asked.includes(label));
  return places
    .filter(({ entry }) => draft.places === null || draft.places.includes(entry.pid))
    .map(({ entry, records = [] }) => {
      const own = new Set(records.map(({ recordId }) => recordId));
      const chosen = draft.records === null ? null : draft.records.filter((id) => own.has(id));
      return { entry, choice: choiceOf({ ...draft, sensitive, records: chosen }, { ...when, pid: entry.pid }) };
    })
    .filter(({ choice }) => choice.records?.length !== 0);
}

/** Whether a grant gives all that was asked; else the answer to the request is `partly`. */
export function isWhole(
  asked: Pick<RequestTerms, 'categories' | 'purposes' | 'notAfterMs'>,
  choice: GrantChoice,
): boolean {
  const { categories, purposes, notAfterMs, resourceTypes, records, dataFromMs, dataToMs, exceptActors, maxUses } =
    choice;
  return (
    asked.categories.every((category) => categories.includes(category)) &&
    asked.purposes.every((purpose) => purposes.includes(purpose)) &&
    (asked.notAfterMs === null || notAfterMs >= asked.notAfterMs) &&
    [resourceTypes, records, dataFromMs, dataToMs, exceptActors, maxUses].every((term) => term === undefined)
  );
}

/** `list` with `item` when `on`, without it when not; the order of the rest stays. */
export function withItem<T>(list: readonly T[], item: T, on: boolean): readonly T[] {
  const rest = list.filter((known) => known !== item);
  return on ? [...rest, item] : rest;
}

/** The day of the patient's own calendar, as a date field holds it. */
export function dayOf(ms: number): string {
  const date = new Date(ms);
  const two = (value: number): string => String(value).padStart(2, '0');
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

/** A moment of this very day, wherever the patient is. */
export function noonOf(day: string): number {
  return new Date(`${day}T12:00:00`).getTime();
}

/** Undefined where the text is no day. */
export function startOfDay(day: string): number | undefined {
  const ms = new Date(`${day}T00:00:00`).getTime();
  return Number.isNaN(ms) ? undefined : ms;
}

/** Undefined where the text is no day. */
export function endOfDay(day: string): number | undefined {
  const ms = new Date(`${day}T23:59:59.999`).getTime();
  return Number.isNaN(ms) ? undefined : ms;
}
