import { expect } from 'vitest';
import type { EntryOutcome } from '../bundle-response.ts';
import { parseFhirJson } from '../parse-json.ts';
import type { ReadResult, Repository, TransactionOptions, TransactionResult } from '../repository.ts';
import { type FhirTree, isTree, stringifyFhirJson } from '../tree.ts';
import { newPatient, post, transaction } from './sample-bundles.ts';

export interface RepositoryUnderTest<Caller> {
  readonly repository: Repository<Caller>;
  /** May write for every new patient. */
  readonly writer: Caller;
  /** May read what the writer wrote. */
  readonly reader: Caller;
  /** Entries that let the reader see this new patient (an encounter, a care team), where the engine asks for it. */
  readonly careFor?: (patientFullUrl: string) => readonly FhirTree[];
  close(): Promise<void>;
}

/** The repository under test, once it is open, and what its tests do with it again and again. */
export interface Trial<Caller> {
  readonly subject: RepositoryUnderTest<Caller>;
  send(bundle: FhirTree | string, options?: TransactionOptions): Promise<TransactionResult>;
  /** Throws what was refused. */
  commit(bundle: FhirTree | string, options?: TransactionOptions): Promise<readonly EntryOutcome[]>;
  refusedCode(bundle: FhirTree | string): Promise<string>;
  /** As the reader reads it. */
  read(outcome: Pick<EntryOutcome, 'type' | 'id'>): Promise<Found>;
  /** A patient, what the engine needs to let the reader in, and what the test is about. */
  patientBundle(fullUrl: string, ...entries: readonly FhirTree[]): FhirTree;
}

export interface Found {
  readonly tree: FhirTree;
  readonly result: Extract<ReadResult, { kind: 'found' }>;
}

export function trialOf<Caller>(opened: () => RepositoryUnderTest<Caller>): Trial<Caller> {
  const send: Trial<Caller>['send'] = (bundle, options) =>
    opened().repository.transaction(
      opened().writer,
      typeof bundle === 'string' ? bundle : stringifyFhirJson(bundle),
      options,
    );
  return {
    get subject() {
      return opened();
    },
    send,
    commit: async (bundle, options) => {
      const result = await send(bundle, options);
      if (result.kind !== 'committed') throw new Error(`refused: ${result.code} ${JSON.stringify(result.issues)}`);
      return result.outcomes;
    },
    refusedCode: async (bundle) => {
      const result = await send(bundle);
      if (result.kind !== 'refused') throw new Error('the bundle was accepted');
      expect(result.issues.length).toBeGreaterThan(0);
      return result.code;
    },
    read: async ({ type, id }) => foundIn(await opened().repository.read(opened().reader, type, id)),
    patientBundle: (fullUrl, ...entries) =>
      transaction(post(newPatient(), fullUrl), ...entries, ...(opened().careFor?.(fullUrl) ?? [])),
  };
}

function foundIn(result: ReadResult): Found {
  if (result.kind !== 'found') throw new Error(`not found: ${result.kind}`);
  const tree = parseFhirJson(result.text);
  if (!isTree(tree.meta)) throw new Error('a stored resource has meta');
  return { tree, result };
}
