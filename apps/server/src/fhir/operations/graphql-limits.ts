import { type DocumentNode, type FieldNode, Kind, type OperationDefinitionNode, type SelectionSetNode } from 'graphql';

/** Selections within selections, fragments spelt out. */
export const GRAPHQL_DEPTH_MAX = 12;
/** Fields that an answer may have at most, each list counted with what it may hold. */
export const GRAPHQL_COST_MAX = 20_000;
/** Resources of a list unless `_count` says otherwise, and at most. */
export const GRAPHQL_COUNT_DEFAULT = 20;
export const GRAPHQL_COUNT_MAX = 100;

type Variables = Readonly<Record<string, unknown>>;

/**
 * What is too much in a query, before anything of it runs; undefined when nothing is. The document is valid: fragments are
 * known and in no cycle. Steps are counted as well, since fragments that name each other grow without bound.
 */
export function findExcess(document: DocumentNode, variables: Variables): string | undefined {
  const fragments = new Map(
    document.definitions.flatMap((definition) =>
      definition.kind === Kind.FRAGMENT_DEFINITION ? [[definition.name.value, definition.selectionSet] as const] : [],
    ),
  );
  let cost = 0;
  let values: Variables = {};
  const walk = (set: SelectionSetNode, depth: number, times: number): string | undefined => {
    if (depth > GRAPHQL_DEPTH_MAX) return `a query has at most ${GRAPHQL_DEPTH_MAX} levels`;
    for (const selection of set.selections) {
      cost += times;
      if (cost > GRAPHQL_COST_MAX) return `an answer has at most ${GRAPHQL_COST_MAX} fields`;
      const found = next(selection, depth, times);
      if (found !== undefined) return found;
    }
    return undefined;
  };
  const next = (
    selection: SelectionSetNode['selections'][number],
    depth: number,
    times: number,
  ): string | undefined => {
    switch (selection.kind) {
      case Kind.FRAGMENT_SPREAD: {
        const set = fragments.get(selection.name.value);
        return set === undefined ? undefined : walk(set, depth, times);
      }
      case Kind.INLINE_FRAGMENT:
        return walk(selection.selectionSet, depth, times);
      case Kind.FIELD: {
        // The schema of 700 types is 20 MB as an answer.
        if (selection.name.value === '__schema') return 'the whole schema is not shown; ask for __type';
        const { selectionSet } = selection;
        return selectionSet === undefined
          ? undefined
          : walk(selectionSet, depth + 1, times * countOf(selection, values));
      }
    }
  };
  for (const definition of document.definitions) {
    if (definition.kind !== Kind.OPERATION_DEFINITION) continue;
    values = { ...defaultsOf(definition), ...variables };
    const found = walk(definition.selectionSet, 1, 1);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The whole numbers that an operation's variables are unless they are given. */
function defaultsOf({ variableDefinitions = [] }: OperationDefinitionNode): Variables {
  return Object.fromEntries(
    variableDefinitions.flatMap(({ variable, defaultValue }) =>
      defaultValue?.kind === Kind.INT ? [[variable.name.value, Number(defaultValue.value)] as const] : [],
    ),
  );
}

/** How many resources a search may give; 1 for every other field. A value of another kind counts as the most. */
function countOf({ name, arguments: given }: FieldNode, values: Variables): number {
  if (!name.value.endsWith('List')) return 1;
  const value = given?.find((argument) => argument.name.value === '_count')?.value;
  if (value === undefined || value.kind === Kind.NULL) return GRAPHQL_COUNT_DEFAULT;
  const asked =
    value.kind === Kind.INT ? Number(value.value) : value.kind === Kind.VARIABLE ? values[value.name.value] : value;
  if (asked === undefined || asked === null) return GRAPHQL_COUNT_DEFAULT;
  if (typeof asked !== 'number') return GRAPHQL_COUNT_MAX;
  return asked > 0 ? Math.min(asked, GRAPHQL_COUNT_MAX) : GRAPHQL_COUNT_DEFAULT;
}
