import { type Category, isResourceType, PAIRS, type ResourceType } from '@salus/fhir';
import { type Interaction, type Narrowing, pidOf } from '@salus/records';
import { ServerError } from '../server-error.ts';

/** Scopes beside those on resources (SMART App Launch 2, §3.0.4 to §3.0.6). */
export const SCOPE_WORDS = ['openid', 'fhirUser', 'launch', 'launch/patient', 'offline_access'] as const;
export type ScopeWord = (typeof SCOPE_WORDS)[number];
export const SCOPES_MAX = 64;
export const SCOPE_CHARACTERS_MAX = 4_096;

/** `patient/Observation.rs?category=…` (SMART App Launch 2, §3.0.2). */
export interface ResourceScope {
  /** As it was asked for; answers repeat it. */
  readonly text: string;
  readonly context: 'patient' | 'user' | 'system';
  readonly type: ResourceType | '*';
  readonly interactions: ReadonlySet<Interaction>;
  /** What the scope's search parameters leave; null: everything. */
  readonly category: Category | null;
}

export interface Scopes {
  readonly resources: readonly ResourceScope[];
  readonly words: ReadonlySet<ScopeWord>;
}

const RESOURCE_SCOPE = /^(patient|user|system)\/([A-Za-z*]{1,64})\.([a-z*]{1,5})(?:\?(.{1,512}))?$/;
/** In this order and each at most once. */
const INTERACTIONS_V2 = /^c?r?u?d?s?$/;
const INTERACTIONS_V1: ReadonlyMap<string, string> = new Map([
  ['read', 'rs'],
  ['write', 'cud'],
  ['*', 'cruds'],
]);

const OBSERVATION_CATEGORY = 'http://terminology.hl7.org/CodeSystem/observation-category';
/** Search parameters in a scope: those whose answer each record is sealed under. What it is not is refused. */
const GRANULAR: ReadonlyMap<string, Category> = new Map(
  (['laboratory', 'vital-signs', 'imaging'] as const).map((code) => [
    `Observation?category=${OBSERVATION_CATEGORY}|${code}`,
    code,
  ]),
);

/**
 * The scopes of a request, those of version 1 as what they mean in version 2.
 *
 * @throws ServerError `bad-request` for anything that is no scope here: none is silently left out.
 */
export function parseScopes(text: string): Scopes {
  if (text.length > SCOPE_CHARACTERS_MAX) throw unknown();
  const names = [...new Set(text.split(' ').filter((name) => name !== ''))];
  if (names.length === 0 || names.length > SCOPES_MAX) throw unknown();
  const words = new Set<ScopeWord>();
  const resources: ResourceScope[] = [];
  for (const name of names) {
    const word = SCOPE_WORDS.find((known) => known === name);
    if (word === undefined) resources.push(parseResourceScope(name));
    else words.add(word);
  }
  return { resources, words };
}

function parseResourceScope(text: string): ResourceScope {
  const [, context, type = '', letters = '', query] = RESOURCE_SCOPE.exec(text) ?? [];
  if (context === undefined || (type !== '*' && !isResourceType(type))) throw unknown();
  const interactions = INTERACTIONS_V1.get(letters) ?? letters;
  if (interactions === '' || !INTERACTIONS_V2.test(interactions)) throw unknown();
  const category = query === undefined ? null : GRANULAR.get(`${type}?${decode(query)}`);
  if (category === undefined) throw unknown();
  return {
    text,
    context: context as ResourceScope['context'],
    type: type as ResourceScope['type'],
    interactions: new Set([...interactions] as Interaction[]),
    category,
  };
}

function decode(query: string): string {
  try {
    return decodeURIComponent(query);
  } catch {
    throw unknown();
  }
}

/** Does what was registered for a client cover every scope that it asks for? */
export function covers(registered: Scopes, asked: Scopes): boolean {
  const words = [...asked.words].every((word) => registered.words.has(word));
  return words && asked.resources.every((scope) => [...scope.interactions].every((letter) => isOpen(scope, letter)));

  function isOpen({ context, type, category }: ResourceScope, letter: Interaction): boolean {
    return registered.resources.some(
      (open) =>
        open.context === context &&
        (open.type === '*' || open.type === type) &&
        (open.category === null || open.category === category) &&
        open.interactions.has(letter),
    );
  }
}

/** Whose hands an app with these scopes is in: staff log in with a password, a patient's wallet answers, a service is alone. */
export function usersOf({ resources, words }: Scopes): 'staff' | 'patient' | 'service' {
  if (words.has('launch') || resources.some(({ context }) => context === 'user')) return 'staff';
  return resources.some(({ context }) => context === 'system') ? 'service' : 'patient';
}

/** Could an app with these scopes write in the name of a member of staff, once it is lent that? */
export function mayWriteForStaff(scopes: Scopes): boolean {
  const isWriting = ({ interactions }: ResourceScope): boolean =>
    (['c', 'u', 'd'] as const).some((letter) => interactions.has(letter));
  return usersOf(scopes) === 'staff' && scopes.resources.some(isWriting);
}

/** What the scopes leave of a sight. `pid`: the patient in context, whom `patient/` scopes speak of; null: nobody. */
export function narrowingOf({ resources }: Scopes, pid: string | null): Narrowing {
  return (meta, interaction) =>
    resources.some(
      (scope) =>
        scope.interactions.has(interaction) &&
        (scope.type === '*' || scope.type === meta.type) &&
        (scope.category === null || scope.category === PAIRS[meta.pair]?.category) &&
        (scope.context !== 'patient' || isOfPatient(pidOf(meta.owner))),
    );

  function isOfPatient(owner: string | undefined): boolean {
    // Directory resources are in no compartment: whoever sees a record sees who performed it.
    return pid !== null && (owner === undefined || owner === pid);
  }
}

function unknown(): ServerError {
  return new ServerError('bad-request', 'A scope is unknown here, malformed, or too long.');
}
