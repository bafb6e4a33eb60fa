import {
  type FhirTree,
  isResourceType,
  isSupportedParameter,
  numberLiteral,
  type Property,
  RESOURCE_TYPES,
  type ResourceType,
  rowOf,
  searchParametersOf,
  shapeOf,
} from '@salus/fhir';
import {
  GraphQLBoolean,
  type GraphQLFieldConfig,
  type GraphQLFieldConfigArgumentMap,
  GraphQLID,
  GraphQLInt,
  GraphQLList,
  GraphQLNonNull,
  GraphQLObjectType,
  type GraphQLOutputType,
  GraphQLScalarType,
  GraphQLSchema,
  GraphQLString,
  GraphQLUnionType,
} from 'graphql';

/** How resolvers reach records: through the sight of who asks, and within a budget. */
export interface GraphqlContext {
  /** null for what there is not, and for what may not be seen: the two look alike. */
  read(reference: string): Promise<FhirTree | null>;
  search(type: ResourceType, parameters: readonly (readonly [string, string])[]): Promise<readonly FhirTree[]>;
  /** Every other organisation that was asked so far has answered. */
  isWhole(): boolean;
}

type Field = GraphQLFieldConfig<FhirTree, GraphqlContext>;
type Args = Readonly<Record<string, unknown>>;

const STORED = RESOURCE_TYPES.filter((type) => rowOf(type).owner !== 'refused');

let schema: GraphQLSchema | undefined;

/** The read-only schema of R4 (graphql.html), made from the definitions when the first query comes, and once. */
export function graphqlSchema(): GraphQLSchema {
  schema ??= new SchemaBuilder().build();
  return schema;
}

/** Numbers with their literals: 1.50 stays 1.50. */
const DECIMAL = new GraphQLScalarType({
  name: 'Decimal',
  description: 'A number of FHIR, written as its author wrote it.',
  serialize: (value) => {
    if (numberLiteral(value) === undefined) throw new TypeError('a number was expected');
    return value;
  },
});

class SchemaBuilder {
  readonly #types = new Map<string, GraphQLObjectType<FhirTree, GraphqlContext>>();
  readonly #arguments = new Map<ResourceType, GraphQLFieldConfigArgumentMap>();
  readonly #any: GraphQLUnionType;
  readonly #referrers = new Map<ResourceType, ResourceType[]>();

  constructor() {
    this.#any = new GraphQLUnionType({
      name: 'AnyResource',
      types: () => RESOURCE_TYPES.map((type) => this.#objectOf(type)),
      resolveType: (value: FhirTree) => (isResourceType(value.resourceType) ? value.resourceType : undefined),
    });
    for (const source of STORED) {
      for (const { type, targets } of searchParametersOf(source).values()) {
        if (type !== 'reference') continue;
        for (const target of targets) {
          const known = this.#referrers.get(target) ?? [];
          if (!known.includes(source)) this.#referrers.set(target, [...known, source]);
        }
      }
    }
  }

  build(): GraphQLSchema {
    const fields: Record<string, Field> = {};
    for (const type of STORED) {
      fields[type] = {
        type: this.#objectOf(type),
        args: { id: { type: new GraphQLNonNull(GraphQLID) } },
        resolve: (_source, args: Args, context) => context.read(`${type}/${textIn(args.id)}`),
      };
      fields[`${type}List`] = {
        type: new GraphQLList(this.#objectOf(type)),
        args: this.#argumentsOf(type),
        resolve: (_source, args: Args, context) => context.search(type, parametersIn(args)),
      };
    }
    return new GraphQLSchema({ query: new GraphQLObjectType({ name: 'Query', fields }) });
  }

  #objectOf(name: string): GraphQLObjectType<FhirTree, GraphqlContext> {
    const known = this.#types.get(name);
    if (known !== undefined) return known;
    const made = new GraphQLObjectType<FhirTree, GraphqlContext>({ name, fields: () => this.#fieldsOf(name) });
    this.#types.set(name, made);
    return made;
  }

  #fieldsOf(name: string): Record<string, Field> {
    const fields: Record<string, Field> = {};
    for (const [element, property] of shapeOf(name).properties) {
      const type = this.#typeOf(property);
      if (type !== undefined) fields[element] = { type: property.list ? new GraphQLList(type) : type };
    }
    if (name === 'Reference') fields.resource = this.#referenced();
    if (isResourceType(name)) {
      fields.resourceType = { type: GraphQLString };
      for (const source of this.#referrers.get(name) ?? []) fields[`${source}List`] = this.#referring(name, source);
    }
    return fields;
  }

  #typeOf(property: Property): GraphQLOutputType | undefined {
    switch (property.kind) {
      case 'primitive':
        return property.json === 'boolean' ? GraphQLBoolean : property.json === 'number' ? DECIMAL : GraphQLString;
      case 'object':
        return this.#objectOf(property.type);
      case 'resource':
        return this.#any;
      case 'partner':
        return undefined;
    }
  }

  /** `subject { resource(type: Patient) { … } }`: null where it leads nowhere that the caller may see. */
  #referenced(): Field {
    return {
      type: this.#any,
      args: { optional: { type: GraphQLBoolean }, type: { type: GraphQLString } },
      resolve: async ({ reference }, args: Args, context) => {
        if (typeof reference !== 'string') return null;
        const found = await context.read(reference);
        return args.type === undefined || args.type === null || found?.resourceType === args.type ? found : null;
      },
    };
  }

  /** `ObservationList(_reference: "subject")`: what refers to this resource. */
  #referring(name: ResourceType, source: ResourceType): Field {
    return {
      type: new GraphQLList(this.#objectOf(source)),
      args: { _reference: { type: new GraphQLNonNull(GraphQLString) }, ...this.#argumentsOf(source) },
      resolve: ({ id }, { _reference, ...args }: Args, context) =>
        typeof id === 'string'
          ? context.search(source, [[textIn(_reference), `${name}/${id}`], ...parametersIn(args)])
          : [],
    };
  }

  /** Search parameters, whose names have no hyphens here (R4 §3.1.0.2 of graphql.html). */
  #argumentsOf(type: ResourceType): GraphQLFieldConfigArgumentMap {
    const known = this.#arguments.get(type);
    if (known !== undefined) return known;
    const made: Record<string, GraphQLFieldConfigArgumentMap[string]> = { _count: COUNT, _sort: TEXT };
    for (const parameter of searchParametersOf(type).values()) {
      if (isSupportedParameter(parameter)) made[parameter.code.replaceAll('-', '_')] = TEXTS;
    }
    this.#arguments.set(type, made);
    return made;
  }
}

const COUNT = { type: GraphQLInt };
const TEXT = { type: GraphQLString };
const TEXTS = { type: new GraphQLList(new GraphQLNonNull(GraphQLString)) };

/** `birth_date` is `birth-date` again; what begins with an underscore is a parameter of every type. */
function parametersIn(args: Args): readonly (readonly [string, string])[] {
  return Object.entries(args).flatMap(([name, value]) => {
    const code = name.startsWith('_') ? name : name.replaceAll('_', '-');
    const values = Array.isArray(value) ? (value as readonly unknown[]) : [value];
    return values.filter((each) => each !== null && each !== undefined).map((each) => [code, textIn(each)] as const);
  });
}

function textIn(value: unknown): string {
  return typeof value === 'string' ? value : typeof value === 'number' ? String(value) : '';
}
