import { randomUUID } from 'node:crypto';
import { type CreatedEntry, resolveBundle } from './bundle.ts';
import { classifyBundle } from './bundle-owners.ts';
import type { EntryOutcome } from './bundle-response.ts';
import { repositoryConformance } from './conformance.ts';
import { issueOf } from './error-outcome.ts';
import { FhirError } from './fhir-error.ts';
import { hasIdentifier } from './identifier-query.ts';
import { hasErrors } from './issue.ts';
import { parseFhirJson } from './parse-json.ts';
import type { ReadResult, Repository, TransactionOptions, TransactionResult } from './repository.ts';
import { withVersion } from './resource.ts';
import type { ResourceType } from './resource-table.ts';
import { type FhirTree, stringifyFhirJson } from './tree.ts';
import { validateTransaction } from './validate-transaction.ts';

/** The smallest repository there is, to see that the suite asks only what the port promises. */
function memoryRepository(): Repository<'anyone'> {
  const stored = new Map<string, FhirTree>();
  const lastUpdatedMs = 1_700_000_000_000;
  const findByIdentifier = (type: ResourceType, query: Parameters<typeof hasIdentifier>[1]) =>
    [...stored.values()]
      .filter((tree) => tree.resourceType === type && hasIdentifier(tree, query))
      .map(({ id }) => String(id));
  const transaction = async (
    _: 'anyone',
    input: Uint8Array | string,
    options: TransactionOptions = {},
  ): Promise<TransactionResult> => {
    try {
      const bundle = parseFhirJson(input);
      const issues = validateTransaction(bundle);
      if (hasErrors(issues)) return { kind: 'refused', code: 'structure-invalid', issues };
      const resolved = await resolveBundle(bundle, { newId: randomUUID, lookup: { findByIdentifier }, ...options });
      const creates = classifyBundle(resolved);
      const patients = new Set([...stored.keys(), ...creates.map(nameOf)]);
      for (const { classification } of creates) {
        const { subject } = classification;
        if (subject !== undefined && !patients.has(subject))
          throw new FhirError('owner-unknown', 'the patient is unknown');
      }
      for (const entry of creates)
        stored.set(nameOf(entry), withVersion(entry.resource, { versionId: '1', lastUpdatedMs }));
      const outcomes: EntryOutcome[] = resolved.entries.map(({ kind, type, id }) => ({
        kind: kind === 'create' ? 'created' : 'matched',
        type,
        id,
        versionId: '1',
        lastUpdatedMs,
      }));
      return { kind: 'committed', outcomes };
    } catch (error) {
      if (!(error instanceof FhirError)) throw error;
      return { kind: 'refused', code: error.code, issues: [issueOf(error)] };
    }
  };
  const vread = async (_: 'anyone', type: ResourceType, id: string, versionId: string): Promise<ReadResult> => {
    const tree = stored.get(`${type}/${id}`);
    if (tree === undefined || versionId !== '1') return { kind: 'not-found' };
    return { kind: 'found', text: stringifyFhirJson(tree), versionId, lastUpdatedMs };
  };
  return { transaction, vread, read: (caller, type, id) => vread(caller, type, id, '1') };
}

function nameOf({ type, id }: CreatedEntry): string {
  return `${type}/${id}`;
}

repositoryConformance('memory', async () => ({
  repository: memoryRepository(),
  writer: 'anyone' as const,
  reader: 'anyone' as const,
  close: async () => {},
}));
