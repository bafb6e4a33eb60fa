import type { Attachments } from './attachments.ts';
import { eventsByOwner, owned } from './audit-by-owner.ts';
import { newId } from './index-rows.ts';
import { FIRST_VERSION, type PreparedCreate } from './prepared-bundle.ts';
import { pidOf } from './recipients.ts';
import type { AuditEvent, Owner, StoredRecord, Who } from './vault-types.ts';
import type { NewVersion } from './write-order.ts';

/** A prepared resource as a version to write: the first of a new record, or the next of the one that it replaces. */
export function versionOf(
  create: PreparedCreate,
  owner: Owner,
  nowMs: number,
  replaces: StoredRecord | null = null,
): NewVersion {
  const { type, id, dataFromMs, dataToMs, references, pair, plaintext, identifiers, attachments, terms } = create;
  const pid = pidOf(owner);
  return {
    owner,
    recordId: replaces?.recordId ?? newId(),
    version: replaces === null ? FIRST_VERSION : replaces.version + 1,
    pair,
    plaintext,
    facts: { type, id, dataFromMs, dataToMs, references, lastUpdatedMs: nowMs },
    identifiers,
    relationships: pid === undefined ? [] : create.relationships.map((fact) => ({ ...fact, pid })),
    attachments,
    terms,
    replaces,
  };
}

/** One event for each owner, so that every patient sees what was written about them. */
export function auditsOf(
  who: Who,
  purpose: string,
  versions: readonly NewVersion[],
  atMs: number,
): readonly AuditEvent[] {
  return eventsByOwner(versions, { kind: 'write', who, purpose, atMs });
}

/** As `auditsOf`, of what is hidden. */
export function hidingAuditsOf(
  who: Who,
  purpose: string,
  records: readonly StoredRecord[],
  atMs: number,
): readonly AuditEvent[] {
  return eventsByOwner(records.map(owned), { kind: 'tombstone', who, purpose, atMs });
}

/** Takes back the files of resources that are not going to be written. */
export async function removePrepared(
  attachments: Attachments,
  creates: readonly Pick<PreparedCreate, 'attachments'>[],
): Promise<void> {
  for (const create of creates) {
    for (const { attachmentId } of create.attachments) await attachments.remove(attachmentId);
  }
}
