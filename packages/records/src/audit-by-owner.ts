import { pidOf } from './recipients.ts';
import type { Sight } from './sight.ts';
import type { AuditEvent, AuditKind, AuditLog, Owner } from './vault-types.ts';

/** Records that one audit event names; more are spread over several events. */
const AUDIT_RECORDS_MAX = 1_000;

interface OwnedRecord {
  readonly recordId: string;
  readonly version: number;
  readonly owner: Owner;
}

/** One event for each owner, so that every patient sees what was done with theirs; `about` says what, when and by whom. */
export function eventsByOwner(
  records: readonly OwnedRecord[],
  about: Pick<AuditEvent, 'kind' | 'atMs' | 'who' | 'purpose'> &
    Partial<Pick<AuditEvent, 'grant' | 'outcome' | 'query'>>,
): readonly AuditEvent[] {
  const event = { grant: null, session: null, outcome: 'ok', request: null, ...about };
  return [...Map.groupBy(records, ({ owner }) => owner)].flatMap(([owner, owned]) => {
    const named = owned.map(({ recordId, version }) => ({ recordId, version }));
    const count = Math.ceil(named.length / AUDIT_RECORDS_MAX);
    return Array.from({ length: count }, (_, part) => ({
      ...event,
      pid: pidOf(owner) ?? null,
      records: named.slice(part * AUDIT_RECORDS_MAX, (part + 1) * AUDIT_RECORDS_MAX),
    }));
  });
}

/** A record as `eventsByOwner` takes it. */
export function owned({
  recordId,
  version,
  meta: { owner },
}: Pick<OwnedRecord, 'recordId' | 'version'> & { readonly meta: Pick<OwnedRecord, 'owner'> }): OwnedRecord {
  return { recordId, version, owner };
}

/** Logs what somebody is going to see, durably before they do. */
export async function logLook(
  audit: AuditLog,
  {
    sight: { who, purpose, grant },
    kind,
    records,
    atMs,
  }: {
    readonly sight: Pick<Sight, 'who' | 'purpose' | 'grant'>;
    readonly kind: Extract<AuditKind, 'read' | 'search' | 'export'>;
    readonly records: readonly Parameters<typeof owned>[0][];
    readonly atMs: number;
  },
): Promise<void> {
  const events = eventsByOwner(records.map(owned), { kind, atMs, who, purpose, grant });
  await Promise.all(events.map((event) => audit.append(event)));
}
