import { type FhirTree, parseFhirJson, stringifyFhirJson } from '@salus/fhir';
import type { Documents } from '@salus/records';
import type { Requester } from './requester.ts';

/** Subscriptions of one organisation, and of one requester. */
export const SUBSCRIPTIONS_MAX = 500;
export const SUBSCRIPTIONS_OF_ONE_MAX = 50;

export type SubscriptionStatus = 'requested' | 'active' | 'error' | 'off';

export interface StoredSubscription {
  readonly id: string;
  readonly versionId: number;
  readonly status: SubscriptionStatus;
  /** Why it is in error or off; holds nothing of a record. */
  readonly error: string | null;
  readonly requester: Requester;
  /** Changes up to this one are no news to it. */
  readonly fromSeq: number;
  readonly updatedMs: number;
  /** The resource as it was given, without what the node says of it. */
  readonly resource: FhirTree;
}

type Kept = Omit<StoredSubscription, 'resource'> & { readonly text: string };

/** Subscriptions lie sealed: criteria and headers may tell of patients and hold secrets. */
export class SubscriptionStore {
  readonly #documents: Documents;

  constructor(documents: Documents) {
    this.#documents = documents;
  }

  async list(): Promise<readonly StoredSubscription[]> {
    return (await this.#documents.list('subscription')).map(({ value }) => opened(value as unknown as Kept));
  }

  async find(id: string): Promise<StoredSubscription | undefined> {
    const value = await this.#documents.find('subscription', id);
    return value === undefined ? undefined : opened(value as unknown as Kept);
  }

  async put({ resource, ...facts }: StoredSubscription): Promise<void> {
    const kept: Kept = { ...facts, text: stringifyFhirJson(resource) };
    await this.#documents.put('subscription', facts.id, JSON.parse(JSON.stringify(kept)));
  }

  delete(id: string): Promise<void> {
    return this.#documents.delete('subscription', id);
  }
}

function opened({ text, ...facts }: Kept): StoredSubscription {
  return { ...facts, resource: parseFhirJson(Buffer.from(text)) };
}

/** The resource as its requester sees it. */
export function shown({ id, versionId, status, error, updatedMs, resource }: StoredSubscription): FhirTree {
  const { meta: _meta, id: _id, status: _status, error: _error, ...rest } = resource;
  return {
    ...rest,
    resourceType: 'Subscription',
    id,
    meta: { versionId: String(versionId), lastUpdated: new Date(updatedMs).toISOString() },
    status,
    ...(error === null ? {} : { error }),
  };
}
