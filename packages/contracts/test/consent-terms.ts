import type { Grantee, GrantKind, OpenedTerms, Terms } from '../src/consent/terms.ts';
import type { ConsentWorld } from './consent.ts';
import type { Dice } from './dice.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS } from './host.ts';
import { testHash, testId, testKey } from './keys.ts';

const CATEGORIES = ['laboratory', 'medication', 'imaging'];
const PURPOSES = ['TREAT', 'COC', 'HRESCH'] as const;

type Change = (terms: Terms, dice: Dice) => Partial<Terms>;

/** Each takes something away, or nothing where nothing is left to take. */
const NARROWINGS: readonly Change[] = [
  ({ categories }) => ({ categories: categories.slice(0, Math.max(1, categories.length - 1)) }),
  ({ labelClasses }) => ({ labelClasses: labelClasses.slice(0, 1) }),
  ({ resourceTypes }) => ({ resourceTypes: (resourceTypes ?? ['Observation', 'MedicationRequest']).slice(0, 1) }),
  ({ records }) => ({ records: (records ?? [testId('r1'), testId('r2')]).slice(0, 1) }),
  ({ dataFromMs }) => ({ dataFromMs: (dataFromMs ?? 1000) + 1 }),
  ({ dataToMs }) => ({ dataToMs: (dataToMs ?? 1_000_000) - 1 }),
  ({ purposes }) => ({ purposes: purposes.slice(0, Math.max(1, purposes.length - 1)) }),
  ({ exceptActors }, dice) => ({ exceptActors: [...new Set([...exceptActors, testId(dice.pick(['x', 'y', 'z']))])] }),
  () => ({ mayKeep: false }),
  ({ notBeforeMs, notAfterMs }) => ({ notBeforeMs: Math.min(notAfterMs, notBeforeMs + 1000) }),
  ({ notBeforeMs, notAfterMs }) => ({ notAfterMs: Math.max(notBeforeMs, notAfterMs - 1000) }),
  ({ maxUses }) => ({ maxUses: maxUses === null ? 5 : Math.max(1, maxUses - 1) }),
];

/** Each adds something, or nothing where everything is allowed already. */
const WIDENINGS: readonly Change[] = [
  ({ categories }) => ({ categories: [...new Set([...categories, 'imaging', 'notes'])] }),
  ({ labelClasses }) => ({ labelClasses: [...labelClasses, 'HIV'] }),
  () => ({ resourceTypes: null }),
  () => ({ records: null }),
  () => ({ dataFromMs: null }),
  () => ({ dataToMs: null }),
  ({ purposes }) => ({ purposes: [...new Set([...purposes, 'PUBHLTH' as const])] }),
  ({ exceptActors }) => ({ exceptActors: exceptActors.slice(1) }),
  ({ exceptActors }) => ({ exceptActors: exceptActors.slice(0, -1) }),
  () => ({ mayKeep: true }),
  ({ notBeforeMs }) => ({ notBeforeMs: notBeforeMs - 1 }),
  ({ notAfterMs }) => ({ notAfterMs: notAfterMs + 1 }),
  ({ maxUses }) => ({ maxUses: maxUses === null ? null : maxUses + 1 }),
  () => ({ maxUses: null }),
  ({ delegationDepth }) => ({ delegationDepth: Math.min(8, delegationDepth + 1) }),
];

export type People = {
  readonly grantees: readonly Grantee[];
  /** Someone whom patients like to except. */
  readonly disliked: string;
};

export function drawTerms(world: ConsentWorld, people: People, dice: Dice, named: Named): OpenedTerms {
  const { kind, grant } = named;
  const notBeforeMs = world.nowMs() + dice.pick([-HOUR_MS, -HOUR_MS, 0, 2 * MINUTE_MS]);
  const open: Terms = {
    version: 'salus:terms:v1',
    network: world.host.network,
    pid: named.pid,
    grant,
    kind,
    grantee: kind === 'card' ? { kind, key: testKey(`card ${grant}`).publicKey } : dice.pick(people.grantees),
    categories: CATEGORIES.slice(0, dice.pick([1, 2, 2, 3])),
    labelClasses: ['normal', 'PSY'].slice(0, dice.pick([1, 2])),
    resourceTypes: dice.pick([null, null, ['Observation', 'MedicationRequest']]),
    records: dice.pick([null, null, [testId('r1'), testId('r2')]]),
    dataFromMs: dice.pick([null, 1000]),
    dataToMs: dice.pick([null, 1_000_000]),
    purposes: PURPOSES.slice(0, dice.pick([1, 2, 2, 3])),
    exceptActors: dice.chance(25) ? [people.disliked] : [],
    mayKeep: dice.chance(30),
    notBeforeMs,
    notAfterMs: world.nowMs() + dice.pick([3 * MINUTE_MS, HOUR_MS, DAY_MS, DAY_MS]),
    maxUses: dice.pick([null, null, 1, 2, 5]),
    delegationDepth: kind === 'access' ? dice.pick([0, 1, 2, 3]) : 0,
    parent: null,
  };
  return seal(open, dice);
}
type Named = { readonly pid: string; readonly grant: string; readonly kind: GrantKind };

/** What a holder might pass on: mostly less, sometimes more. */
export function drawChild(parent: Terms, people: People, dice: Dice, grant: string): OpenedTerms {
  const child: Terms = {
    ...drawLess(parent, dice),
    grant,
    parent: parent.grant,
    kind: 'access',
    grantee: dice.pick(people.grantees),
    delegationDepth: Math.max(0, parent.delegationDepth - dice.pick([0, 1, 1, 1, 1, 2])),
  };
  return seal(child, dice);
}

/** What might replace a grant's terms: mostly less, sometimes more, sometimes for somebody else. */
export function drawNext(previous: Terms, people: People, dice: Dice): OpenedTerms {
  const next = drawLess(previous, dice);
  const other = previous.kind !== 'card' && dice.chance(20);
  return seal(other ? { ...next, grantee: dice.pick(people.grantees) } : next, dice);
}

function drawLess(terms: Terms, dice: Dice): Terms {
  let less = terms;
  for (let count = dice.below(3); count > 0; count--) less = { ...less, ...dice.pick(NARROWINGS)(less, dice) };
  if (!dice.chance(30)) return less;
  const more = { ...less, ...dice.pick(WIDENINGS)(less, dice) };
  return more.kind === 'access' ? more : { ...more, delegationDepth: 0 };
}

function seal(terms: Terms, dice: Dice): OpenedTerms {
  return { terms, salt: testHash(`salt ${dice.below(2 ** 30)}`) };
}
