import { randomUUID } from 'node:crypto';
import { type CurrentResource, type ResourceName, resolveBundle, type WrittenEntry } from './bundle.ts';
import { classifyBundle } from './bundle-owners.ts';
import type { EntryOutcome } from './bundle-response.ts';
import { repositoryConformance } from './conformance.ts';
import { issueOf } from './error-outcome.ts';
import { FhirError } from './fhir-error.ts';
import { hasIdentifier, type IdentifierQuery } from './identifier-query.ts';
import { hasErrors } from './issue.ts';
import { JSON_PATCH_TYPE } from './json-patch.ts';
import { parseFhirJson } from './parse-json.ts';
import type {
  ChangeOptions,
  HistoryEntry,
  HistoryResult,
  HistoryScope,
  ReadResult,
  Repository,
  ResourceBody,
  TransactionOptions,
  TransactionResult,
  WriteResult,
  WriteTarget,
} from './repository.ts';
import { withVersion } from './resource.ts';
import type { ResourceType } from './resource-table.ts';
import { type FhirTree, stringifyFhirJson } from './tree.ts';
import { demandValidPatches, validateTransaction } from './validate-transaction.ts';
import { parseFhirXml } from './xml/parse-xml.ts';

/** The smallest repository there is, to see that the suite asks only what the port promises. */
class MemoryRepository implements Repository<'anyone'> {
  /** Every version ever written, by `Type/id`; deleted ones have a last entry without a resource. */
  readonly #versions = new Map<string, (FhirTree | undefined)[]>();
  readonly #happened: HistoryEntry[] = [];
  readonly #ms = 1_700_000_000_000;

  async transaction(
    _: 'anyone',
    input: Uint8Array | string,
    options: TransactionOptions = {},
  ): Promise<TransactionResult> {
    try {
      const bundle = parseFhirJson(input);
      const issues = validateTransaction(bundle);
      if (hasErrors(issues)) return { kind: 'refused', code: 'structure-invalid', issues };
      const lookup = {
        findByIdentifier: (type: ResourceType, query: IdentifierQuery) => this.#findByIdentifier(type, query),
        findTargets: (targets: readonly ResourceName[]) => targets.map((target) => this.#current(target)),
      };
      const resolved = await resolveBundle(bundle, { newId: randomUUID, lookup, ...options });
      demandValidPatches(bundle, resolved);
      const written = classifyBundle(resolved);
      const patients = new Set([...this.#versions.keys(), ...written.map(nameOf)]);
      for (const { classification } of written) {
        const { subject } = classification;
        if (subject !== undefined && !patients.has(subject))
          throw new FhirError('owner-unknown', 'the patient is unknown');
      }
      const reads: { readonly index: number; readonly url: string }[] = [];
      const outcomes: EntryOutcome[] = [];
      for (const entry of resolved.entries) {
        if (entry.kind === 'read') reads.push({ index: entry.index, url: entry.url });
        else if (entry.kind === 'delete') outcomes.push(this.#delete(entry.type, entry.id));
        else if (entry.kind === 'matched') outcomes.push(this.#outcome('matched', entry));
        else outcomes.push(this.#write(entry));
      }
      return { kind: 'committed', outcomes, reads };
    } catch (error) {
      if (!(error instanceof FhirError)) throw error;
      return { kind: 'refused', code: error.code, issues: [issueOf(error)] };
    }
  }

  create(_: 'anyone', type: ResourceType, body: ResourceBody, options = {}): Promise<WriteResult> {
    return this.#single({ method: 'POST', url: type, ...options }, body);
  }

  update(_: 'anyone', target: WriteTarget, body: ResourceBody, options: ChangeOptions = {}): Promise<WriteResult> {
    return this.#single({ method: 'PUT', url: urlOf(target), ...conditionOf(options) }, body);
  }

  patch(_: 'anyone', target: WriteTarget, body: ResourceBody, options: ChangeOptions = {}): Promise<WriteResult> {
    const data = Buffer.from(body.bytes).toString('base64');
    const bytes = JSON.stringify({ resourceType: 'Binary', contentType: JSON_PATCH_TYPE, data });
    return this.#single({ method: 'PATCH', url: urlOf(target), ...conditionOf(options) }, { bytes, format: 'json' });
  }

  remove(_: 'anyone', target: WriteTarget, options: ChangeOptions = {}): Promise<WriteResult> {
    return this.#single({ method: 'DELETE', url: urlOf(target), ...conditionOf(options) }, undefined);
  }

  async read(_: 'anyone', type: ResourceType, id: string): Promise<ReadResult> {
    const versions = this.#versions.get(`${type}/${id}`);
    if (versions === undefined) return { kind: 'not-found' };
    if (versions.at(-1) === undefined) return { kind: 'gone' };
    return this.vread(_, type, id, String(versions.length));
  }

  async vread(_: 'anyone', type: ResourceType, id: string, versionId: string): Promise<ReadResult> {
    const number = /^[1-9][0-9]*$/.test(versionId) ? Number(versionId) : 0;
    const tree = this.#versions.get(`${type}/${id}`)?.[number - 1];
    if (tree === undefined) return { kind: 'not-found' };
    return { kind: 'found', text: stringifyFhirJson(tree), versionId, lastUpdatedMs: this.#ms };
  }

  async history(_: 'anyone', { type, id }: HistoryScope, query: Parameters<Repository<'anyone'>['history']>[2]) {
    const all = this.#happened.filter(
      (entry) => (type === undefined || entry.type === type) && (id === undefined || entry.id === id),
    );
    if (id !== undefined && all.length === 0) return { kind: 'not-found' } satisfies HistoryResult;
    const start = Number(query.cursor ?? '0');
    const newest = all.toReversed().filter(({ atMs }) => query.sinceMs === undefined || atMs >= query.sinceMs);
    const next = start + query.count < newest.length ? String(start + query.count) : undefined;
    return { kind: 'found', entries: newest.slice(start, start + query.count), next } satisfies HistoryResult;
  }

  async #single(request: FhirTree, body: ResourceBody | undefined): Promise<WriteResult> {
    const parse = body?.format === 'xml' ? parseFhirXml : parseFhirJson;
    const resource = body === undefined ? {} : { resource: parse(body.bytes) };
    const bundle = { resourceType: 'Bundle', type: 'transaction', entry: [{ request, ...resource }] };
    const result = await this.transaction('anyone', stringifyFhirJson(bundle));
    if (result.kind === 'refused') return result;
    return { kind: 'committed', outcome: result.outcomes[0]! };
  }

  #findByIdentifier(type: ResourceType, query: IdentifierQuery): readonly string[] {
    return [...this.#versions.values()].flatMap((versions) => {
      const tree = versions.at(-1);
      return tree?.resourceType === type && hasIdentifier(tree, query) ? [String(tree.id)] : [];
    });
  }

  #current({ type, id }: ResourceName): CurrentResource | undefined {
    const versions = this.#versions.get(`${type}/${id}`);
    if (versions === undefined) return undefined;
    const tree = versions.at(-1);
    const versionId = String(versions.length);
    return tree === undefined
      ? { kind: 'gone', versionId }
      : { kind: 'current', versionId, text: stringifyFhirJson(tree) };
  }

  #write(entry: WrittenEntry): EntryOutcome {
    const versions = this.#versions.get(nameOf(entry)) ?? [];
    const versionId = String(versions.length + 1);
    const tree = withVersion(entry.resource, { versionId, lastUpdatedMs: this.#ms });
    this.#versions.set(nameOf(entry), [...versions, tree]);
    const { type, id, kind } = entry;
    this.#happened.push({ kind, type, id, versionId, atMs: this.#ms, text: stringifyFhirJson(tree) });
    return this.#outcome(kind === 'create' ? 'created' : 'updated', entry);
  }

  #delete(type: ResourceType, id: string | undefined): EntryOutcome {
    if (id === undefined) return { kind: 'deleted', type, id: '', versionId: '0', lastUpdatedMs: this.#ms };
    const name = { type, id };
    const versions = this.#versions.get(nameOf(name)) ?? [];
    this.#happened.push({ kind: 'delete', type, id, versionId: String(versions.length), atMs: this.#ms });
    const outcome = this.#outcome('deleted', name);
    this.#versions.set(nameOf(name), [...versions, undefined]);
    return outcome;
  }

  #outcome(kind: EntryOutcome['kind'], { type, id }: ResourceName): EntryOutcome {
    const versionId = String(this.#versions.get(`${type}/${id}`)?.length ?? 1);
    return { kind, type, id, versionId, lastUpdatedMs: this.#ms };
  }
}

function nameOf({ type, id }: ResourceName): string {
  return `${type}/${id}`;
}

function urlOf(target: WriteTarget): string {
  return 'query' in target ? `${target.type}?${target.query}` : nameOf(target);
}

function conditionOf({ ifMatch }: ChangeOptions): FhirTree {
  return ifMatch === undefined ? {} : { ifMatch: `W/"${ifMatch}"` };
}

repositoryConformance('memory', async () => ({
  repository: new MemoryRepository(),
  writer: 'anyone' as const,
  reader: 'anyone' as const,
  close: async () => {},
}));
