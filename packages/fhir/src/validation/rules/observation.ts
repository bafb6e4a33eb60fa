import { type FhirTree, isTree, listOf } from '../../tree.ts';
import type { Walk } from '../check-element.ts';
import { objectsAt } from './trees.ts';

/** obs-7 in one pass: its expression would compare every coding of every component with every coding of the code. */
export function checkObservation(walk: Walk, observation: FhirTree, path: string): void {
  const hasValue = Object.keys(observation).some((key) => /^_?value[A-Z]/.test(key));
  if (!hasValue || observation.component === undefined || !isTree(observation.code)) return;
  const own = new Set(listOf(observation.code.coding).map(keyOf));
  for (const [{ code }] of objectsAt(observation, 'component', path)) {
    if (!isTree(code) || !listOf(code.coding).some((coding) => own.has(keyOf(coding)))) continue;
    walk.findings.error(
      'invariant',
      'Constraint obs-7 not met: If Observation.code is the same as an Observation.component.code then the value element associated with the code SHALL NOT be present',
      path,
    );
    return;
  }
}

/** Codings are equal when all their members are. */
function keyOf(coding: unknown): string {
  return isTree(coding) ? JSON.stringify(Object.entries(coding).toSorted(([a], [b]) => (a < b ? -1 : 1))) : '';
}
