import { readChart } from '@salus/client';
import { CLINICAL_ROLES, type EMERGENCY_REASONS } from '@salus/contracts';
import { type FhirTree, isTree, listOf, parseFhirJson } from '@salus/fhir/parse';
import { type EmergencyCard, emergencyRequest } from '@salus/wallet';
import type { StaffSession } from '../../session/index.ts';
import { type ChartEntry, entryOf } from '../chart/chart-entry.ts';
import { type Description, locatePatient } from '../clinic-api.ts';

const HOUR_MS = 3_600_000;
/** Records that one request opens; the node's own bound. */
const RECORDS_AT_ONCE = 100;

export type EmergencyReason = (typeof EMERGENCY_REASONS)[number];

/** Whose record: a pid that was shown, a description, or the card of somebody who is treated elsewhere. */
export type EmergencyWho =
  | { readonly kind: 'pid'; readonly pid: string }
  | { readonly kind: 'described'; readonly described: Description }
  | { readonly kind: 'card'; readonly card: EmergencyCard };

export interface EmergencyNeed {
  readonly who: EmergencyWho;
  readonly reason: EmergencyReason;
  readonly text: string;
  readonly hours: number;
}

export interface OpenedEmergency {
  readonly untilMs: number;
  readonly entries: readonly ChartEntry[];
}

/** In which role the person may break the glass; undefined for whoever may not. */
export function emergencyRole({ roles }: Pick<StaffSession, 'roles'>): string | undefined {
  return roles.find((role) => CLINICAL_ROLES.includes(role));
}

/** Breaks the glass with the person's own signature and reads what it opens. `onRead` is told how many of how many are read. */
export async function breakGlass(
  staff: StaffSession,
  { who, reason, text, hours }: EmergencyNeed,
  onRead: (done: number, of: number) => void,
): Promise<OpenedEmergency> {
  const role = emergencyRole(staff) ?? '';
  const card = who.kind === 'card' ? who.card : null;
  const pid = await pidOf(staff, who, reason);
  const { wallet, occasion, session } = staff.atWork();
  const untilMs = occasion.nowMs + hours * HOUR_MS;
  const request = await emergencyRequest(wallet, occasion, { pid, role, reason, text, untilMs, card });
  const author = card?.organisation ?? staff.organisation;
  const opened = await session.api.send<{ readonly session: string; readonly untilMs: number }>({
    method: 'POST',
    path: `/api/v1/orgs/${staff.organisation}/emergencies`,
    body: {
      author,
      call: request.call,
      chain: request.chain,
      token: card === null ? null : { terms: card.terms, salt: card.salt },
    },
    token: session.token,
    repeatable: true,
  });
  return { untilMs: opened.untilMs, entries: await readAll(staff, opened.session, author, onRead) };
}

async function pidOf({ session }: StaffSession, who: EmergencyWho, reason: EmergencyReason): Promise<string> {
  switch (who.kind) {
    case 'pid':
      return who.pid;
    case 'card':
      return who.card.pid;
    case 'described':
      return (await locatePatient(session, { ...who.described, reason })).pid;
  }
}

async function readAll(
  { session }: StaffSession,
  reading: string,
  author: string,
  onRead: (done: number, of: number) => void,
): Promise<readonly ChartEntry[]> {
  const { records } = await readChart(session, reading, true);
  const { api, organisation, token } = session;
  const path = `/api/v1/orgs/${organisation}/reads/${encodeURIComponent(reading)}/records`;
  const entries: ChartEntry[] = [];
  for (let at = 0; at < records.length; at += RECORDS_AT_ONCE) {
    const wanted = records.slice(at, at + RECORDS_AT_ONCE).map(({ recordId }) => recordId);
    const text = await api.sendText({ method: 'POST', path, body: { records: wanted }, token, repeatable: true });
    entries.push(...resourcesOf(parseFhirJson(text)).map((resource) => entryOf(resource, author)));
    onRead(entries.length, records.length);
  }
  return entries;
}

function resourcesOf({ entry }: FhirTree): readonly FhirTree[] {
  return listOf(entry).flatMap((one) => (isTree(one) && isTree(one.resource) ? [one.resource] : []));
}
