import { type FhirTree, stringifyFhirJson } from '@salus/fhir';
import type { Content } from './subscription.ts';
import { TOPIC_PATH } from './subscription.ts';

const STATUS_PROFILE =
  'http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-subscription-status-r4';

export type NotificationKind = 'handshake' | 'heartbeat' | 'event-notification' | 'query-status';

/** One thing that the subscriber is told: where it can be read, by who may. */
export interface Told {
  readonly eventNumber: number;
  readonly atMs: number;
  readonly method: 'POST' | 'PUT';
  /** `Observation/<id>` */
  readonly reference: string;
}

export interface NotificationFacts {
  readonly baseUrl: string;
  readonly subscription: string;
  readonly status: string;
  /** All events since the subscription began. */
  readonly events: number;
  readonly content: Content;
  readonly nowMs: number;
}

/** The Parameters that say how a subscription stands (Backport 1.1.0, R4 status). */
export function statusOf(kind: NotificationKind, facts: NotificationFacts, told: readonly Told[] = []): FhirTree {
  const { baseUrl, subscription, status, events, content } = facts;
  return {
    resourceType: 'Parameters',
    meta: { profile: [STATUS_PROFILE] },
    parameter: [
      { name: 'subscription', valueReference: { reference: `${baseUrl}/Subscription/${subscription}` } },
      { name: 'topic', valueCanonical: `${baseUrl}/${TOPIC_PATH}` },
      { name: 'status', valueCode: status },
      { name: 'type', valueCode: kind },
      { name: 'events-since-subscription-start', valueString: String(events) },
      ...told.map(({ eventNumber, atMs, reference }) => ({
        name: 'notification-event',
        part: [
          { name: 'event-number', valueString: String(eventNumber) },
          { name: 'timestamp', valueInstant: new Date(atMs).toISOString() },
          ...(content === 'empty' ? [] : [{ name: 'focus', valueReference: { reference: `${baseUrl}/${reference}` } }]),
        ],
      })),
    ],
  };
}

/** A notification: its status first, then what is read where. No resource stands in it. */
export function notificationBundle(
  kind: NotificationKind,
  facts: NotificationFacts,
  told: readonly Told[] = [],
): string {
  const { baseUrl, subscription, content, nowMs } = facts;
  const status = statusOf(kind, facts, told);
  const shown = content === 'empty' ? [] : told;
  return stringifyFhirJson({
    resourceType: 'Bundle',
    id: crypto.randomUUID(),
    meta: { lastUpdated: new Date(nowMs).toISOString() },
    type: 'history',
    timestamp: new Date(nowMs).toISOString(),
    entry: [
      {
        fullUrl: `urn:uuid:${crypto.randomUUID()}`,
        resource: status,
        request: { method: 'GET', url: `${baseUrl}/Subscription/${subscription}/$status` },
        response: { status: '200' },
      },
      ...shown.map(({ method, reference }) => ({
        fullUrl: `${baseUrl}/${reference}`,
        request: { method, url: method === 'POST' ? (reference.split('/')[0] ?? '') : reference },
        response: { status: method === 'POST' ? '201' : '200' },
      })),
    ],
  });
}
