import { PAIRS } from '@salus/fhir';
import { pidOf } from './recipients.ts';
import type { RecordMeta } from './vault-types.ts';

/**
 * A group of several patients is the organisation's own and yet no directory: it tells of each whom it names. Only staff who
 * may see all of a patient in care open it; no patient, app or other organisation does.
 */
export function isCohort({ owner, pair }: Pick<RecordMeta, 'owner' | 'pair'>): boolean {
  return pidOf(owner) === undefined && PAIRS[pair]?.category === 'research';
}
