import type { FhirTree } from '@salus/fhir/parse';
import { LOINC, type Orderable } from './tests-to-order.ts';
import { subjectOf, timeOf, type Writing, writerAs } from './written-by.ts';

export const ORDER_PRIORITIES = ['routine', 'urgent', 'asap', 'stat'] as const;
export type OrderPriority = (typeof ORDER_PRIORITIES)[number];
export const ORDER_TEXT_MAX = 2_000;

export interface OrderDraft {
  readonly test: Orderable;
  readonly priority: OrderPriority;
  /** The clinical question. */
  readonly question: string;
  /** Why it is done although a result or an order exists; empty where none does. */
  readonly whyAgain: string;
}

/** A laboratory order as R4 ServiceRequest. */
export function orderOf(writing: Writing, { test, priority, question, whyAgain }: OrderDraft): FhirTree {
  return {
    resourceType: 'ServiceRequest',
    status: 'active',
    intent: 'order',
    priority,
    category: [
      {
        coding: [{ system: 'http://snomed.info/sct', code: '108252007', display: 'Laboratory procedure' }],
        text: 'Laboratory',
      },
    ],
    code: { coding: [{ system: LOINC, code: test.code, display: test.display }], text: test.display },
    subject: subjectOf(writing),
    authoredOn: timeOf(writing),
    ...writerAs('requester', writing),
    ...(question === '' ? {} : { reasonCode: [{ text: question }] }),
    ...(whyAgain === '' ? {} : { note: [{ time: timeOf(writing), text: `Ordered again: ${whyAgain}` }] }),
  };
}
