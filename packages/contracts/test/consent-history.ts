import { type GrantKind, grantCommitment, type OpenedTerms, type Terms } from '../src/consent/terms.ts';
import type { SignedCall } from '../src/context.ts';
import type { Json, JsonObject } from '../src/json.ts';
import {
  delegateOf,
  emergencyOf,
  emergencyRequestOf,
  expireOf,
  grantOf,
  innerOf,
  narrowOf,
  revokeOf,
} from './consent.ts';
import { type Cast, partyOf } from './consent-cast.ts';
import { type Asked, type Deed, type Move, type Said, type Sealed, type Signature, textOf } from './consent-moves.ts';
import { drawChild, drawNext, drawTerms } from './consent-terms.ts';
import type { Dice } from './dice.ts';
import { type CallOptions, DAY_MS, HOUR_MS, MINUTE_MS, pure, type TestCall, type TestSigner } from './host.ts';
import { testHash, testId, testKey } from './keys.ts';
import type { Member } from './network.ts';

/** One thing that somebody does: as the model is told it, and as a signed call. */
export type Play = { readonly move: Move; readonly call: TestCall; readonly options: CallOptions };

type Made = {
  readonly pid: string;
  readonly grant: string;
  readonly kind: GrantKind;
  readonly parent: Made | undefined;
  /** The present terms, and those before. */
  opened: OpenedTerms;
  committed: boolean;
  readonly older: OpenedTerms[];
};
type Sent = { readonly request: SignedCall; readonly reader: Member; readonly asked: Asked; readonly made?: Made };
type Draft = { readonly deed: Deed; readonly options: CallOptions; readonly by: Signature; readonly at: string };

/** How far each submitter's clock is off. */
const CLOCKS_MS: { readonly [who: string]: number } = {
  'second node': -20_000,
  'alice phone': 10_000,
  'alice tablet': -5_000,
};

/** Draws the plays of one history; it remembers what was signed and shown, as the parties do, and decides nothing. */
export function createHistory(cast: Cast) {
  const { world } = cast;
  const made: Made[] = [];
  const asks: Sent[] = [];
  const emergencies: { readonly pid: string; readonly sent: Sent }[] = [];
  const opens = new Set<string>();
  const asked: { readonly request: string; readonly text: Sealed; readonly commitment: string }[] = [];
  const commitments = new Map<string, string>();
  // Later than any slow clock behind the founding.
  let baseMs = world.nowMs() + MINUTE_MS;
  let labels = 0;

  const remember = (opened: OpenedTerms): string => {
    const text = textOf(opened as unknown as Sealed);
    commitments.set(text, grantCommitment(pure, opened));
    return text;
  };
  const sealed = (opened: OpenedTerms): Sealed => opened as unknown as Sealed;
  const lineOf = (of: Made): OpenedTerms[] => [of.opened, ...(of.parent === undefined ? [] : lineOf(of.parent))];
  const newLabel = (): string => testId(`history ${labels++}`);

  /** Mostly little, sometimes hours, sometimes exactly to the end or the beginning of a grant. */
  const passing = (dice: Dice): number => {
    const of = dice.chance(6) ? pickMade(dice, ['access']) : undefined;
    const ms = of === undefined ? 0 : dice.pick([of.opened.terms.notBeforeMs, of.opened.terms.notAfterMs]) - baseMs;
    if (ms > 0) return ms + dice.pick([-1, 0, 0, 1]);
    return dice.pick([0, 0, 0, 0, 0, 500, 500, 5000, 5000, 30_000, 3 * MINUTE_MS, dice.chance(20) ? HOUR_MS : 0]);
  };
  const setClock = (who: string): void => world.advance(baseMs + (CLOCKS_MS[who] ?? 0) - world.nowMs());

  const device = (dice: Dice, mostly: readonly string[]): { label: string; by: TestSigner; as: Signature } => {
    const label = dice.chance(90) ? dice.pick(mostly) : dice.pick([...cast.devices.keys()]);
    const { pid, by } = cast.devices.get(label)!;
    if (dice.chance(3)) {
      const thief = { signer: by.signer, key: testKey('thief') };
      return { label, by: thief, as: { as: 'device', pid, device: label, forged: true } };
    }
    if (dice.chance(3)) {
      const key = testKey(`unknown device ${label}`);
      const stranger = { signer: `pid:${pid}/${key.kid}`, key };
      return { label, by: stranger, as: { as: 'device', pid, device: 'unknown device' } };
    }
    return { label, by, as: { as: 'device', pid, device: label } };
  };
  const node = (dice: Dice): { label: string; by: TestSigner; as: Signature } => {
    if (dice.chance(3)) return device(dice, ['alice phone']);
    const by = dice.chance(93) ? dice.pick(cast.nodes) : dice.pick(cast.strangers);
    return { label: by === cast.nodes[1] ? 'second node' : 'node', by, as: { as: 'member', party: partyOf(by) } };
  };
  const pickMade = (dice: Dice, kinds: readonly GrantKind[]): Made | undefined => {
    const known = dice.chance(94) ? made.filter(({ committed }) => committed) : made;
    const fitting = dice.chance(94) ? known.filter(({ kind }) => kinds.includes(kind)) : known;
    if (fitting.length === 0) return undefined;
    // Mostly of late: old ones have ended.
    return dice.chance(70) ? dice.pick(fitting.slice(-6)) : dice.pick(fitting);
  };
  const readerFor = (dice: Dice, terms: Terms): Member => {
    const { grantee } = terms;
    const suited = cast.readers.filter(
      (one) =>
        grantee.kind !== 'card' &&
        one.organisation === grantee.organisation &&
        (!('id' in grantee) || one.id === grantee.id) &&
        (grantee.kind !== 'role' || one.roles.includes(grantee.role)) &&
        (grantee.kind !== 'study' || one.roles.includes(`study-${grantee.study}`)),
    );
    if (dice.chance(4)) return dice.pick(cast.uncertified);
    return suited.length > 0 && dice.chance(85) ? dice.pick(suited) : dice.pick(cast.readers);
  };
  /** What the node shows for a grant: mostly what it should. */
  const shownFor = (dice: Dice, of: Made): readonly OpenedTerms[] => {
    const line = lineOf(of);
    if (!dice.chance(8)) return line;
    return dice.pick([
      line.slice(0, 1),
      [{ ...of.opened, salt: testHash('another salt') }, ...line.slice(1)],
      [of.older[0] ?? of.opened, ...line.slice(1)],
      [...line, of.opened],
    ]);
  };

  /** A reader's signed request: mostly good, sometimes one that was sent before. */
  const ask = (dice: Dice, about: string, args: JsonObject, names: Said, reader: Member): Sent => {
    const past = asks.filter((sent) => sent.asked.about === about);
    if (past.length > 0 && dice.chance(7)) return dice.pick(past);
    const { network } = world.host;
    const signed = !dice.chance(3);
    const options = {
      network: dice.chance(3) ? testId('elsewhere') : network,
      notAfter: world.nowMs() + (dice.chance(3) ? -1 : dice.pick([MINUTE_MS, HOUR_MS, HOUR_MS])),
    };
    const name = dice.chance(3) ? 'auditRequest' : about;
    const by = signed ? reader : { signer: reader.signer, key: testKey('forger') };
    const request = innerOf(world, name, args, by, options);
    const id = pure.callId(request.payload);
    const sent: Sent = {
      request,
      reader,
      asked: {
        ...{ id, stated: id, about: name, names, signed, network: options.network, notAfterMs: options.notAfter },
        reader: partyOf(reader),
        certificate: cast.uncertified.includes(reader) ? 'bad' : 'good',
      },
    };
    asks.push(sent);
    return sent;
  };
  /** A node may state another id than the request's. */
  const stating = (dice: Dice, sent: Sent): Asked =>
    dice.chance(3) ? { ...sent.asked, stated: testHash('another request') } : sent.asked;
  const sealsFor = (dice: Dice, organisation: string): { names: readonly string[]; seals: Json } => {
    if (!dice.chance(30)) return { names: [], seals: [] };
    const name = dice.chance(85) ? organisation : 'hospital-a';
    if (name !== 'hospital-a' && name !== 'hospital-b' && name !== 'hospital-c') return { names: [], seals: [] };
    const recipientKid = world.organisation(name).hpke.kid;
    return { names: [name], seals: [{ keyId: testId('key'), recipientKid, digest: testHash('envelope') }] };
  };

  function grant(dice: Dice): Draft {
    const { label, by, as } = device(dice, ['alice phone', 'alice phone', 'alice tablet', 'eve phone']);
    setClock(label);
    const pid = as.as === 'member' ? '' : as.pid;
    const kind = dice.pick(['access', 'access', 'access', 'locate', 'card'] as const);
    const again = dice.chance(6) ? pickMade(dice, [kind]) : undefined;
    const id = again?.grant ?? newLabel();
    let opened = drawTerms(world, cast, dice, { pid, grant: id, kind });
    if (dice.chance(4)) opened = { ...opened, terms: { ...opened.terms, ...dice.pick(liesOf(cast)) } };
    const commits = remember(dice.chance(4) ? { ...opened, salt: testHash('committed salt') } : opened);
    const { grantee } = opened.terms;
    const cardKey = grantee.kind === 'card' ? grantee.key : null;
    const { names, seals } = sealsFor(dice, grantee.kind === 'card' ? '' : grantee.organisation);
    const args = { commitment: commitments.get(commits)! };
    const options = grantOf(world, opened, { by, seals, args: { ...args, grant: id, kind } });
    made.push({ pid, grant: id, kind, parent: undefined, opened, committed: false, older: [] });
    return {
      deed: { do: 'grant', grant: id, kind, commits, cardKey, shown: sealed(opened), seals: names },
      options,
      by: as,
      at: label,
    };
  }

  function delegate(dice: Dice): Draft {
    const { label, by, as } = node(dice);
    setClock(label);
    const deep = made.filter(({ committed, opened }) => committed && opened.terms.delegationDepth > 0).slice(-8);
    const parent = deep.length > 0 && dice.chance(80) ? dice.pick(deep) : pickMade(dice, ['access']);
    if (parent === undefined) return grant(dice);
    const again = dice.chance(6) ? pickMade(dice, ['access']) : undefined;
    const id = again?.grant ?? newLabel();
    const drawn = drawChild(parent.opened.terms, cast, dice, id);
    const lie = dice.chance(4) ? { parent: testId('nobody') } : {};
    const child = { ...drawn, terms: { ...drawn.terms, ...lie } };
    const commits = remember(dice.chance(4) ? { ...child, salt: testHash('committed salt') } : child);
    const commitment = commitments.get(commits)!;
    const { pid } = parent;
    const args = { pid, parent: parent.grant, grant: id, commitment };
    const names = { pid, parent: parent.grant, grant: id, commits };
    const sent = ask(dice, 'delegateRequest', args, names, readerFor(dice, parent.opened.terms));
    const stated = stating(dice, sent);
    const shown = shownFor(dice, parent);
    const { grantee } = child.terms;
    const seals = sealsFor(dice, grantee.kind === 'card' ? '' : grantee.organisation);
    const options = delegateOf(world, {
      ...{ parent: shown[0]!, ancestors: shown.slice(1), child, by, reader: sent.reader, seals: seals.seals },
      request: sent.request,
      args: { ...args, request: stated.stated },
    });
    made.push({ pid, grant: id, kind: 'access', parent, opened: child, committed: false, older: [] });
    const deed: Deed = {
      ...{ do: 'delegate', pid, parent: parent.grant, grant: id, commits, asked: stated },
      ...{ child: sealed(child), shown: shown.map(sealed), seals: seals.names },
    };
    return { deed, options, by: as, at: label };
  }

  function read(dice: Dice, what: 'use' | 'locate'): Draft {
    const { label, by, as } = node(dice);
    setClock(label);
    const of = pickMade(dice, [what === 'use' ? 'access' : 'locate']);
    if (of === undefined) return grant(dice);
    const { terms } = of.opened;
    const purpose = dice.chance(92) ? dice.pick(terms.purposes) : 'PUBHLTH';
    const categories = dice.chance(92) && terms.categories.length > 0 ? [dice.pick(terms.categories)] : ['notes'];
    const pid = dice.chance(97) ? of.pid : dice.pick([testId('nobody'), cast.dora.pid, cast.mia.pid, cast.eve.pid]);
    const id = dice.chance(97) ? of.grant : testId('no grant');
    const args = { pid, grant: id, purpose, ...(what === 'use' ? { categories } : {}) };
    const sent = ask(dice, `${what}Request`, args, args, readerFor(dice, terms));
    const stated = stating(dice, sent);
    const shown = shownFor(dice, of);
    const options: CallOptions = {
      transaction: `consent.${what}`,
      args: { pid, grant: id, request: stated.stated },
      values: {
        ...{ request: sent.request, chain: sent.reader.chain, ancestors: shown.slice(1) },
        ...shown[0]!,
      } as unknown as JsonObject,
      by,
    };
    return { deed: { do: what, pid, grant: id, shown: shown.map(sealed), asked: stated }, options, by: as, at: label };
  }

  function narrow(dice: Dice): Draft {
    const byPatient = dice.chance(50);
    const of = pickMade(dice, ['access', 'locate', 'card']);
    if (of === undefined) return grant(dice);
    const own = of.pid === cast.eve.pid ? ['eve phone'] : ['alice phone', 'alice tablet'];
    const actor = byPatient ? device(dice, own) : node(dice);
    setClock(actor.label);
    const shown = shownFor(dice, of);
    const next = drawNext(of.opened.terms, cast, dice);
    const commits = remember(dice.chance(4) ? { ...next, salt: testHash('committed salt') } : next);
    const { pid, grant: id } = of;
    const args = { pid, grant: id, commitment: commitments.get(commits)! };
    const previous = shown[0]!;
    const common = { do: 'narrow' as const, pid, grant: id, commits, previous: sealed(previous), next: sealed(next) };
    // A device that acts as a node is refused before anything else; it shows what a patient shows.
    if (actor.as.as !== 'member') {
      const options = narrowOf(world, { previous, next, by: actor.by, args });
      return { deed: { ...common, asked: null, above: [] }, options, by: actor.as, at: actor.label };
    }
    const reader = readerFor(dice, of.opened.terms);
    const sent = ask(dice, 'narrowRequest', args, { pid, grant: id, commits }, reader);
    const stated = stating(dice, sent);
    const ancestors = shown.slice(1);
    const options = narrowOf(world, {
      ...{ previous, next, ancestors, reader: sent.reader, by: actor.by, request: sent.request },
      args: { ...args, request: stated.stated },
    });
    return { deed: { ...common, asked: stated, above: ancestors.map(sealed) }, options, by: actor.as, at: actor.label };
  }

  function revoke(dice: Dice): Draft {
    const of = dice.chance(85) ? pickMade(dice, ['access', 'locate', 'card']) : undefined;
    const { label, by, as } = device(dice, of?.pid === cast.eve.pid ? ['eve phone'] : ['alice phone', 'alice tablet']);
    setClock(label);
    // Sometimes a grant that is not known yet: the next to be made.
    const id = of?.grant ?? testId(`history ${labels + dice.below(2)}`);
    return { deed: { do: 'revoke', grant: id }, options: revokeOf(world, id, by), by: as, at: label };
  }

  function expire(dice: Dice): Draft {
    const { label, by, as } = node(dice);
    setClock(label);
    const ended = made.filter(({ opened }) => opened.terms.notAfterMs < world.nowMs() || opened.terms.maxUses === 1);
    const of = ended.length > 0 && dice.chance(80) ? dice.pick(ended) : pickMade(dice, ['access', 'locate', 'card']);
    if (of === undefined) return grant(dice);
    const opened = shownFor(dice, of)[0]!;
    const { pid, grant: id } = of;
    const options = { ...expireOf(world, opened, by), args: { pid, grant: id } };
    return { deed: { do: 'expire', pid, grant: id, shown: sealed(opened) }, options, by: as, at: label };
  }

  function emergency(dice: Dice): Draft {
    const { label, by, as } = node(dice);
    setClock(label);
    const card = dice.chance(60) ? pickMade(dice, ['card']) : undefined;
    const reader = dice.chance(4) ? dice.pick(cast.uncertified) : dice.pick(cast.clinicians);
    const role = dice.chance(85) ? (reader.roles[0] ?? 'clinician') : dice.pick(['nurse', 'registrar']);
    const pid =
      card?.pid ??
      dice.pick([
        cast.alice.pid,
        cast.alice.pid,
        cast.alice.pid,
        cast.bob.pid,
        cast.bob.pid,
        cast.dora.pid,
        cast.mia.pid,
      ]);
    const untilMs =
      world.nowMs() + dice.pick([HOUR_MS, HOUR_MS, HOUR_MS, HOUR_MS, HOUR_MS, 8 * HOUR_MS, 8 * HOUR_MS + 1, 0]);
    const cardSigned = dice.chance(80);
    const cardKey = testKey(cardSigned && card !== undefined ? `card ${card.grant}` : 'card of somebody');
    const shown = card === undefined ? null : shownFor(dice, card)[0]!;
    const urgent = { reader, role, untilMs, pid, cardKey };
    const named =
      card === undefined ? {} : { card: { ...card.opened, terms: { ...card.opened.terms, grant: card.grant } } };
    const replayed = asks.filter((sent) => sent.asked.about === 'emergencyRequest');
    const again = replayed.length > 0 && dice.chance(8) ? dice.pick(replayed) : undefined;
    const request = again?.request ?? emergencyRequestOf(world, { ...urgent, ...named });
    const id = pure.callId(request.payload);
    const sent: Sent = again ?? {
      request,
      reader,
      asked: {
        ...{ id, stated: id, about: 'emergencyRequest', network: world.host.network, signed: true },
        notAfterMs: request.payload.notAfter ?? 0,
        reader: partyOf(reader),
        certificate: cast.uncertified.includes(reader) ? 'bad' : 'good',
        names: { pid, role, untilMs, card: card?.grant ?? null },
      },
    };
    asks.push(sent);
    const stated = stating(dice, sent);
    const options = emergencyOf(world, {
      ...{ ...urgent, reader: sent.reader, request, by },
      ...(shown === null ? {} : { card: shown }),
      args: { request: stated.stated, card: card?.grant ?? null },
    });
    emergencies.push({ pid, sent });
    const deed: Deed = {
      ...{ do: 'emergency', pid, untilMs, asked: stated, card: card?.grant ?? null, cardSigned },
      shown: shown === null ? null : sealed(shown),
    };
    return { deed, options, by: as, at: label };
  }

  function review(dice: Dice): Draft {
    setClock('reviewer');
    const opened = emergencies.filter(({ sent }) => dice.chance(10) || opens.has(sent.asked.id));
    const one = opened.length === 0 ? undefined : dice.pick(opened.slice(-3));
    const other = opened.length === 0 || dice.chance(85) ? one : dice.pick(opened);
    if (one === undefined || other === undefined) return emergency(dice);
    const { pid, sent } = one;
    const self = cast.reviewers.find(({ id }) => id === other.sent.reader.id);
    const by = self !== undefined && dice.chance(30) ? self : dice.pick(cast.reviewers);
    const outcome = dice.pick(['justified', 'unjustified']);
    const options: CallOptions = {
      transaction: 'consent.review',
      args: { pid, emergency: sent.asked.id, outcome },
      values: { request: other.sent.request as unknown as Json, finding: 'seen' },
      by,
    };
    const shown = { id: other.sent.asked.id, by: other.sent.reader.id };
    const deed: Deed = { do: 'review', pid, emergency: sent.asked.id, outcome, shown };
    return { deed, options, by: { as: 'member', party: partyOf(by) }, at: 'reviewer' };
  }

  function request(dice: Dice): Draft {
    const by = dice.pick(cast.requesters);
    setClock('requester');
    const pid = dice.chance(92) ? cast.atB.pid : cast.alice.pid;
    const repeated = asked.length > 0 && dice.chance(10) ? dice.pick(asked) : undefined;
    const id = repeated?.request ?? newLabel();
    const lies: readonly Said[] = [{ network: testId('elsewhere') }, { pid: testId('x') }, { request: testId('x') }];
    const terms: Said = {
      ...{ version: 'salus:request:v1', network: world.host.network, pid, request: id },
      grantee: { kind: 'organisation', organisation: dice.chance(92) ? 'hospital-b' : 'hospital-c' },
      ...{ categories: ['laboratory'], purposes: ['TREAT'], notAfterMs: null, text: 'please' },
      ...(dice.chance(10) ? dice.pick(lies) : {}),
    };
    const shown: Sealed = { terms, salt: testHash(`salt ${dice.below(2 ** 30)}`) };
    const committed: Sealed = dice.chance(92) ? shown : { ...shown, salt: testHash('committed salt') };
    const commitment = pure.hashTuple('request', committed.salt, committed.terms);
    commitments.set(textOf(committed), commitment);
    asked.push({ request: id, text: shown, commitment });
    const options: CallOptions = {
      transaction: 'consent.request',
      args: { pid, request: id, commitment },
      values: { asked: terms, salt: shown.salt },
      by,
    };
    const deed: Deed = { do: 'request', pid, request: id, commits: textOf(committed), shown };
    return { deed, options, by: { as: 'member', party: partyOf(by) }, at: 'requester' };
  }

  function answer(dice: Dice): Draft {
    const { label, by, as } = device(dice, ['alice at b phone']);
    setClock(label);
    const id = asked.length > 0 && dice.chance(92) ? dice.pick(asked.slice(-5)).request : testId('no request');
    const given = dice.pick(['granted', 'partly', 'declined']);
    const options = { transaction: 'consent.answer', args: { request: id, answer: given }, by };
    return { deed: { do: 'answer', request: id, answer: given }, options, by: as, at: label };
  }

  const DRAWS: readonly ((dice: Dice) => Draft)[] = [
    ...[grant, grant, grant, delegate, delegate, delegate, narrow, narrow, narrow, revoke, expire, expire],
    ...Array.from({ length: 6 }, () => (dice: Dice) => read(dice, 'use')),
    ...[(dice: Dice) => read(dice, 'locate'), emergency, emergency, review, review, request, answer, answer],
  ];

  return {
    commitments,
    /** Lets time pass, then signs one play at its submitter's clock. */
    draw: (dice: Dice): Play => {
      baseMs += passing(dice);
      const { deed, options, by } = dice.pick(DRAWS)(dice);
      const notAfter = deed.do === 'revoke' ? null : world.nowMs() + dice.pick([MINUTE_MS, 10 * MINUTE_MS, DAY_MS]);
      const network = dice.chance(2) ? testId('elsewhere') : world.host.network;
      const call = world.sign({ ...options, notAfter, network });
      return { move: { ...deed, by, network, notAfterMs: notAfter }, call, options };
    },
    /** The submitter signs the same once more: what a node does that replays a reader's request. */
    again: ({ move, options }: Play): Play => {
      const notAfter = move.do === 'revoke' ? null : world.nowMs() + MINUTE_MS;
      const { network } = world.host;
      return { move: { ...move, network, notAfterMs: notAfter }, call: world.sign({ ...options, notAfter }), options };
    },
    /** A moment at which an earlier play arrives again, or late. */
    arrive: (dice: Dice): void => {
      baseMs += dice.pick([0, 0, 500, 5000, MINUTE_MS]);
      setClock(dice.pick(['node', 'second node']));
    },
    /** The parties note what was committed: new grants, and what a narrowing replaced. */
    note: (move: Move): void => {
      if (move.do === 'grant' || move.do === 'delegate') {
        const terms = move.do === 'grant' ? move.shown : move.child;
        for (const one of made) one.committed ||= textOf(sealed(one.opened)) === textOf(terms);
      }
      if (move.do === 'emergency') opens.add(move.asked.id);
      if (move.do !== 'narrow') return;
      const of = made.find((one) => one.committed && one.pid === move.pid && one.grant === move.grant);
      if (of === undefined) return;
      of.older.unshift(of.opened);
      of.opened = move.next as unknown as OpenedTerms;
    },
  };
}

const liesOf = (cast: Cast): readonly Partial<Terms>[] => [
  { network: testId('elsewhere') },
  { pid: cast.eve.pid },
  { grant: testId('another grant') },
];
