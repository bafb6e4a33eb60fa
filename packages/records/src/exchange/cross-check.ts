import type { AuditJournal, AuditLine } from '../audit.ts';
import { AUDIT_PAGE_MAX } from '../audit.ts';
import type { AuditEvent } from '../vault-types.ts';

/** Events with the other organisation that one comparison holds. */
export const CROSS_CHECK_EVENTS_MAX = 2_000_000;

/** One side of an exchange, opened with its master key: only the two organisations themselves can compare. */
export interface CrossCheckSide {
  readonly organisation: string;
  readonly audit: Pick<AuditJournal, 'list'>;
}

export interface CrossCheckFinding {
  /**
   * `missing`: this organisation's log has no event for an exchange that the other logged. `different`: it names other
   * records.
   */
  readonly code: 'missing' | 'different';
  readonly organisation: string;
  /** The event in the other organisation's log. */
  readonly other: { readonly organisation: string; readonly seq: number };
}

/**
 * Compares what two organisations logged of their exchanges: each read, session and delivery that one of them logged as
 * done stands in the other's log under the same exchange id, with the same records. The logs share nothing that could
 * be compared without their keys: whoever stole both would else learn who reads whose records.
 */
export async function crossCheckAudits(
  left: CrossCheckSide,
  right: CrossCheckSide,
): Promise<readonly CrossCheckFinding[]> {
  const ofLeft = await exchangesWith(left, right.organisation);
  const ofRight = await exchangesWith(right, left.organisation);
  return [
    ...missingIn(right.organisation, ofLeft, ofRight, left),
    ...missingIn(left.organisation, ofRight, ofLeft, right),
  ];
}

type Exchanges = ReadonlyMap<string, readonly AuditLine[]>;

async function exchangesWith({ audit, organisation }: CrossCheckSide, peer: string): Promise<Exchanges> {
  const exchanges = new Map<string, AuditLine[]>();
  let count = 0;
  for (let before = Number.MAX_SAFE_INTEGER; ; ) {
    const page = await audit.list({ before, limit: AUDIT_PAGE_MAX });
    for (const line of page) {
      const { exchange } = line.event;
      if (exchange?.peer !== peer) continue;
      exchanges.set(exchange.id, [...(exchanges.get(exchange.id) ?? []), line]);
      count += 1;
    }
    if (count > CROSS_CHECK_EVENTS_MAX) throw new RangeError(`${organisation} and ${peer} have too many exchanges`);
    const last = page.at(-1);
    if (last === undefined || last.seq === 0) return exchanges;
    before = last.seq;
  }
}

function* missingIn(
  organisation: string,
  logged: Exchanges,
  counterparts: Exchanges,
  { organisation: other }: CrossCheckSide,
): Generator<CrossCheckFinding> {
  for (const [id, lines] of logged) {
    for (const { event, seq } of lines) {
      if (!isCompared(event)) continue;
      const found = counterparts.get(id);
      const place = { organisation, other: { organisation: other, seq } };
      if (found === undefined) yield { code: 'missing', ...place };
      else if (!found.some((line) => agrees(event, line.event))) yield { code: 'different', ...place };
    }
  }
}

/** A chart takes several looks, of which the reader logs the last; what was refused need not be known to both. */
function isCompared({ kind, outcome }: AuditEvent): boolean {
  return outcome === 'ok' && (kind === 'read' || kind === 'session' || kind === 'emergency' || kind === 'delivery');
}

/** The reader may have refused what it was given: then it logged that, under the same id. */
function agrees(event: AuditEvent, other: AuditEvent): boolean {
  if (other.outcome !== 'ok' || event.kind !== 'read') return true;
  return recordsOf(event) === recordsOf(other);
}

function recordsOf({ records }: AuditEvent): string {
  return records
    .map(({ recordId, version }) => `${recordId}/${version}`)
    .sort()
    .join();
}
