import type { ActFact, DeviceFact, DisputeFact, EmergencyFact, GrantFact, Json, RequestFact } from '@salus/contracts';
import { type Block, writesOf } from '@salus/ledger';

/** What an open page is told so that it asks again: a kind and ids, never contents. */
export type LiveEvent =
  | { readonly kind: 'request'; readonly request: string; readonly status: RequestFact['status'] }
  | { readonly kind: 'grant'; readonly grant: string }
  | { readonly kind: 'revoked'; readonly grant: string }
  | { readonly kind: 'emergency'; readonly emergency: string; readonly status: EmergencyFact['status'] }
  | { readonly kind: 'device'; readonly device: string }
  | { readonly kind: 'guardian'; readonly guardian: string }
  | { readonly kind: 'dispute'; readonly dispute: string; readonly status: DisputeFact['status'] }
  | { readonly kind: 'access' }
  | { readonly kind: 'record'; readonly type: string | null; readonly id: string | null }
  | { readonly kind: 'task'; readonly delivery: string };

/** An event of one patient, by the pid under which the ledger knows them here. */
export type PatientEvent = { readonly pid: string; readonly event: LiveEvent };

/** What the writes of a block mean for patients whose pages are open. A distrusted call ends whatever it wrote. */
export function patientEventsOf({ transactions }: Pick<Block, 'transactions'>): readonly PatientEvent[] {
  return transactions.flatMap(({ outcome }) => writesOf(outcome).flatMap(([key, value]) => eventOf(key, value) ?? []));
}

function eventOf(key: string, value: Json | null): PatientEvent | undefined {
  const [family, first = '', second = '', third = ''] = key.split('/');
  switch (family) {
    case 'grant': {
      const isActive = (value as GrantFact | null)?.status === 'active';
      return { pid: first, event: { kind: isActive ? 'grant' : 'revoked', grant: second } };
    }
    case 'request': {
      const status = (value as RequestFact | null)?.status ?? 'open';
      return { pid: first, event: { kind: 'request', request: second, status } };
    }
    case 'emergency': {
      const status = (value as EmergencyFact | null)?.status ?? 'open';
      return { pid: first, event: { kind: 'emergency', emergency: second, status } };
    }
    case 'patient':
      if (first === 'act')
        return { pid: second, event: { kind: 'guardian', guardian: (value as ActFact | null)?.guardian ?? '' } };
      return first === 'device' ? { pid: second, event: deviceEvent(third, value as DeviceFact | null) } : undefined;
    case 'record': {
      if (first !== 'dispute') return undefined;
      const status = (value as DisputeFact | null)?.status ?? 'withdrawn';
      return { pid: second, event: { kind: 'dispute', dispute: third, status } };
    }
    default:
      return undefined;
  }
}

function deviceEvent(kid: string, fact: DeviceFact | null): LiveEvent {
  return fact?.guardian === undefined ? { kind: 'device', device: kid } : { kind: 'guardian', guardian: kid };
}
