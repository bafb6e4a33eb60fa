import type { Grantee, Terms } from './terms.ts';

/**
 * Does `child` allow nothing that `parent` does not allow? Compares every restriction; who the grantee is and which grant the
 * terms belong to are compared by `isNarrowing` and `isDelegation`.
 */
export function isNarrower(child: Terms, parent: Terms): boolean {
  return (
    child.network === parent.network &&
    child.pid === parent.pid &&
    child.kind === parent.kind &&
    isSubset(child.categories, parent.categories) &&
    isSubset(child.labelClasses, parent.labelClasses) &&
    isSubset(child.resourceTypes, parent.resourceTypes) &&
    isSubset(child.records, parent.records) &&
    isSubset(child.purposes, parent.purposes) &&
    isSubset(parent.exceptActors, child.exceptActors) &&
    isAtLeast(child.dataFromMs, parent.dataFromMs) &&
    isAtMost(child.dataToMs, parent.dataToMs) &&
    child.notBeforeMs >= parent.notBeforeMs &&
    child.notAfterMs <= parent.notAfterMs &&
    isAtMost(child.maxUses, parent.maxUses) &&
    child.delegationDepth <= parent.delegationDepth &&
    (parent.mayKeep || !child.mayKeep)
  );
}

/** May `next` replace `previous` as the terms of one grant? */
export function isNarrowing(next: Terms, previous: Terms): boolean {
  return (
    next.grant === previous.grant &&
    next.parent === previous.parent &&
    isNarrowerGrantee(next.grantee, previous.grantee) &&
    isNarrower(next, previous)
  );
}

/** May `child` be delegated from `parent`, and does it still lie inside it? */
export function isDelegation(child: Terms, parent: Terms): boolean {
  return (
    child.grant !== parent.grant &&
    child.parent === parent.grant &&
    child.delegationDepth < parent.delegationDepth &&
    isNarrower(child, parent)
  );
}

/**
 * The same grantee, or a part of the organisation. A role is never narrowed to a person, because at use the person's role
 * would no longer be asked.
 */
function isNarrowerGrantee(child: Grantee, parent: Grantee): boolean {
  switch (parent.kind) {
    case 'organisation':
      return child.kind !== 'card' && child.organisation === parent.organisation;
    case 'role':
      return child.kind === 'role' && child.organisation === parent.organisation && child.role === parent.role;
    case 'person':
    case 'client':
      return child.kind === parent.kind && child.organisation === parent.organisation && child.id === parent.id;
    case 'study':
      return child.kind === 'study' && child.organisation === parent.organisation && child.study === parent.study;
    case 'card':
      return child.kind === 'card' && child.key === parent.key;
  }
}

/** null is the set of everything. */
function isSubset(child: readonly string[] | null, parent: readonly string[] | null): boolean {
  if (parent === null) return true;
  if (child === null) return false;
  const allowed = new Set(parent);
  return child.every((item) => allowed.has(item));
}

/** null is no upper bound. */
function isAtMost(child: number | null, parent: number | null): boolean {
  return parent === null || (child !== null && child <= parent);
}

/** null is no lower bound. */
function isAtLeast(child: number | null, parent: number | null): boolean {
  return parent === null || (child !== null && child >= parent);
}
