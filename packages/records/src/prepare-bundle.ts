import { CryptoError, utf8 } from '@salus/crypto';
import {
  type ClassifiedEntry,
  categoryOf,
  classifyBundle,
  demandValidPatches,
  FhirError,
  type FhirTree,
  findIdentifierQuery,
  hasErrors,
  type Issue,
  identifiersOf,
  indexTermsOf,
  issueOf,
  isTree,
  JSON_PATCH_TYPE,
  ownersSought,
  pairIndex,
  parseFhirJson,
  parseFhirXml,
  parseReference,
  type RequestEntry,
  type ResolvedEntry,
  type ResourceType,
  requestEntries,
  resolveBundle,
  stringifyFhirJson,
  validateTransaction,
  withVersion,
} from '@salus/fhir';
import { extractAttachments, mayHoldAttachments } from './attachment-reference.ts';
import { Attachments } from './attachments.ts';
import { bundleDigest } from './bundle-digest.ts';
import { careFactsOf } from './care-facts.ts';
import { dataTimeOf } from './data-time.ts';
import { itemsOf } from './fhir-values.ts';
import {
  type BundleInput,
  type BundleQuestions,
  FIRST_VERSION,
  isWritten,
  type PreparedBundle,
  type PreparedCreate,
  type PreparedEntry,
  type TypedCondition,
} from './prepared-bundle.ts';
import { RecordsError } from './records-error.ts';
import type { Identifier, WrittenAttachment } from './write-order.ts';

/**
 * Parses, validates, resolves, classifies and writes out a transaction bundle: everything about FHIR that a write needs,
 * so that it can run beside the main thread. Throws what the questions throw.
 */
export async function prepareBundle(input: BundleInput, questions: BundleQuestions): Promise<PreparedBundle> {
  const attachments = new Attachments(input.attachmentPlace);
  try {
    const bundle = bundleOf(input);
    const issues = validateTransaction(bundle);
    if (hasErrors(issues)) return refused('structure-invalid', issues, input);
    const entries = requestEntries(bundle);
    refuseProjections(entries);
    const conditions = decidingConditions(entries, input);
    const digest = input.single === null ? bundleDigest(bundle) : null;
    const isBegun = conditions.length > 0 || (digest !== null && entries.some(isChange));
    const begun = isBegun ? questions.begin({ digest, conditions }) : undefined;
    // What decides is locked before it is looked up; else the questions travel together.
    if (conditions.length > 0) await begun;
    const [start, prepared] = await Promise.allSettled([begun, prepareEntries(bundle, input, questions, attachments)]);
    if (prepared.status === 'rejected') throw start.status === 'rejected' ? start.reason : prepared.reason;
    if (start.status === 'rejected') {
      await removeAttachments(attachments, prepared.value);
      throw start.reason;
    }
    return { kind: 'prepared', entries: prepared.value, digest: isBegun ? null : digest };
  } catch (error) {
    if (error instanceof FhirError) return refused(error.code, [issueOf(error)], input);
    if (!(error instanceof RecordsError || error instanceof CryptoError)) throw error;
    // An attachment that cannot be taken: too large, or data that is none.
    return refused(error.code, [{ severity: 'error', code: 'invalid', text: error.message }], input);
  }
}

/** Places in the bundle that a single request travels in are told as places in its resource. */
function refused(code: string, issues: readonly Issue[], { single }: BundleInput): PreparedBundle {
  if (single === null) return { kind: 'refused', code, issues };
  const [type = ''] = single.url.split(/[/?]/);
  const told = issues.map(({ expression, ...issue }): Issue => {
    const inside = expression?.startsWith(SINGLE_RESOURCE) === true;
    if (inside) return { ...issue, expression: `${type}${expression.slice(SINGLE_RESOURCE.length)}` };
    return expression === undefined || expression.startsWith('Bundle') ? issue : { ...issue, expression };
  });
  return { kind: 'refused', code, issues: told };
}

const SINGLE_RESOURCE = 'Bundle.entry[0].resource';

async function removeAttachments(attachments: Attachments, entries: readonly PreparedEntry[]): Promise<void> {
  for (const entry of entries) {
    if (!isWritten(entry)) continue;
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
    newId: () => crypto.randomUUID(),
    lookup: questions,
    matchDirectoryByIdentifier: input.matchDirectory,
    ...(input.baseUrl === null ? {} : { baseUrl: input.baseUrl }),
  });
  const owners = await questions.findOwners(ownersSought(resolved));
  const classified = classifyBundle(resolved, (reference) => owners.get(withoutVersion(reference)));
  demandValidPatches(bundle, resolved);
  const byIndex = new Map(classified.map((entry) => [entry.index, entry]));
  const written: WrittenAttachment[] = [];
  try {
    const prepared: PreparedEntry[] = [];
    for (const entry of resolved.entries) {
      const change = byIndex.get(entry.index);
      if (change === undefined) prepared.push(unwritten(entry));
      else prepared.push(await prepareCreate(change, input, attachments, written));
    }
    return prepared;
  } catch (error) {
    for (const { attachmentId } of written) await attachments.remove(attachmentId);
    throw error;
  }
}

async function prepareCreate(
  entry: ClassifiedEntry,
  { nowMs }: BundleInput,
  attachments: Attachments,
  written: WrittenAttachment[],
): Promise<PreparedCreate> {
  const { type, id, classification } = entry;
  const versionId = String(entry.kind === 'update' ? Number(entry.replaces) + 1 : FIRST_VERSION);
  const stored = withVersion(entry.resource, { versionId, lastUpdatedMs: nowMs });
  const whole = stringifyFhirJson(stored);
  const extracted = mayHoldAttachments(whole)
    ? await extractAttachments(attachments, stored)
    : { tree: stored, written: [] };
  written.push(...extracted.written);
  const { fromMs, toMs } = dataTimeOf(stored);
  return {
    kind: entry.kind,
    type,
    id,
    // A buffer of its own, so that it moves between threads without a copy.
    plaintext: utf8(extracted.tree === stored ? whole : stringifyFhirJson(extracted.tree)),
    pair: pairIndex(classification.category, classification.labelClass),
    subject: classification.ownerKind === 'organisation' ? null : (classification.subject ?? `Patient/${id}`),
    dataFromMs: fromMs,
    dataToMs: toMs,
    references: entry.references,
    identifiers: storedIdentifiers(stored),
    relationships: careFactsOf(stored),
    attachments: extracted.written,
    terms: indexTermsOf(stored),
  };
}

function unwritten(entry: ResolvedEntry): PreparedEntry {
  switch (entry.kind) {
    case 'create':
    case 'update':
      throw new Error('broken invariant: what is written is classified');
    case 'matched':
      return { kind: 'matched', type: entry.type, id: entry.id };
    case 'delete':
      return { kind: 'delete', type: entry.type, id: entry.id };
    case 'read':
      return { kind: 'read', url: entry.url };
  }
}

/**
 * What the ledger and the audit log say is read from them, and no write makes it so. A Consent alone is a request to the patient,
 * and a Subscription alone is an order to the node: both have doors of their own.
 */
const PROJECTED: readonly ResourceType[] = ['AuditEvent', 'Consent', 'Subscription'];

function refuseProjections(entries: readonly RequestEntry[]): void {
  for (const entry of entries) {
    if (entry.method === 'GET' || !PROJECTED.includes(entry.type)) continue;
    const place = `Bundle.entry[${entry.index}].request`;
    throw new FhirError('not-supported', `a ${entry.type} is no record that is written`, place);
  }
}

/** A single request goes the way of a bundle with one entry. */
function bundleOf({ bytes, format, single }: BundleInput): FhirTree {
  const parse = format === 'xml' ? parseFhirXml : parseFhirJson;
  if (single === null) return parse(bytes);
  const { method } = single;
  const request = { ...single } satisfies FhirTree;
  if (method === 'DELETE') return { resourceType: 'Bundle', type: 'transaction', entry: [{ request }] };
  const resource = method === 'PATCH' ? patchBinary(bytes) : parse(bytes);
  return { resourceType: 'Bundle', type: 'transaction', entry: [{ request, resource }] };
}

function patchBinary(bytes: Uint8Array): FhirTree {
  return { resourceType: 'Binary', contentType: JSON_PATCH_TYPE, data: Buffer.from(bytes).toString('base64') };
}

/** Locks what it names before anything is written; what only creates names nothing. */
function isChange({ method }: RequestEntry): boolean {
  return method !== 'POST' && method !== 'GET';
}

/** Conditions on which it depends whether an entry is created or matched; a superset does no harm. */
function decidingConditions(
  entries: readonly RequestEntry[],
  { matchDirectory }: BundleInput,
): readonly TypedCondition[] {
  return entries.flatMap((entry): TypedCondition[] => {
    if (entry.method === 'GET') return [];
    const { type, index } = entry;
    const condition = entry.method === 'POST' ? entry.ifNoneExist : searchOf(entry.target);
    if (condition !== undefined) {
      return [{ type, query: findIdentifierQuery(condition, `Bundle.entry[${index}].request`) ?? condition }];
    }
    if (entry.method !== 'POST' || !matchDirectory || categoryOf(entry.resource) !== 'directory') return [];
    return identifiersOf(entry.resource).map((query) => ({ type, query }));
  });
}

function searchOf(target: Exclude<RequestEntry, { readonly method: 'GET' | 'POST' }>['target']): string | undefined {
  return target.kind === 'search' ? target.query : undefined;
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
