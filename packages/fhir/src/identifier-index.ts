import type { IdentifierQuery } from './identifier-query.ts';
import type { ResourceType } from './resource-table.ts';
import { type FhirTree, isTree, listOf } from './tree.ts';

/** The entries of one bundle by identifier. */
export class IdentifierIndex {
  readonly #ids = new Map<string, Set<string>>();

  add(type: ResourceType, resource: FhirTree, id: string): void {
    for (const identifier of listOf(resource.identifier)) {
      if (!isTree(identifier) || typeof identifier.value !== 'string') continue;
      const system = typeof identifier.system === 'string' ? identifier.system : null;
      this.#put(keyOf(type, system, identifier.value), id);
      this.#put(keyOf(type, undefined, identifier.value), id);
    }
  }

  find(type: ResourceType, query: IdentifierQuery): ReadonlySet<string> {
    return this.#ids.get(keyOf(type, query.system, query.value)) ?? new Set();
  }

  #put(key: string, id: string): void {
    const ids = this.#ids.get(key);
    if (ids === undefined) this.#ids.set(key, new Set([id]));
    else ids.add(id);
  }
}

function keyOf(type: ResourceType, system: string | null | undefined, value: string): string {
  return JSON.stringify([type, system === undefined ? 0 : system, value]);
}
