import { type FhirTree, isTree, stringOf } from '../../tree.ts';
import type { Walk } from '../check-element.ts';
import type { Place } from '../place.ts';
import { checkBundle } from './bundle.ts';
import { checkCodeSystem } from './code-system.ts';
import { checkContained } from './contained.ts';
import { checkElementIds } from './element-ids.ts';
import { checkNarrative } from './narrative.ts';
import { checkObservation } from './observation.ts';
import { checkQuestionnaire, checkQuestionnaireResponse } from './questionnaire.ts';
import { checkCapabilityStatement, checkSearchParameter } from './search-parameter.ts';
import { checkStructureDefinition } from './structure-definition.ts';
import { objectsAt } from './trees.ts';
import { checkValueSet } from './value-set.ts';

const RULES: ReadonlyMap<string, (walk: Walk, tree: FhirTree, path: string) => void> = new Map([
  ['Bundle', checkBundle],
  ['Observation', checkObservation],
  ['ValueSet', checkValueSet],
  ['CodeSystem', checkCodeSystem],
  ['SearchParameter', checkSearchParameter],
  ['CapabilityStatement', checkCapabilityStatement],
  ['StructureDefinition', checkStructureDefinition],
  ['Questionnaire', checkQuestionnaire],
  ['QuestionnaireResponse', checkQuestionnaireResponse],
]);

/** Rules of whole resources, by type. */
export function checkResourceRules(walk: Walk, tree: FhirTree, path: string, place: Place): void {
  if (tree.contained !== undefined) checkContained(walk, tree, path, place);
  if (isTree(tree.meta) && tree.meta.security !== undefined) checkSecurityLabels(walk, tree.meta, `${path}.meta`);
  if (walk.strict) {
    checkElementIds(walk, tree, path);
    if (isTree(tree.text) && typeof tree.text.div === 'string')
      checkNarrative(walk, tree.text.div, `${path}.text.div`, place);
  }
  RULES.get(tree.resourceType as string)?.(walk, tree, path);
}

/** R4 §6.1.1: a label is there or not; twice says nothing, and hides that two were meant. */
function checkSecurityLabels(walk: Walk, meta: FhirTree, path: string): void {
  const seen = new Set<string>();
  for (const [{ system, code }, at] of objectsAt(meta, 'security', path)) {
    const key = `${stringOf(system)}#${stringOf(code)}`;
    if (seen.has(key)) walk.findings.error('business-rule', 'Duplicate Security Label', at);
    seen.add(key);
  }
}
