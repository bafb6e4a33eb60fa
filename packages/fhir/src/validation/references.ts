import { parseReference } from '../reference.ts';
import { type FhirTree, stringOf } from '../tree.ts';
import type { Walk } from './check-element.ts';
import { type Place, targetOf } from './place.ts';
import type { ElementRule } from './structures.ts';

const PROFILE_BASE = 'http://hl7.org/fhir/StructureDefinition/';

/**
 * A Reference (R4 §2.3.0): `#id` names a contained resource (ref-1); what it leads to, in the same resource or bundle,
 * has a type that the element allows; the same of `Type/id` where that is a resource of this server. Where an absolute
 * URL leads is its owner's to say.
 */
export function checkReference(walk: Walk, rule: ElementRule, value: FhirTree, path: string, place: Place): void {
  const reference = stringOf(value.reference);
  if (reference === undefined) return;
  if (/\s/.test(reference) && !reference.includes('?')) {
    walk.findings.error('value', 'a reference has no white space', `${path}.reference`);
    return;
  }
  const target = targetOf(reference, place.root, place.bundle);
  if (reference.startsWith('#') && target === undefined) {
    walk.findings.error(
      'not-found',
      'Constraint ref-1 not met: SHALL have a contained resource if a local reference is provided',
      path,
    );
    return;
  }
  const found = typeof target?.resourceType === 'string' ? target.resourceType : undefined;
  checkTarget(walk, rule, reference, found, path);
  checkStatedType(walk, stringOf(value.type), found ?? typeNamed(reference), path);
}

function checkTarget(walk: Walk, rule: ElementRule, reference: string, found: string | undefined, path: string): void {
  const allowed = allowedTypes(rule);
  if (allowed === undefined) return;
  if (found !== undefined) {
    if (!allowed.has(found))
      walk.findings.error('structure', 'the reference is to a resource of a type that is not allowed here', path);
    return;
  }
  const named = typeNamed(reference);
  if (named === undefined || allowed.has(named)) return;
  const text = 'the reference is to a type that the definition does not name';
  if (walk.localReferences && parseReference(reference).kind !== 'absolute')
    walk.findings.error('structure', text, path);
  else walk.findings.warning('structure', text, path);
}

function typeNamed(reference: string): string | undefined {
  const parsed = parseReference(reference);
  return parsed.kind === 'local' || parsed.kind === 'absolute' || parsed.kind === 'conditional'
    ? parsed.type
    : undefined;
}

const allowedByRule = new WeakMap<ElementRule, ReadonlySet<string> | null>();

/** The resource types that an element may refer to; `undefined` for any. */
function allowedTypes(rule: ElementRule): ReadonlySet<string> | undefined {
  let allowed = allowedByRule.get(rule);
  if (allowed === undefined) {
    const profiles = rule.types
      .filter(({ code }) => code === 'Reference')
      .flatMap(({ targetProfiles }) => targetProfiles);
    const types = profiles.map((profile) =>
      profile.startsWith(PROFILE_BASE) ? profile.slice(PROFILE_BASE.length) : '',
    );
    // A profile of a type, or anything at all, says nothing about the name in a URL.
    const open = types.length === 0 || types.some((type) => !/^[A-Z][A-Za-z]+$/.test(type) || type === 'Resource');
    allowed = open ? null : new Set(types);
    allowedByRule.set(rule, allowed);
  }
  return allowed ?? undefined;
}

/** `Reference.type` (R4 §2.3.0.2) agrees with what the reference leads to. */
function checkStatedType(walk: Walk, stated: string | undefined, actual: string | undefined, path: string): void {
  if (stated === undefined || actual === undefined) return;
  const type = stated.startsWith(PROFILE_BASE) ? stated.slice(PROFILE_BASE.length) : stated;
  if (type !== actual)
    walk.findings.error('structure', 'the type of the reference is not that of its target', `${path}.type`);
}
