import { createHash } from 'node:crypto';
import { type Bytes, CryptoError, utf8 } from '@salus/crypto';
import {
  type ClassifiedEntry,
  categoryOf,
  classifyBundle,
  FhirError,
  type Owner as FhirOwner,
  type FhirTree,
  type FhirValue,
  hasErrors,
  type IdentifierQuery,
  type IndexTerm,
  type Issue,
  identifiersOf,
  indexTermsOf,
  issueOf,
  isTree,
  pairIndex,
  parseFhirJson,
  parseIdentifierQuery,
  parseReference,
  postEntries,
  type ResolvedEntry,
  type ResourceType,
  resolveBundle,
  rewriteLinks,
  stringifyFhirJson,
  validateTransaction,
  withVersion,
} from '@salus/fhir';
import { extractAttachments, mayHoldAttachments } from './attachment-reference.ts';
import { Attachments } from './attachments.ts';
import { type CareFact, careFactsOf } from './care-facts.ts';
import { dataTimeOf } from './data-time.ts';
import { itemsOf } from './fhir-values.ts';
import { RecordsError } from './records-error.ts';
import type { Identifier, WrittenAttachment } from './write-order.ts';

/** First version of every resource. */
export const FIRST_VERSION = 1;

/** What preparing a bundle asks of the store: `begin` once, and whatever identifiers decide only after its answer. */
export interface BundleQuestions {
  /** The bundle's digest and all identifiers that decide whether a resource is new: they are locked until it is written. */
  begin(facts: { readonly digest: string; readonly identifiers: readonly TypedIdentifier[] }): Promise<void>;
  findByIdentifier(type: ResourceType, query: IdentifierQuery): Promise<readonly string[]>;
  /** Owners of resources that are here already, by `Type/id`; unknown ones are left out. */
  findOwners(references: readonly string[]): Promise<ReadonlyMap<string, FhirOwner>>;
}

export interface TypedIdentifier {
  readonly type: ResourceType;
  readonly query: IdentifierQuery;
}

export interface BundleInput {
  readonly bytes: Uint8Array;
  readonly nowMs: number;
  /** Recognise directory resources by identifier instead of doubling them. */
  readonly matchDirectory: boolean;
  readonly baseUrl: string | null;
  /** Where large content goes. */
  readonly attachmentsDirectory: string;
  /** `bytes` is one resource, a new version of this one; null: a bundle of new resources. */
  readonly correction: { readonly type: string; readonly id: string; readonly version: number } | null;
}

/** A resource that is to be written. Holds no tree: it travels between threads. */
export interface PreparedCreate {
  readonly kind: 'create';
  readonly type: ResourceType;
  readonly id: string;
  /** The record's text, UTF-8. */
  readonly plaintext: Bytes;
  readonly pair: number;
  /** `Patient/<id>`, or null for a resource of the organisation. */
  readonly subject: string | null;
  readonly dataFromMs: number | null;
  readonly dataToMs: number | null;
  readonly references: readonly string[];
  readonly identifiers: readonly Identifier[];
  readonly relationships: readonly CareFact[];
  readonly attachments: readonly WrittenAttachment[];
  /** Under which a search finds it. */
  readonly terms: readonly IndexTerm[];
}

export interface PreparedMatch {
  readonly kind: 'matched';
  readonly type: ResourceType;
  readonly id: string;
}

export type PreparedEntry = PreparedCreate | PreparedMatch;

/** `entries`: one for each entry of the bundle, in its order. */
export type PreparedBundle =
  | { readonly kind: 'prepared'; readonly entries: readonly PreparedEntry[] }
  | { readonly kind: 'refused'; readonly code: string; readonly issues: readonly Issue[] };

/**
 * Parses, validates, resolves, classifies and writes out a transaction bundle: everything about FHIR that a write needs,
 * so that it can run beside the main thread. Throws what the questions throw.
 */
export async function prepareBundle(input: BundleInput, questions: BundleQuestions): Promise<PreparedBundle> {
  const attachments = new Attachments(input.attachmentsDirectory);
  try {
    const bundle = bundleOf(parseFhirJson(input.bytes), input);
    const issues = validateTransaction(bundle);
    if (hasErrors(issues)) return { kind: 'refused', code: 'structure-invalid', issues };
    const identifiers = decidingIdentifiers(bundle, input);
    const begun = questions.begin({ digest: digestOf(bundle), identifiers });
    // Where identifiers decide, they are locked before they are looked up; else the questions travel together.
    if (identifiers.length > 0) await begun;
    const [start, prepared] = await Promise.allSettled([begun, prepareEntries(bundle, input, questions, attachments)]);
    if (prepared.status === 'rejected') throw start.status === 'rejected' ? start.reason : prepared.reason;
    if (start.status === 'rejected') {
      await removeAttachments(attachments, prepared.value);
      throw start.reason;
    }
    return { kind: 'prepared', entries: prepared.value };
  } catch (error) {
    if (error instanceof FhirError) return { kind: 'refused', code: error.code, issues: [issueOf(error)] };
    if (!(error instanceof RecordsError || error instanceof CryptoError)) throw error;
    // An attachment that cannot be taken: too large, or data that is none.
    const issue: Issue = { severity: 'error', code: 'invalid', text: error.message };
    return { kind: 'refused', code: error.code, issues: [issue] };
  }
}

async function removeAttachments(attachments: Attachments, entries: readonly PreparedEntry[]): Promise<void> {
  for (const entry of entries) {
    if (entry.kind !== 'create') continue;
    for (const { attachmentId } of entry.attachments) await attachments.remove(attachmentId);
  }
}

async function prepareEntries(
  bundle: FhirTree,
  input: BundleInput,
  questions: BundleQuestions,
  attachments: Attachments,
): Promise<readonly PreparedEntry[]> {
  const resolved = await resolveBundle(bundle, {
    newId: () => input.correction?.id ?? crypto.randomUUID(),
    lookup: questions,
    matchDirectoryByIdentifier: input.matchDirectory,
    ...(input.baseUrl === null ? {} : { baseUrl: input.baseUrl }),
  });
  const owners = await questions.findOwners(outsideReferences(resolved.entries));
  const classified = classifyBundle(resolved, (reference) => owners.get(withoutVersion(reference)));
  const byIndex = new Map(classified.map((entry) => [entry.index, entry]));
  const written: WrittenAttachment[] = [];
  try {
    const prepared: PreparedEntry[] = [];
    for (const entry of resolved.entries) {
      const create = byIndex.get(entry.index);
      if (create === undefined) prepared.push({ kind: 'matched', type: entry.type, id: entry.id });
      else prepared.push(await prepareCreate(create, input, attachments, written));
    }
    return prepared;
  } catch (error) {
    for (const { attachmentId } of written) await attachments.remove(attachmentId);
    throw error;
  }
}

async function prepareCreate(
  entry: ClassifiedEntry,
  { nowMs, correction }: BundleInput,
  attachments: Attachments,
  written: WrittenAttachment[],
): Promise<PreparedCreate> {
  const { type, id, classification } = entry;
  const versionId = String(correction?.version ?? FIRST_VERSION);
  const stored = withVersion(entry.resource, { versionId, lastUpdatedMs: nowMs });
  const whole = stringifyFhirJson(stored);
  const extracted = mayHoldAttachments(whole)
    ? await extractAttachments(attachments, stored)
    : { tree: stored, written: [] };
  written.push(...extracted.written);
  const { fromMs, toMs } = dataTimeOf(stored);
  return {
    kind: 'create',
    type,
    id,
    // A buffer of its own, so that it moves between threads without a copy.
    plaintext: utf8(extracted.tree === stored ? whole : stringifyFhirJson(extracted.tree)),
    pair: pairIndex(classification.category, classification.labelClass),
    subject: classification.ownerKind === 'organisation' ? null : (classification.subject ?? `Patient/${id}`),
    dataFromMs: fromMs,
    dataToMs: toMs,
    references: localReferences(stored),
    identifiers: storedIdentifiers(stored),
    relationships: careFactsOf(stored),
    attachments: extracted.written,
    terms: indexTermsOf(stored),
  };
}

/** A corrected resource goes the way of a bundle with one entry. */
function bundleOf(tree: FhirTree, { correction }: BundleInput): FhirTree {
  if (correction === null) return tree;
  if (tree.resourceType !== correction.type || tree.id !== correction.id) {
    throw new FhirError('id-invalid', 'a new version has the type and id of the one that it replaces');
  }
  const request = { method: 'POST', url: correction.type };
  return { resourceType: 'Bundle', type: 'transaction', entry: [{ request, resource: tree }] };
}

/** Identifiers on which it depends whether an entry is created or matched; a superset does no harm. */
function decidingIdentifiers(bundle: FhirTree, { matchDirectory }: BundleInput): readonly TypedIdentifier[] {
  return postEntries(bundle).flatMap(({ type, resource, ifNoneExist, index }): TypedIdentifier[] => {
    if (ifNoneExist !== undefined) {
      return [{ type, query: parseIdentifierQuery(ifNoneExist, `Bundle.entry[${index}].request.ifNoneExist`) }];
    }
    if (!matchDirectory || categoryOf(resource) !== 'directory') return [];
    return identifiersOf(resource).map((query) => ({ type, query }));
  });
}

/** Local references to resources that the bundle does not create. */
function outsideReferences(entries: readonly ResolvedEntry[]): readonly string[] {
  const created = new Set<string>();
  const named = new Set<string>();
  for (const entry of entries) {
    if (entry.kind !== 'create') continue;
    created.add(`${entry.type}/${entry.id}`);
    for (const reference of localReferences(entry.resource)) named.add(reference);
  }
  return [...named].filter((reference) => !created.has(reference));
}

/** `Type/id` of everything that a resource references here, each once. */
function localReferences(tree: FhirTree): readonly string[] {
  const references = new Set<string>();
  rewriteLinks(tree, (link, kind) => {
    if (kind === 'reference' && parseReference(link).kind === 'local') references.add(withoutVersion(link));
    return undefined;
  });
  return [...references];
}

function withoutVersion(reference: string): string {
  const parsed = parseReference(reference);
  return parsed.kind === 'local' ? `${parsed.type}/${parsed.id}` : reference;
}

function storedIdentifiers(tree: FhirTree): readonly Identifier[] {
  return itemsOf(tree.identifier).flatMap((identifier) => {
    if (!isTree(identifier) || typeof identifier.value !== 'string') return [];
    return [{ system: typeof identifier.system === 'string' ? identifier.system : null, value: identifier.value }];
  });
}

/** SHA-256 over a form of the bundle that does not depend on white space and the order of keys. Never leaves the process. */
function digestOf(tree: FhirTree): string {
  return createHash('sha256').update(sortedText(tree)).digest('base64url');
}

function sortedText(value: FhirValue | undefined): string {
  if (value === undefined) return 'null';
  if (Array.isArray(value)) return `[${value.map(sortedText).join(',')}]`;
  if (!isTree(value)) return JSON.stringify(value);
  const members = Object.keys(value)
    .sort()
    .map((name) => `${JSON.stringify(name)}:${sortedText(value[name])}`);
  return `{${members.join(',')}}`;
}
