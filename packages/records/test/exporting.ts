import type { ExportQuestion } from '../src/export/export-job.ts';
import type { Sight } from '../src/sight.ts';
import type { Who } from '../src/vault-types.ts';
import { bundleOf } from './bundle.ts';

const QUESTION: ExportQuestion = { patients: null, types: null, sinceMs: null, typeFilters: [] };

/** An export of everything. */
export const EVERYTHING = {
  request: 'https://a.example/Patient/$export',
  question: QUESTION,
  binding: null,
  requester: 'who asked',
  filters: new Map(),
};

/** Patients after whom each process begins no further one. */
export const PATIENTS_BEFORE = 2;

/** Everybody's records but those of `except`. */
export function sightOfAllBut(who: Who, except: ReadonlySet<string> = new Set()): Sight {
  return {
    ...{ who, purpose: 'TREAT', grant: null },
    owners: async () => 'all',
    decide: async ({ owner }) =>
      except.has(owner) ? { kind: 'denied', reason: 'revoked' } : { kind: 'allowed', reason: 'own' },
  };
}

/** A patient with two observations, and the practitioner who made them. */
export function exportedStory(family: string): string {
  const observation = (id: string) => ({
    ...{ id, resourceType: 'Observation', status: 'final', code: { text: `${family} ${id}` } },
    subject: { reference: 'urn:uuid:p' },
    performer: [{ reference: 'urn:uuid:d' }],
  });
  return bundleOf([
    { id: 'p', resourceType: 'Patient', name: [{ family }] },
    { id: 'd', resourceType: 'Practitioner', name: [{ family: `Dr ${family}` }] },
    observation('o1'),
    observation('o2'),
  ]);
}
