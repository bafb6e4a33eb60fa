import {
  type FhirTree,
  isResourceType,
  labelClassOf,
  ownerRuleOf,
  PAIRS,
  parseFhirJson,
  stringifyFhirJson,
} from '@salus/fhir';
import { BoundedCache } from '../bounded-cache.ts';
import { REFERENCES_MAX } from '../exchange/exchange-peer.ts';
import type { ExchangeReader } from '../exchange/reader.ts';
import type { ReadRecord } from '../exchange/reading.ts';
import { textOf } from '../fhir-values.ts';
import { RecordsError } from '../records-error.ts';
import type { Owner } from '../vault-types.ts';
import type { ForeignFacts, ForeignIds, ForeignName } from './foreign-ids.ts';
import { asForeign, asSearchedHere, displayedTargets, subjectOf } from './foreign-text.ts';

/** Resources of an author's directory that one answer asks for; others' names are left out. */
const DIRECTORY_MAX = 200;
/** Sessions whose directory is remembered. */
const SESSIONS_MAX = 1_000;
/** Of one session; then they are asked for anew. */
const SESSION_LABELS_MAX = 5_000;
const NORMAL = 'N';

/** A resource of another organisation as it is shown in this one's base. */
export interface ForeignResource {
  readonly type: string;
  /** Local id; of a resource of the author's directory, which has none, the author's. */
  readonly id: string;
  /** The author's URL of it, without a version: what others refer to. */
  readonly url: string;
  readonly source: Omit<ForeignSource, 'pairOf'>;
  /** Of the author's directory: it has no local id, and is read through what names it. */
  readonly isDirectory: boolean;
  readonly recordId: string;
  readonly version: number;
  readonly owner: Owner;
  readonly versionId: string;
  readonly lastUpdatedMs: number;
  readonly tree: FhirTree;
  /** `tree` as JSON, number literals as written; null where its attachments are too large to stand in a text. */
  readonly text: string | null;
  /** What a search of this base compares; `tree` where nobody here is known to be its patient. */
  readonly searched: FhirTree;
}

/** Where records were read, and by what. */
export interface ForeignSource {
  readonly author: string;
  readonly pid: string;
  /** Of the reading session; null: copies that were kept. */
  readonly session: string | null;
  /** FHIR id of the same person here, where that was asked for. */
  readonly patient: string | null;
  /** Index in `PAIRS` of a record that the session may read. */
  pairOf(recordId: string): number | undefined;
}

interface Parts {
  readonly reader: Pick<ExchangeReader, 'isCurrent' | 'readReferences'>;
  readonly ids: ForeignIds;
  /** Base of another organisation's FHIR API, without a slash at the end. */
  baseUrlOf(organisation: string): string;
}

interface Parsed {
  readonly record: ReadRecord;
  readonly tree: FhirTree;
  readonly name: ForeignName;
}

/** Makes what was read elsewhere fit to be shown here. */
export class ForeignResources {
  readonly #parts: Parts;
  /** Label classes of directory resources, by session and `Type/id`. */
  readonly #directory = new BoundedCache<Map<string, string>>(SESSIONS_MAX);

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** In the order given. */
  async of(source: ForeignSource, records: readonly ReadRecord[]): Promise<readonly ForeignResource[]> {
    const parsed = records.map((record) => parse(source, record));
    const facts = await this.#parts.ids.name(parsed.map(({ name }) => name));
    const nameable = await this.#nameable(source, parsed);
    const base = this.#parts.baseUrlOf(source.author);
    return parsed.map((each, at) => shown(source, each, { facts: facts[at]!, base, nameable }));
  }

  /**
   * Resources of the author's directory that a record of the session names, `Type/id`; none that is labelled: who may not learn a
   * target's name does not get the target either.
   */
  async directory(
    source: ForeignResource['source'],
    recordId: string,
    targets: readonly string[],
  ): Promise<readonly ForeignResource[]> {
    const { session, author } = source;
    if (session === null) return [];
    const base = this.#parts.baseUrlOf(author);
    const found: ForeignResource[] = [];
    for (let at = 0; at < targets.length; at += REFERENCES_MAX) {
      const some = targets.slice(at, at + REFERENCES_MAX);
      for (const record of (await this.#parts.reader.readReferences(session, recordId, some)).values()) {
        if (record === null) continue;
        const tree = parseFhirJson(record.text);
        if (labelClassOf(tree) === NORMAL) found.push(directoryEntry(source, base, record));
      }
    }
    return found;
  }

  /** Targets, `Type/id` at the author's, that are known to be normal. */
  async #nameable(source: ForeignSource, parsed: readonly Parsed[]): Promise<ReadonlySet<string>> {
    const byTarget = new Map<string, Parsed>();
    for (const each of parsed) {
      for (const target of displayedTargets(each.tree)) if (!byTarget.has(target)) byTarget.set(target, each);
    }
    const isDirectory = (target: string): boolean => {
      const type = target.slice(0, target.indexOf('/'));
      return isResourceType(type) && ownerRuleOf(type) === 'organisation';
    };
    const targets = [...byTarget.keys()];
    const nameable = new Set<string>();
    const ofPatient = targets.filter((target) => !isDirectory(target));
    for (const [target, facts] of await this.#parts.ids.findNamed(source.author, ofPatient)) {
      const isNormal = facts.pid === source.pid && labelOf(source, facts) === NORMAL;
      if (isNormal && (await this.#isCurrent(source, facts))) nameable.add(target);
    }
    if (source.session === null) return nameable;
    const asked = new Map([...byTarget].filter(([target]) => isDirectory(target)));
    const labels = await this.#directoryLabels(source.session, asked);
    for (const target of asked.keys()) if (labels.get(target) === NORMAL) nameable.add(target);
    return nameable;
  }

  /** A label may have been raised since the session's list was made: by a next version. */
  async #isCurrent({ session }: ForeignSource, { recordId }: ForeignFacts): Promise<boolean> {
    return session === null || this.#parts.reader.isCurrent(session, recordId);
  }

  /** Each is fetched once in a session, through a record that names it; the author's node logs it like any read. */
  async #directoryLabels(session: string, asked: ReadonlyMap<string, Parsed>): Promise<ReadonlyMap<string, string>> {
    const known = this.#directory.find(session);
    const labels = known === undefined || known.size > SESSION_LABELS_MAX ? new Map<string, string>() : known;
    this.#directory.put(session, labels);
    const missing = [...asked].filter(([target]) => !labels.has(target)).slice(0, DIRECTORY_MAX);
    for (const [recordId, named] of Map.groupBy(missing, ([, { record }]) => record.recordId)) {
      for (let at = 0; at < named.length; at += REFERENCES_MAX) {
        const targets = named.slice(at, at + REFERENCES_MAX).map(([target]) => target);
        for (const [target, found] of await this.#parts.reader.readReferences(session, recordId, targets)) {
          labels.set(target, found === null ? '' : labelClassOf(parseFhirJson(found.text)));
        }
      }
    }
    return labels;
  }
}

function parse(source: ForeignSource, record: ReadRecord): Parsed {
  const tree = parseFhirJson(record.text);
  const { resourceType, id } = tree;
  if (typeof resourceType !== 'string' || typeof id !== 'string') {
    throw new RecordsError('content-mismatch', "another organisation's record names no type and id");
  }
  const { author, pid } = source;
  const { recordId } = record;
  const pair = source.pairOf(recordId);
  const listed = (pair === undefined ? undefined : PAIRS[pair]?.labelClass) ?? null;
  const said = labelClassOf(tree);
  const labelClass = said === NORMAL ? listed : said;
  return {
    record,
    tree,
    name: { author, pid, recordId, type: resourceType, id, subject: subjectOf(tree), labelClass },
  };
}

/** A session knows the label as it is now; what it does not list was not granted in it. The text may say more. */
function labelOf(source: ForeignSource, { recordId, labelClass }: ForeignFacts): string | undefined {
  if (source.session === null || labelClass !== NORMAL) return labelClass ?? undefined;
  const pair = source.pairOf(recordId);
  return pair === undefined ? undefined : PAIRS[pair]?.labelClass;
}

function shown(
  source: ForeignSource,
  { record, tree, name }: Parsed,
  {
    facts,
    base,
    nameable,
  }: { readonly facts: ForeignFacts; readonly base: string; readonly nameable: ReadonlySet<string> },
): ForeignResource {
  const { localId } = facts;
  const { author, pid, session, patient } = source;
  const place = {
    base,
    localId,
    version: record.version,
    id: name.id,
    mayName: (target: string) => nameable.has(target),
  };
  const here = asForeign(tree, place);
  return {
    ...factsOf(record, here),
    ...{
      type: name.type,
      id: localId,
      url: `${base}/${name.type}/${name.id}`,
      owner: `pid:${pid}`,
      isDirectory: false,
    },
    source: { author, pid, session, patient },
    searched: patient === null ? here : asSearchedHere(tree, { base, localId, subject: name.subject, patient }),
  };
}

function directoryEntry(source: ForeignResource['source'], base: string, record: ReadRecord): ForeignResource {
  const tree = parseFhirJson(record.text);
  const [type, id] = [textOf(tree.resourceType), textOf(tree.id)];
  // What it names in turn nobody has looked at.
  const here = asForeign(tree, { base, localId: id, id, version: record.version, mayName: () => false });
  const owner = `org:${source.author}` as const;
  const url = `${base}/${type}/${id}`;
  return { ...factsOf(record, here), ...{ type, id, url, owner, source, isDirectory: true, searched: here } };
}

function factsOf({ recordId, version, attachments }: ReadRecord, here: FhirTree) {
  const lastUpdatedMs = Date.parse(textOf((here.meta as FhirTree).lastUpdated));
  return {
    ...{ recordId, version, versionId: String(version), tree: here },
    lastUpdatedMs: Number.isNaN(lastUpdatedMs) ? 0 : lastUpdatedMs,
    text: attachments.length > 0 ? null : stringifyFhirJson(here),
  };
}
