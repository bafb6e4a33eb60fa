import {
  demandUnique,
  parseBoolean,
  parseCode,
  parseFields,
  parseHash,
  parseId,
  parseInteger,
  parseList,
  parseNullable,
  parseOneOf,
  parseOrganisation,
  parsePublicKey,
  parseText,
  parseTimeMs,
  TIME_MAX_MS,
} from '../args.ts';
import type { Pure } from '../context.ts';
import { ContractError, demand } from '../errors.ts';
import { isJsonObject, type Json } from '../json.ts';
import { PURPOSES, type Purpose } from './purposes.ts';

export const TERMS_VERSION = 'salus:terms:v1';
/** The longest chain of delegations below a root grant; also the bound of every walk from a grant to its root. */
export const DELEGATION_DEPTH_MAX = 8;
export const CATEGORIES_MAX = 64;
export const LABEL_CLASSES_MAX = 32;
export const RESOURCE_TYPES_MAX = 200;
export const RECORDS_MAX = 1000;
export const EXCEPT_ACTORS_MAX = 200;
export const USES_MAX = 1_000_000;

/** access: records; locate: the sealed list of where the patient was treated; card: emergency access outside the pid's organisation. */
export type GrantKind = 'access' | 'locate' | 'card';
export const GRANT_KINDS: readonly GrantKind[] = ['access', 'locate', 'card'];

/** With `study-` before it, a role as certificates hold it (at most 32 characters). */
const STUDY = /^[a-z0-9][a-z0-9-]{0,25}$/;

/** Who may use a grant. A card's holder is whoever can sign with the key printed on it. */
export type Grantee =
  | { readonly kind: 'organisation'; readonly organisation: string }
  | { readonly kind: 'role'; readonly organisation: string; readonly role: string }
  | { readonly kind: 'person'; readonly organisation: string; readonly id: string }
  | { readonly kind: 'client'; readonly organisation: string; readonly id: string }
  | { readonly kind: 'study'; readonly organisation: string; readonly study: string }
  | { readonly kind: 'card'; readonly key: string };

/**
 * What a patient allows; private, known on the ledger only by its commitment. null in a list means "no restriction"; data
 * times are those of the data, `notBeforeMs` and `notAfterMs` (both inclusive) those of the grant.
 */
export type Terms = {
  readonly version: typeof TERMS_VERSION;
  readonly network: string;
  readonly pid: string;
  readonly grant: string;
  readonly kind: GrantKind;
  readonly grantee: Grantee;
  readonly categories: readonly string[];
  readonly labelClasses: readonly string[];
  readonly resourceTypes: readonly string[] | null;
  readonly records: readonly string[] | null;
  readonly dataFromMs: number | null;
  readonly dataToMs: number | null;
  readonly purposes: readonly Purpose[];
  readonly exceptActors: readonly string[];
  readonly mayKeep: boolean;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly maxUses: number | null;
  readonly delegationDepth: number;
  readonly parent: string | null;
};

/** Terms with the salt that opens their commitment. */
export type OpenedTerms = { readonly terms: Terms; readonly salt: string };

const FIELDS = [
  ...(['version', 'network', 'pid', 'grant', 'kind', 'grantee', 'categories', 'labelClasses'] as const),
  ...(['resourceTypes', 'records', 'dataFromMs', 'dataToMs', 'purposes', 'exceptActors', 'mayKeep'] as const),
  ...(['notBeforeMs', 'notAfterMs', 'maxUses', 'delegationDepth', 'parent'] as const),
] as const;

/** FHIR R4 resource types are words in Pascal case. */
const RESOURCE_TYPE = /^[A-Z][A-Za-z]{1,63}$/;

/** Untrusted terms as `Terms`; `args-invalid` with the field's name, never its value. */
export function parseTerms(value: Json | undefined, name: string): Terms {
  const fields = parseFields(value, name, FIELDS);
  const terms: Terms = {
    version: parseOneOf(fields.version, `${name}.version`, [TERMS_VERSION]),
    network: parseId(fields.network, `${name}.network`),
    pid: parseId(fields.pid, `${name}.pid`),
    grant: parseId(fields.grant, `${name}.grant`),
    kind: parseOneOf(fields.kind, `${name}.kind`, GRANT_KINDS),
    grantee: parseGrantee(fields.grantee, `${name}.grantee`),
    categories: parseSet(fields.categories, `${name}.categories`, CATEGORIES_MAX, parseCode),
    labelClasses: parseSet(fields.labelClasses, `${name}.labelClasses`, LABEL_CLASSES_MAX, parseCode),
    resourceTypes: parseNullable(fields.resourceTypes, `${name}.resourceTypes`, parseResourceTypes),
    records: parseNullable(fields.records, `${name}.records`, parseRecords),
    dataFromMs: parseNullable(fields.dataFromMs, `${name}.dataFromMs`, parseDataTimeMs),
    dataToMs: parseNullable(fields.dataToMs, `${name}.dataToMs`, parseDataTimeMs),
    purposes: parseSet(fields.purposes, `${name}.purposes`, PURPOSES.length, parsePurpose),
    exceptActors: parseSet(fields.exceptActors, `${name}.exceptActors`, EXCEPT_ACTORS_MAX, parseId),
    mayKeep: parseBoolean(fields.mayKeep, `${name}.mayKeep`),
    notBeforeMs: parseTimeMs(fields.notBeforeMs, `${name}.notBeforeMs`),
    notAfterMs: parseTimeMs(fields.notAfterMs, `${name}.notAfterMs`),
    maxUses: parseNullable(fields.maxUses, `${name}.maxUses`, parseMaxUses),
    delegationDepth: parseInteger(fields.delegationDepth, `${name}.delegationDepth`, { max: DELEGATION_DEPTH_MAX }),
    parent: parseNullable(fields.parent, `${name}.parent`, parseId),
  };
  demandCoherent(terms, name);
  return terms;
}

/** `{terms, salt}` as two members of a private argument. */
export function parseOpenedTerms(value: Json | undefined, name: string): OpenedTerms {
  const fields = parseFields(value, name, ['terms', 'salt']);
  return { terms: parseTerms(fields.terms, `${name}.terms`), salt: parseHash(fields.salt, `${name}.salt`) };
}

/** The terms of a grant's ancestors, its parent first. */
export function parseAncestors(value: Json | undefined, name: string): readonly OpenedTerms[] {
  return parseList(value, name, { max: DELEGATION_DEPTH_MAX }, parseOpenedTerms);
}

export function parsePurpose(value: Json | undefined, name: string): Purpose {
  return parseOneOf(value, name, PURPOSES);
}

/** What the ledger holds of terms: hashTuple('grant', salt, terms); `salt` is base64url of 32 random bytes. */
export function grantCommitment(pure: Pick<Pure, 'hashTuple'>, opened: OpenedTerms): string {
  return pure.hashTuple('grant', opened.salt, opened.terms);
}

export function parseGrantee(value: Json | undefined, name: string): Grantee {
  if (!isJsonObject(value)) throw new ContractError('args-invalid', `${name} must be an object`);
  const kind = parseOneOf(value.kind, `${name}.kind`, [
    'organisation',
    'role',
    'person',
    'client',
    'study',
    'card',
  ] as const);
  const organisation = (fields: { readonly organisation: Json }): string =>
    parseOrganisation(fields.organisation, `${name}.organisation`);
  switch (kind) {
    case 'organisation':
      return { kind, organisation: organisation(parseFields(value, name, ['kind', 'organisation'])) };
    case 'role': {
      const fields = parseFields(value, name, ['kind', 'organisation', 'role']);
      return { kind, organisation: organisation(fields), role: parseCode(fields.role, `${name}.role`) };
    }
    case 'person':
    case 'client': {
      const fields = parseFields(value, name, ['kind', 'organisation', 'id']);
      return { kind, organisation: organisation(fields), id: parseId(fields.id, `${name}.id`) };
    }
    case 'study': {
      const fields = parseFields(value, name, ['kind', 'organisation', 'study']);
      return {
        kind,
        organisation: organisation(fields),
        study: parseText(fields.study, `${name}.study`, STUDY, 'a study'),
      };
    }
    case 'card':
      return { kind, key: parsePublicKey(parseFields(value, name, ['kind', 'key']).key, `${name}.key`) };
  }
}

function demandCoherent(terms: Terms, name: string): void {
  const invalid = (field: string, expected: string): string => `${name}.${field} must be ${expected}`;
  demand(terms.notBeforeMs <= terms.notAfterMs, 'args-invalid', invalid('notAfterMs', 'at or after notBeforeMs'));
  demand(
    terms.dataFromMs === null || terms.dataToMs === null || terms.dataFromMs <= terms.dataToMs,
    'args-invalid',
    invalid('dataToMs', 'at or after dataFromMs'),
  );
  demand(
    (terms.kind === 'card') === (terms.grantee.kind === 'card'),
    'args-invalid',
    invalid('grantee', 'of its kind'),
  );
  // Only access is passed on: a card's key cannot be, and a list of places is not to travel.
  demand(
    terms.kind === 'access' || (terms.delegationDepth === 0 && terms.parent === null),
    'args-invalid',
    invalid('delegationDepth', 'zero, without parent, but for access'),
  );
  demand(
    terms.kind === 'locate' || (terms.categories.length > 0 && terms.labelClasses.length > 0),
    'args-invalid',
    invalid('categories', 'named, with label classes'),
  );
  demand(terms.purposes.length > 0, 'args-invalid', invalid('purposes', 'named'));
}

function parseSet<T extends string>(
  value: Json | undefined,
  name: string,
  max: number,
  parse: (value: Json, name: string) => T,
): readonly T[] {
  const items = parseList(value, name, { max }, parse);
  demandUnique(items, name, (item) => item);
  return items;
}

const parseResourceTypes = (value: Json | undefined, name: string): readonly string[] =>
  parseSet(value, name, RESOURCE_TYPES_MAX, (item, itemName) =>
    parseText(item, itemName, RESOURCE_TYPE, 'a FHIR resource type'),
  );

const parseRecords = (value: Json | undefined, name: string): readonly string[] =>
  parseSet(value, name, RECORDS_MAX, parseId);

const parseMaxUses = (value: Json | undefined, name: string): number =>
  parseInteger(value, name, { min: 1, max: USES_MAX });

/** Data may be older than 1970. */
const parseDataTimeMs = (value: Json | undefined, name: string): number =>
  parseInteger(value, name, { min: -TIME_MAX_MS, max: TIME_MAX_MS });
