import {
  type FhirTree,
  isResourceType,
  parseFhirJson,
  parseReference,
  parseSearch,
  type ResourceType,
} from '@salus/fhir';
import { type Beyond, type ForeignResource, type FoundRecord, sightOf, type VaultCaller } from '@salus/records';
import type { HostedOrganisation } from '../../organisation.ts';
import { ServerError } from '../../server-error.ts';
import type { GraphqlBudget } from './graphql-budget.ts';
import { GRAPHQL_COUNT_DEFAULT, GRAPHQL_COUNT_MAX } from './graphql-limits.ts';
import type { GraphqlContext } from './graphql-schema.ts';

interface Asking {
  readonly organisation: HostedOrganisation;
  readonly caller: VaultCaller;
  readonly budget: GraphqlBudget;
  readonly beyond: Beyond | undefined;
  /** Every other organisation that was asked has answered. */
  isWhole: boolean;
  /** Resources of other organisations that the query has shown, by their authors' URLs: whole URLs lead on from them. */
  readonly foreign: Map<string, ForeignResource>;
  /** Whose own records it has shown. */
  readonly owners: Set<FoundRecord['record']['meta']['owner']>;
}

/** Every resource comes through the doors that everybody else uses: decided, logged, and counted here. */
export async function graphqlContext(
  organisation: HostedOrganisation,
  caller: VaultCaller,
  budget: GraphqlBudget,
): Promise<GraphqlContext> {
  const beyond = await organisation.exchange.foreign.beyond(caller);
  const asking: Asking = { organisation, caller, budget, beyond, isWhole: true, foreign: new Map(), owners: new Set() };
  const known = new Map<string, Promise<FhirTree | null>>();
  return {
    read: async (reference) => {
      const parsed = parseReference(reference);
      if (parsed.kind !== 'local' && parsed.kind !== 'absolute') return null;
      const name = parsed.kind === 'local' ? `${parsed.type}/${parsed.id}` : nameOf(asking, parsed.url);
      const found =
        known.get(name) ??
        (parsed.kind === 'local' ? readOne(asking, parsed.type, parsed.id) : readNamed(asking, parsed.url));
      known.set(name, found);
      return found;
    },
    search: (type, parameters) => search(asking, type, parameters),
    isWhole: () => asking.isWhole,
  };
}

/** A URL leads on from what was shown: what it led to nowhere from is looked for again once more was. */
function nameOf({ foreign, owners }: Asking, url: string): string {
  return foreign.has(url) ? url : `${foreign.size} ${owners.size} ${url}`;
}

async function readOne(asking: Asking, type: string, id: string): Promise<FhirTree | null> {
  if (!isResourceType(type)) return null;
  const { organisation, caller, budget, beyond, owners } = asking;
  const { repository, rows } = organisation.vault;
  const result = await budget.run(async () => {
    const own = await repository.read(caller, type, id);
    if (own.kind === 'not-found') return readElsewhere(asking, type, id);
    const record = own.kind === 'found' && beyond !== undefined ? await rows.findResource(type, id) : undefined;
    if (record !== undefined) owners.add(record.meta.owner);
    return own;
  });
  return result.kind === 'found' ? parseFhirJson(result.text) : null;
}

/** What has ended is null, as what is not there. */
async function readElsewhere(asking: Asking, type: ResourceType, id: string) {
  const { foreign, beyond } = asking;
  if (beyond === undefined) return { kind: 'not-found' } as const;
  const { resources, isWhole } = await beyond.find({ type, patients: [], ids: [id] });
  asking.isWhole &&= isWhole;
  const [found] = resources;
  if (found === undefined || found.text === null) return { kind: 'not-found' } as const;
  foreign.set(found.url, found);
  return { kind: 'found', text: found.text } as const;
}

/** What another organisation refers to by its own URL, as far as the caller may look there. */
async function readNamed(asking: Asking, url: string): Promise<FhirTree | null> {
  const { budget, beyond, foreign, owners } = asking;
  const known = foreign.get(url);
  if (known !== undefined) return known.text === null ? null : parseFhirJson(known.text);
  if (beyond === undefined) return null;
  const { resources, isWhole } = await budget.run(() =>
    beyond.named([url], { foreign: [...foreign.values()], owners: [...owners] }),
  );
  asking.isWhole &&= isWhole;
  const [found] = resources;
  if (found === undefined || found.text === null) return null;
  foreign.set(found.url, found);
  return parseFhirJson(found.text);
}

async function search(
  asking: Asking,
  type: ResourceType,
  parameters: readonly (readonly [string, string])[],
): Promise<readonly FhirTree[]> {
  const { organisation, caller, budget, beyond, foreign, owners } = asking;
  const { vault } = organisation;
  const count = Math.min(Number(countIn(parameters) ?? GRAPHQL_COUNT_DEFAULT), GRAPHQL_COUNT_MAX);
  const rest = parameters.filter(([name]) => name !== '_count');
  const parsed = parseSearch(type, [...rest, ['_count', String(count)]], { strict: true });
  if (parsed.kind === 'refused') throw new ServerError('bad-request', `An argument of ${type}List is written wrong.`);
  const query = `${type}?${new URLSearchParams(rest.map(([name, value]): [string, string] => [name, value])).toString()}`;
  const sight = sightOf(vault, caller);
  const page = await budget.run(() => vault.search.find(sight, { requests: [parsed.request], query, beyond }));
  asking.isWhole &&= page.isWhole;
  budget.spend(page.matches.length);
  for (const { record, elsewhere } of page.matches) {
    if (elsewhere === undefined) owners.add(record.meta.owner);
    else foreign.set(elsewhere.url, elsewhere);
  }
  return page.matches.flatMap(({ text }) => (text === null ? [] : [parseFhirJson(text)]));
}

function countIn(parameters: readonly (readonly [string, string])[]): string | undefined {
  return parameters.find(([name, value]) => name === '_count' && /^[1-9][0-9]{0,5}$/.test(value))?.[1];
}
