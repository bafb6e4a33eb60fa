import type { DeviceFact, IdentityFact, Json, PatientFact, RevokedFact, RootsFact } from '@salus/contracts';
import { kidOf } from '@salus/crypto';
import { type Block, type Ledger, writesOf } from '@salus/ledger';
import type { Principal, Sessions } from './sessions.ts';

type IsOut = (principal: Principal) => boolean;

/** Ends, block by block, the sessions of whoever may act no longer; resolves when `signal` aborts. */
export async function endRevokedSessions(ledger: Ledger, sessions: Sessions, signal: AbortSignal): Promise<void> {
  // Sessions do not survive a restart: what was revoked before has none.
  for await (const block of ledger.follow((await ledger.height()) + 1, signal)) {
    for (const isOut of departures(block)) sessions.closeWhere(isOut);
  }
}

/**
 * Whom the writes of a block shut out: revoked identities, removed organisations and devices, closed pids, replaced recovery keys;
 * and everybody of whom a distrusted call wrote, since nobody can tell any more whether they may act.
 */
export function departures({ transactions }: Pick<Block, 'transactions'>): readonly IsOut[] {
  return transactions.flatMap(({ outcome }) =>
    writesOf(outcome).flatMap(([key, value]) => departure(key, value) ?? []),
  );
}

function departure(key: string, value: Json | null): IsOut | undefined {
  const [contract, fact, subject = '', kid] = key.split('/');
  switch (`${contract}/${fact}`) {
    case 'membership/identity':
      return (value as IdentityFact | null)?.status === 'active'
        ? undefined
        : (principal) => principal.kind === 'staff' && principal.id === subject;
    case 'membership/revoked': {
      if (value === null) return (principal) => principal.kind === 'staff' && principal.organisation === subject;
      const revoked = new Set((value as RevokedFact).map(([id]) => id));
      return (principal) => principal.kind === 'staff' && revoked.has(principal.id);
    }
    case 'membership/roots':
      return (value as RootsFact | null)?.status === 'active'
        ? undefined
        : (principal) => principal.kind === 'staff' && principal.organisation === subject;
    case 'patient/device':
      return (value as DeviceFact | null)?.status === 'active'
        ? undefined
        : (principal) => principal.kind === 'patient' && principal.pid === subject && principal.kid === kid;
    case 'patient/pid':
      return patientDeparture(subject, value as PatientFact | null);
    default:
      return undefined;
  }
}

function patientDeparture(pid: string, patient: PatientFact | null): IsOut {
  const open = patient?.status === 'claimed';
  const guardians = new Set(patient?.status === 'closed' ? [] : (patient?.guardians ?? []));
  const recoveryKid = patient?.recovery === undefined ? undefined : kidOf(patient.recovery);
  return (principal) =>
    principal.kind !== 'staff' &&
    principal.pid === pid &&
    !(principal.kind === 'patient' && guardians.has(principal.kid)) &&
    (!open || (principal.kind === 'recovery' && principal.kid !== recoveryKid));
}
