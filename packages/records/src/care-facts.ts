import { type FhirTree, type FhirValue, isTree, parseReference } from '@salus/fhir';
import { timeOf } from './data-time.ts';
import { itemsOf, textOf } from './fhir-values.ts';
import type { CareRelationship } from './vault-types.ts';

/** A care relationship as a resource states it, before its patient's pid is known. */
export type CareFact = Omit<CareRelationship, 'pid'>;

type Rule = {
  readonly kind: CareRelationship['kind'];
  /** States in which the relationship holds. */
  readonly open: readonly string[];
  /** Elements that hold references, or objects that hold them in `inner`. */
  readonly elements: readonly { readonly name: string; readonly inner?: string }[];
};

/** Which resources give their actors a reason to open the patient's record (DESIGN §5: encounter, care team, referral, order). */
const RULES: Readonly<Record<string, readonly Rule[]>> = {
  Encounter: [
    {
      kind: 'encounter',
      open: ['planned', 'arrived', 'triaged', 'in-progress', 'onleave'],
      elements: [{ name: 'participant', inner: 'individual' }],
    },
  ],
  EpisodeOfCare: [
    { kind: 'care-team', open: ['planned', 'waitlist', 'active', 'onhold'], elements: [{ name: 'careManager' }] },
  ],
  CareTeam: [{ kind: 'care-team', open: ['proposed', 'active'], elements: [{ name: 'participant', inner: 'member' }] }],
  ServiceRequest: [
    { kind: 'order', open: ['active', 'on-hold'], elements: [{ name: 'requester' }] },
    { kind: 'referral', open: ['active', 'on-hold'], elements: [{ name: 'performer' }] },
  ],
  MedicationRequest: [
    { kind: 'order', open: ['active', 'on-hold'], elements: [{ name: 'requester' }, { name: 'performer' }] },
  ],
  Task: [
    {
      kind: 'referral',
      open: ['requested', 'received', 'accepted', 'ready', 'in-progress', 'on-hold'],
      elements: [{ name: 'owner' }],
    },
  ],
};

/** The relationships that a resource states. One that ended states none. */
export function careFactsOf(tree: FhirTree): readonly CareFact[] {
  const rules = RULES[textOf(tree.resourceType)] ?? [];
  const time = timeOf(tree.period) ?? { fromMs: null, toMs: null };
  return rules.flatMap(({ kind, open, elements }) => {
    if (!open.includes(textOf(tree.status))) return [];
    const actors = new Set(elements.flatMap(({ name, inner }) => practitionersAt(tree[name], inner)));
    return [...actors].map((actor) => ({ kind, actor, fromMs: time.fromMs ?? 0, untilMs: time.toMs }));
  });
}

function practitionersAt(value: FhirValue | undefined, inner: string | undefined): readonly string[] {
  return itemsOf(value).flatMap((item) => {
    const reference = isTree(item) ? (inner === undefined ? item : item[inner]) : undefined;
    const parsed = parseReference(isTree(reference) ? textOf(reference.reference) : '');
    return parsed.kind === 'local' && parsed.type === 'Practitioner' ? [`Practitioner/${parsed.id}`] : [];
  });
}
