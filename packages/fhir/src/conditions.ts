import { FhirError } from './fhir-error.ts';
import type { IdentifierIndex } from './identifier-index.ts';
import { findIdentifierQuery, type IdentifierQuery } from './identifier-query.ts';
import { parseReference } from './reference.ts';
import type { ResourceType } from './resource-table.ts';

/** How conditions of a write find what the repository holds: two ids are enough to refuse, so at most two. */
export interface ConditionLookup {
  /** Current resources of that type with that identifier, that the caller may see. */
  findByIdentifier(type: ResourceType, query: IdentifierQuery): Promise<readonly string[]> | readonly string[];
  /** Those that any other search finds. Absent: such conditions are refused. */
  findBySearch?(type: ResourceType, query: string): Promise<readonly string[]> | readonly string[];
}

/** The conditions of one bundle: each question is asked once, and what the bundle deletes is gone before they are asked. */
export class Conditions {
  readonly #lookup: ConditionLookup;
  readonly #answers = new Map<string, readonly string[]>();
  readonly #deleted = new Set<string>();

  constructor(lookup: ConditionLookup) {
    this.#lookup = lookup;
  }

  /** R4 §3.1.0.11.2: deletions come first. */
  markDeleted(type: ResourceType, id: string): void {
    this.#deleted.add(`${type}/${id}`);
  }

  /**
   * The ids that a search finds, at most two.
   *
   * @throws FhirError `condition-unsupported`
   */
  async find(type: ResourceType, query: string, place: string): Promise<readonly string[]> {
    const identifier = findIdentifierQuery(query, place);
    if (identifier !== undefined) return this.findByIdentifier(type, identifier);
    const search = this.#lookup.findBySearch?.bind(this.#lookup);
    if (search === undefined) {
      throw new FhirError('condition-unsupported', 'a condition is one search by identifier', place);
    }
    return this.#remembered(type, JSON.stringify([type, 'search', query]), () => search(type, query));
  }

  findByIdentifier(type: ResourceType, query: IdentifierQuery): Promise<readonly string[]> {
    const { system, value } = query;
    const key = JSON.stringify([type, system === undefined ? 0 : system, value]);
    return this.#remembered(type, key, () => this.#lookup.findByIdentifier(type, query));
  }

  /**
   * What a conditional reference names: `Type/id`, of the bundle or of the repository.
   *
   * @throws FhirError `condition-unsupported`, `no-match`, `multiple-matches`
   */
  async resolve(reference: string, place: string, own: IdentifierIndex): Promise<string> {
    const parsed = parseReference(reference);
    if (parsed.kind !== 'conditional') throw new TypeError('only conditional references are collected');
    const identifier = findIdentifierQuery(parsed.query, place);
    const ownIds = identifier === undefined ? [] : own.find(parsed.type, identifier);
    const matches = new Set([...ownIds, ...(await this.find(parsed.type, parsed.query, place))]);
    const [id] = matches;
    if (id === undefined) throw new FhirError('no-match', 'a conditional reference matches nothing', place);
    if (matches.size > 1) {
      throw new FhirError('multiple-matches', 'a conditional reference matches more than one resource', place);
    }
    return `${parsed.type}/${id}`;
  }

  async #remembered(
    type: ResourceType,
    key: string,
    ask: () => Promise<readonly string[]> | readonly string[],
  ): Promise<readonly string[]> {
    const known = this.#answers.get(key) ?? (await ask());
    this.#answers.set(key, known);
    return this.#deleted.size === 0 ? known : known.filter((id) => !this.#deleted.has(`${type}/${id}`));
  }
}
