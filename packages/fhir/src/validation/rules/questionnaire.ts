import { type FhirTree, isTree, listOf, stringOf } from '../../tree.ts';
import type { Walk } from '../check-element.ts';
import { objectsAt } from './trees.ts';

/** A Questionnaire (R4 §4.10): link ids are unique (que-2), and conditions name a question elsewhere in it. */
export function checkQuestionnaire(walk: Walk, questionnaire: FhirTree, path: string): void {
  const items = itemsOf(questionnaire, path);
  const byLinkId = new Map<string, FhirTree>();
  for (const [item, at] of items) {
    const linkId = stringOf(item.linkId);
    if (linkId === undefined) continue;
    if (byLinkId.has(linkId)) {
      walk.findings.error(
        'invariant',
        'Constraint que-2 not met: The link ids for groups and questions must be unique within the questionnaire',
        at,
      );
    }
    byLinkId.set(linkId, item);
  }
  for (const [item, at] of items) {
    for (const [condition, place] of objectsAt(item, 'enableWhen', at)) {
      const target = byLinkId.get(stringOf(condition.question) ?? '');
      if (target === undefined)
        walk.findings.error('business-rule', 'the enableWhen names no question of the questionnaire', place);
      else if (target === item)
        walk.findings.error('business-rule', "the enableWhen can't reference its own question", place);
      else if (itemsOf(item, at).some(([inner]) => inner === target)) {
        walk.findings.error('business-rule', 'the enableWhen cannot refer to an inner question', place);
      }
    }
  }
}

/** All items, outer before inner. */
function itemsOf(within: FhirTree, path: string): readonly (readonly [FhirTree, string])[] {
  return objectsAt(within, 'item', path).flatMap(([item, at]) => [[item, at] as const, ...itemsOf(item, at)]);
}

/** The `value[x]` that answers a question of each type (R4 §4.10.17). */
const ANSWERS: Readonly<Record<string, readonly string[]>> = {
  boolean: ['valueBoolean'],
  decimal: ['valueDecimal'],
  integer: ['valueInteger'],
  date: ['valueDate'],
  dateTime: ['valueDateTime'],
  time: ['valueTime'],
  string: ['valueString'],
  text: ['valueString'],
  url: ['valueUri'],
  choice: ['valueCoding', 'valueDate', 'valueTime', 'valueInteger', 'valueString', 'valueReference'],
  'open-choice': ['valueCoding', 'valueDate', 'valueTime', 'valueInteger', 'valueString', 'valueReference'],
  attachment: ['valueAttachment'],
  reference: ['valueReference'],
  quantity: ['valueQuantity'],
};

/** A QuestionnaireResponse that contains its Questionnaire: it answers that one, in its order (R4 §4.11). */
export function checkQuestionnaireResponse(walk: Walk, response: FhirTree, path: string): void {
  const canonical = stringOf(response.questionnaire);
  if (canonical?.startsWith('#') !== true) return;
  const questionnaire = listOf(response.contained).find(
    (one): one is FhirTree => isTree(one) && `#${stringOf(one.id)}` === canonical,
  );
  if (questionnaire?.resourceType !== 'Questionnaire') return;
  const complete = response.status === 'completed' || response.status === 'amended';
  checkItems(walk, questionnaire, response, complete, path);
}

function checkItems(walk: Walk, questions: FhirTree, answers: FhirTree, complete: boolean, path: string): void {
  const defined = objectsAt(questions, 'item', '').map(([item]) => item);
  let last = -1;
  const seen = new Map<string, number>();
  for (const [item, at] of objectsAt(answers, 'item', path)) {
    const linkId = stringOf(item.linkId) ?? '';
    const index = defined.findIndex((one) => one.linkId === linkId);
    const question = defined[index];
    if (question === undefined) {
      walk.findings.error('structure', 'the link id is not one of the questionnaire at this place', `${at}.linkId`);
      continue;
    }
    if (index < last) walk.findings.error('structure', 'items are out of order', at);
    last = Math.max(last, index);
    seen.set(linkId, (seen.get(linkId) ?? 0) + 1);
    if (seen.get(linkId) === 2 && question.repeats !== true) {
      walk.findings.error('structure', 'only one item with this link id is allowed', at);
    }
    checkAnswers(walk, question, item, complete, at);
  }
  if (!complete) return;
  for (const question of defined) {
    if (question.required === true && question.enableWhen === undefined && !seen.has(stringOf(question.linkId) ?? '')) {
      walk.findings.error('required', 'no response is found for a required item', path);
    }
  }
}

function checkAnswers(walk: Walk, question: FhirTree, item: FhirTree, complete: boolean, at: string): void {
  const type = stringOf(question.type) ?? '';
  const answers = objectsAt(item, 'answer', at);
  if (type === 'group' || type === 'display') {
    if (answers.length > 0) walk.findings.error('structure', 'groups and displays have no answers', at);
  } else {
    if (answers.length > 1 && question.repeats !== true)
      walk.findings.error('structure', 'only one answer is allowed', at);
    if (answers.length === 0 && complete && question.required === true) {
      walk.findings.error('required', 'no answer is found for a required item', at);
    }
  }
  for (const [answer, place] of answers) {
    const json = Object.keys(answer).find((key) => /^value[A-Z]/.test(key));
    if (json !== undefined && ANSWERS[type]?.includes(json) === false) {
      walk.findings.error('structure', 'the answer is not of the type of the question', place);
    }
    checkItems(walk, question, answer, complete, place);
  }
  if (type === 'group') checkItems(walk, question, item, complete, at);
}
