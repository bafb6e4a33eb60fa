import type { Json } from '../src/json.ts';
import {
  type Asked,
  type Deed,
  type Move,
  type Party,
  type Said,
  type Sealed,
  same,
  textOf,
  wordOf,
} from './consent-moves.ts';
import { allowsNoMore, isHolder, isPart, isSameGrant } from './consent-questions.ts';

type Of<D extends Deed['do']> = Extract<Move, { readonly do: D }>;
type Kept = { readonly atMs: number; readonly move: Move };

export type Setting = {
  readonly network: string;
  /** pid → the organisation that keeps the records, whether it is open, and the epoch in which the history begins. */
  readonly patients: ReadonlyMap<
    string,
    { readonly organisation: string; readonly status: string; readonly epoch: number }
  >;
  readonly devices: ReadonlyMap<string, string>;
};

export type Expected = {
  readonly kind: string | null;
  readonly commits: string | null;
  readonly status: 'active' | 'revoked' | 'expired';
  readonly uses: number;
  readonly firstMs: number;
  readonly lastMs: number;
  readonly parent: string | null;
  readonly cardKey: string | null;
};

const DAY_MS = 24 * 3_600_000;
const EMERGENCY_MS = 8 * 3_600_000;
const CLINICAL = new Set(['clinician', 'nurse', 'pharmacist']);
const REVIEWERS = new Set(['privacy-officer', 'administrator']);
const NODES_ONLY = new Set(['use', 'locate', 'delegate', 'emergency', 'expire']);
const PATIENTS_ONLY = new Set(['grant', 'revoke', 'answer']);

/**
 * A second, small account of consent, written from the design and not from the contract: nothing but a log of what was
 * accepted. Status, uses, times and epochs are read off the log each time; whether terms are narrower is asked by putting the
 * same questions to both; a refusal is the set of all objections that somebody could raise, in no order.
 */
export function createModel(setting: Setting) {
  const log: Kept[] = [];
  const kept = <D extends Deed['do']>(...names: readonly D[]): (Kept & { readonly move: Of<D> })[] =>
    log.filter(({ move }) => (names as readonly string[]).includes(move.do)) as (Kept & { readonly move: Of<D> })[];
  const pidOf = (move: Move): string | undefined =>
    'pid' in move ? move.pid : move.by.as === 'member' ? undefined : move.by.pid;

  const births = (pid: string, grant: string) =>
    kept('grant', 'delegate').filter(({ move }) => pidOf(move) === pid && move.grant === grant);
  const parentOf = (pid: string, grant: string): string | null => {
    const move = births(pid, grant)[0]?.move;
    return move?.do === 'delegate' ? move.parent : null;
  };
  const lineOf = (pid: string, grant: string): string[] => {
    const parent = parentOf(pid, grant);
    return parent === null ? [grant] : [grant, ...lineOf(pid, parent)];
  };
  const kindOf = (pid: string, grant: string): string | null => {
    const move = births(pid, grant)[0]?.move;
    return move === undefined ? null : move.do === 'grant' ? move.kind : 'access';
  };
  const textNow = (pid: string, grant: string): string | null =>
    kept('narrow')
      .filter(({ move }) => move.pid === pid && move.grant === grant)
      .at(-1)?.move.commits ??
    births(pid, grant)[0]?.move.commits ??
    null;
  const revocations = (pid: string, grant: string) =>
    kept('revoke').filter(({ move }) => pidOf(move) === pid && move.grant === grant);
  const isRevoked = (pid: string, grant: string): boolean => revocations(pid, grant).length > 0;
  const isExpired = (pid: string, grant: string): boolean =>
    kept('expire').some(({ move }) => move.pid === pid && move.grant === grant);
  const isActive = (pid: string, grant: string): boolean =>
    births(pid, grant).length > 0 && !isRevoked(pid, grant) && !isExpired(pid, grant);
  /** Sessions of the grant or of any below it. */
  const sessions = (pid: string, grant: string): Kept[] => [
    ...kept('use', 'locate').filter(({ move }) => move.pid === pid && lineOf(pid, move.grant).includes(grant)),
    ...kept('emergency').filter(({ move }) => move.pid === pid && move.card === grant),
  ];
  const timesOf = (pid: string, grant: string): number[] =>
    [
      ...births(pid, grant),
      ...sessions(pid, grant),
      ...revocations(pid, grant).slice(0, 1),
      ...kept('narrow', 'expire').filter(({ move }) => move.pid === pid && move.grant === grant),
      ...kept('delegate').filter(({ move }) => move.pid === pid && move.parent === grant),
    ].map(({ atMs }) => atMs);
  const isSpent = (request: string): boolean =>
    log.some(({ move }) => 'asked' in move && move.asked !== null && move.asked.id === request);

  function* signing(move: Move, atMs: number): Generator<string> {
    if (move.network !== setting.network) yield 'wrong-network';
    if (move.notAfterMs !== null && atMs > move.notAfterMs) yield 'not-after-passed';
    if (move.notAfterMs !== null && move.notAfterMs > atMs + DAY_MS) yield 'not-after-too-far';
    const { by } = move;
    if (by.as === 'slip') yield 'signer-not-allowed';
    if (by.as === 'device') {
      if (NODES_ONLY.has(move.do) || move.do === 'request' || move.do === 'review') yield 'signer-not-allowed';
      if (setting.devices.get(by.device) !== by.pid) yield 'signer-unknown';
      if (kept('removeDevice').some((entry) => entry.move.device === by.device)) yield 'signer-revoked';
      if (by.forged) yield 'signature-invalid';
      const status = setting.patients.get(by.pid)?.status;
      if (status === 'closed' && move.do !== 'revoke') yield 'patient-closed';
      if (status === 'unclaimed' && move.do === 'grant') yield 'patient-unclaimed';
      if (status === 'merged' && move.do === 'grant') yield 'patient-merged';
    }
    if (by.as === 'member') {
      const { kind, roles, id } = by.party;
      if (PATIENTS_ONLY.has(move.do)) yield 'signer-not-allowed';
      if ((NODES_ONLY.has(move.do) || move.do === 'narrow') && kind !== 'node') yield 'member-kind-not-allowed';
      if (move.do === 'review' && kind !== 'staff') yield 'member-kind-not-allowed';
      if (move.do === 'review' && !roles.some((role) => REVIEWERS.has(role))) yield 'role-missing';
      if (kept('dismiss').some((entry) => entry.move.id === id)) yield 'signer-revoked';
      const patient = setting.patients.get(pidOf(move) ?? '');
      if (patient === undefined) yield 'patient-unknown';
      if (patient?.status === 'closed') yield 'patient-closed';
      if (patient?.status === 'merged') yield 'patient-merged';
      if (patient !== undefined && patient.organisation !== by.party.organisation) yield 'caller-foreign';
    }
  }

  function* asking(asked: Asked, about: string, names: Said, atMs: number): Generator<string> {
    if (isSpent(asked.stated)) yield 'request-used';
    if (asked.network !== setting.network) yield 'wrong-network';
    if (asked.about !== about) yield 'unknown-transaction';
    if (atMs > asked.notAfterMs) yield 'not-after-passed';
    if (asked.certificate === 'bad') yield 'certificate-invalid';
    if (kept('dismiss').some(({ move }) => move.id === asked.reader.id)) yield 'signer-revoked';
    if (!asked.signed) yield 'signature-invalid';
    if (asked.id !== asked.stated) yield 'request-mismatch';
    if (!Object.entries(names).every(([name, value]) => same(asked.names[name], value))) yield 'request-mismatch';
  }

  function* standing(pid: string, grant: string, atMs: number): Generator<string> {
    if (isRevoked(pid, grant)) yield 'grant-revoked';
    else if (births(pid, grant).length === 0) yield 'grant-unknown';
    else if (isExpired(pid, grant)) yield 'grant-expired';
    if (timesOf(pid, grant).some((ms) => ms > atMs)) yield 'time-backwards';
  }

  function* standingLine(pid: string, grant: string, atMs: number): Generator<string> {
    yield* standing(pid, grant, atMs);
    for (const above of lineOf(pid, grant).slice(1)) {
      if (!isActive(pid, above)) yield 'parent-inactive';
      if (timesOf(pid, above).some((ms) => ms > atMs)) yield 'time-backwards';
    }
  }

  function* within(terms: Said, used: number, atMs: number): Generator<string> {
    if (atMs < Number(terms.notBeforeMs)) yield 'grant-not-yet';
    if (atMs > Number(terms.notAfterMs)) yield 'grant-expired';
    if (terms.maxUses !== null && used >= Number(terms.maxUses)) yield 'uses-exhausted';
  }

  function* holding(pid: string, grant: string, shown: readonly Sealed[], reader: Party, atMs: number) {
    const line = lineOf(pid, grant);
    if (
      !same(
        shown.map(textOf),
        line.map((link) => textNow(pid, link)),
      )
    )
      yield 'commitment-mismatch';
    for (const [index, { terms }] of shown.entries()) {
      const above = shown[index + 1]?.terms;
      if (above !== undefined && !isPart(terms, above)) yield 'not-narrower';
      yield* within(terms, sessions(pid, line[index] ?? '').length, atMs);
    }
    const terms = shown[0]?.terms ?? {};
    const grantee = terms.grantee as Said;
    // A card belongs to no organisation, and nobody holds it by who they are.
    if (grantee.kind === 'card') yield 'holder-mismatch';
    else if (grantee.organisation !== reader.organisation) yield 'organisation-mismatch';
    else if (!isHolder(grantee, reader)) yield 'holder-mismatch';
    if ((terms.exceptActors as readonly string[]).includes(reader.id)) yield 'actor-excepted';
  }

  function* fresh(pid: string, grant: string): Generator<string> {
    if (isRevoked(pid, grant)) yield 'grant-revoked';
    else if (births(pid, grant).length > 0) yield 'grant-exists';
  }

  function* sealing(seals: readonly string[], grantee: Said): Generator<string> {
    if (seals.some((recipient) => recipient !== grantee.organisation)) yield 'seal-recipient';
  }

  function* deciding(move: Move, atMs: number): Generator<string> {
    switch (move.do) {
      case 'grant': {
        const pid = pidOf(move)!;
        const { terms } = move.shown;
        yield* fresh(pid, move.grant);
        if (textOf(move.shown) !== move.commits) yield 'commitment-mismatch';
        if (terms.network !== setting.network) yield 'wrong-network';
        const cardKey = (terms.grantee as Said).key ?? null;
        const told = [terms.pid, terms.grant, terms.kind, terms.parent, cardKey];
        if (!same(told, [pid, move.grant, move.kind, null, move.cardKey])) yield 'terms-mismatch';
        yield* sealing(move.seals, terms.grantee as Said);
        return;
      }
      case 'narrow': {
        const { pid, grant, asked, previous, next, above } = move;
        if (asked === null) {
          if (move.by.as === 'device' && move.by.pid !== pid) yield 'caller-foreign';
          yield* standing(pid, grant, atMs);
          if (textOf(previous) !== textNow(pid, grant)) yield 'commitment-mismatch';
        } else {
          yield* asking(asked, 'narrowRequest', { pid, grant, commits: move.commits }, atMs);
          yield* standingLine(pid, grant, atMs);
          yield* holding(pid, grant, [previous, ...above], asked.reader, atMs);
        }
        if (textOf(next) !== move.commits) yield 'commitment-mismatch';
        if (!isSameGrant(next.terms, previous.terms) || !allowsNoMore(next.terms, previous.terms)) yield 'not-narrower';
        return;
      }
      case 'delegate': {
        const { pid, parent, grant, commits, child, shown, asked } = move;
        yield* asking(asked, 'delegateRequest', { pid, parent, grant, commits }, atMs);
        yield* standingLine(pid, parent, atMs);
        yield* fresh(pid, grant);
        yield* holding(pid, parent, shown, asked.reader, atMs);
        if (kindOf(pid, parent) !== 'access') yield 'grant-kind';
        if (textOf(child) !== commits) yield 'commitment-mismatch';
        if (child.terms.grant !== grant || child.terms.parent !== parent) yield 'terms-mismatch';
        if (shown[0]?.terms.delegationDepth === 0) yield 'delegation-depth';
        if (!isPart(child.terms, shown[0]?.terms ?? {})) yield 'not-narrower';
        yield* sealing(move.seals, child.terms.grantee as Said);
        return;
      }
      case 'use':
      case 'locate': {
        const { pid, grant, shown, asked } = move;
        yield* asking(asked, `${move.do}Request`, { pid, grant }, atMs);
        yield* standingLine(pid, grant, atMs);
        if (kindOf(pid, grant) !== (move.do === 'use' ? 'access' : 'locate')) yield 'grant-kind';
        yield* holding(pid, grant, shown, asked.reader, atMs);
        const terms = shown[0]?.terms ?? {};
        if (!(terms.purposes as readonly Json[]).includes(asked.names.purpose ?? null)) yield 'purpose-mismatch';
        const wanted = (asked.names.categories ?? []) as readonly string[];
        if (wanted.some((one) => !(terms.categories as readonly string[]).includes(one))) yield 'category-not-granted';
        return;
      }
      case 'revoke':
        return;
      case 'expire': {
        const { pid, grant, shown } = move;
        yield* standing(pid, grant, atMs);
        if (textOf(shown) !== textNow(pid, grant)) yield 'commitment-mismatch';
        const over = [...within(shown.terms, sessions(pid, grant).length, atMs)];
        if (!over.some((reason) => reason !== 'grant-not-yet')) yield 'grant-not-expired';
        return;
      }
      case 'request': {
        const { terms } = move.shown;
        const open = kept('request').some((entry) =>
          same([entry.move.pid, entry.move.request], [move.pid, move.request]),
        );
        if (open) yield 'request-exists';
        if (textOf(move.shown) !== move.commits) yield 'commitment-mismatch';
        if (!same([terms.network, terms.pid, terms.request], [setting.network, move.pid, move.request]))
          yield 'terms-mismatch';
        const keeper = setting.patients.get(move.pid)?.organisation;
        if ((terms.grantee as Said).organisation !== keeper) yield 'organisation-mismatch';
        return;
      }
      case 'answer': {
        const pid = pidOf(move)!;
        const mine = kept('request').filter((entry) => entry.move.pid === pid && entry.move.request === move.request);
        if (mine.length === 0) yield 'request-unknown';
        const answers = kept('answer').filter(
          (entry) => pidOf(entry.move) === pid && entry.move.request === move.request,
        );
        if (answers.length > 0) yield 'request-answered';
        return;
      }
      case 'emergency': {
        const { pid, untilMs, asked, card, shown } = move;
        const { reader } = asked;
        yield* asking(asked, 'emergencyRequest', { pid, untilMs, card }, atMs);
        if (untilMs <= atMs || untilMs > atMs + EMERGENCY_MS) yield 'emergency-too-long';
        const role = wordOf(asked.names.role);
        if (reader.kind !== 'staff' || !CLINICAL.has(role) || !reader.roles.includes(role)) yield 'role-missing';
        if (card === null) {
          if (reader.organisation !== setting.patients.get(pid)?.organisation) yield 'card-required';
          return;
        }
        yield* standing(pid, card, atMs);
        if (kindOf(pid, card) !== 'card') yield 'grant-kind';
        if (!move.cardSigned) yield 'card-invalid';
        if (shown === null || textOf(shown) !== textNow(pid, card)) yield 'commitment-mismatch';
        yield* within(shown?.terms ?? {}, sessions(pid, card).length, atMs);
        if (((shown?.terms.exceptActors ?? []) as readonly string[]).includes(reader.id)) yield 'actor-excepted';
        return;
      }
      case 'review': {
        const { pid, emergency, shown } = move;
        const known = kept('emergency').some((entry) => entry.move.pid === pid && entry.move.asked.id === emergency);
        if (!known) yield 'emergency-unknown';
        if (kept('review').some((entry) => entry.move.emergency === emergency)) yield 'emergency-reviewed';
        if (shown.id !== emergency) yield 'request-mismatch';
        if (move.by.as === 'member' && shown.by === move.by.party.id) yield 'self-review';
        return;
      }
      case 'dismiss':
      case 'removeDevice':
        return;
    }
  }

  return {
    /** All that can be said against a move; it is accepted when nothing can. */
    objections: (move: Move, atMs: number): ReadonlySet<string> =>
      new Set([...signing(move, atMs), ...deciding(move, atMs)]),
    accept: (move: Move, atMs: number): void => {
      log.push({ atMs, move });
    },
    /** Every grant id that the log names as made or revoked, with its pid. */
    grants: (): readonly (readonly [pid: string, grant: string])[] =>
      kept('grant', 'delegate', 'revoke').map(({ move }) => [pidOf(move)!, move.grant] as const),
    expected: (pid: string, grant: string): Expected => ({
      kind: kindOf(pid, grant),
      commits: textNow(pid, grant),
      status: isRevoked(pid, grant) ? 'revoked' : isExpired(pid, grant) ? 'expired' : 'active',
      uses: sessions(pid, grant).length,
      firstMs: Math.min(
        ...[...births(pid, grant), ...revocations(pid, grant).slice(0, 1)].slice(0, 1).map(({ atMs }) => atMs),
      ),
      lastMs: Math.max(...timesOf(pid, grant)),
      parent: parentOf(pid, grant),
      cardKey: births(pid, grant).map(({ move }) => (move.do === 'grant' ? move.cardKey : null))[0] ?? null,
    }),
    epoch: (pid: string): number => {
      const revoked = new Set(
        kept('revoke')
          .filter(({ move }) => pidOf(move) === pid)
          .map(({ move }) => move.grant),
      );
      const narrowed = kept('narrow').filter(({ move }) => move.pid === pid && move.asked === null);
      const expired = kept('expire').filter(({ move }) => move.pid === pid);
      const removed = kept('removeDevice').filter(({ move }) => pidOf(move) === pid);
      const first = setting.patients.get(pid)?.epoch ?? 1;
      return first + revoked.size + narrowed.length + expired.length + removed.length;
    },
    isSpent,
    /** undefined: never asked. */
    requestStatus: (pid: string, request: string): string | undefined =>
      kept('request').some(({ move }) => move.pid === pid && move.request === request)
        ? (kept('answer').find(({ move }) => pidOf(move) === pid && move.request === request)?.move.answer ?? 'open')
        : undefined,
    /** Until when, and how it was judged; undefined: never opened. */
    emergency: (pid: string, id: string): readonly [number, string | null] | undefined => {
      const opened = kept('emergency').find(({ move }) => move.pid === pid && move.asked.id === id)?.move;
      const judged = kept('review').find(({ move }) => move.pid === pid && move.emergency === id)?.move;
      return opened === undefined ? undefined : [opened.untilMs, judged?.outcome ?? null];
    },
  };
}

export type ConsentModel = ReturnType<typeof createModel>;
