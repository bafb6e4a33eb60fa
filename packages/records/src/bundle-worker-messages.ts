import type { CurrentResource, Owner as FhirOwner, IdentifierQuery, ResourceType } from '@salus/fhir';
import type { BundleInput, BundleQuestions, PreparedBundle, TypedCondition } from './prepared-bundle.ts';
import type { ObjectToSeal, SealedObject } from './record-object.ts';

export type ToWorker =
  | { readonly kind: 'prepare'; readonly job: number; readonly input: BundleInput }
  | { readonly kind: 'answer'; readonly job: number; readonly question: number; readonly value: Answer }
  /** The question could not be answered; why is known on the other side. */
  | { readonly kind: 'no-answer'; readonly job: number; readonly question: number }
  | { readonly kind: 'seal'; readonly job: number; readonly objects: readonly ObjectToSeal[] };

export type Question =
  | { readonly name: 'begin'; readonly digest: string | null; readonly conditions: readonly TypedCondition[] }
  | { readonly name: 'find'; readonly type: ResourceType; readonly query: IdentifierQuery }
  | { readonly name: 'search'; readonly type: ResourceType; readonly query: string }
  | { readonly name: 'targets'; readonly targets: Parameters<BundleQuestions['findTargets']>[0] }
  | { readonly name: 'owners'; readonly references: readonly string[] };

export type Answer =
  | null
  | readonly string[]
  | readonly (CurrentResource | undefined)[]
  | ReadonlyMap<string, FhirOwner>;

export type FromWorker =
  | { readonly kind: 'question'; readonly job: number; readonly question: number; readonly body: Question }
  | { readonly kind: 'done'; readonly job: number; readonly prepared: PreparedBundle }
  /** A question was not answered, or preparing broke; `name` is the error's class. */
  | { readonly kind: 'failed'; readonly job: number; readonly name: string }
  | { readonly kind: 'sealed'; readonly job: number; readonly objects: readonly SealedObject[] };
