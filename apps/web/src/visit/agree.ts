import { deliverToken, readKeys, recipientsOf } from '@salus/client';
import { type GrantChoice, grant, type PidEntry, sealToken } from '@salus/wallet';
import { type Decision, grantOnce } from '../patient/access/grant-once.ts';
import type { PatientSession } from '../session/index.ts';
import type { Agreement } from './visit-api.ts';

const DAY_MS = 86_400_000;
/** Results and medicines may come for so long after the agreement. */
export const AGREED_DAYS = 60;
/** What was written just before belongs to the visit too. */
const BEFORE_MS = 60 * 60 * 1000;

/** Which work an organisation does in a visit, and what each side sees for it. */
export type Work = 'laboratory' | 'pharmacy';

const SEES: { readonly [work in Work]: Pick<GrantChoice, 'categories' | 'resourceTypes'> } = {
  laboratory: { categories: ['orders'], resourceTypes: ['ServiceRequest'] },
  pharmacy: { categories: ['medication'], resourceTypes: ['MedicationRequest'] },
};
const TELLS: { readonly [work in Work]: Pick<GrantChoice, 'categories'> } = {
  laboratory: { categories: ['laboratory'] },
  pharmacy: { categories: ['medication'] },
};

export interface AgreementPlan {
  readonly work: Work;
  /** The patient at the provider, and at the organisation that does the work. */
  readonly home: PidEntry;
  readonly there: PidEntry;
}

export interface PlannedGrant {
  readonly entry: PidEntry;
  readonly choice: GrantChoice;
}

/** The two grants of one agreement: each opens only what is written from now on, and ends by itself. */
export function grantsOf({ work, home, there }: AgreementPlan, nowMs: number): readonly [PlannedGrant, PlannedGrant] {
  const common = {
    ...{ labelClasses: ['N'], purposes: ['TREAT'] as const, dataFromMs: nowMs - BEFORE_MS },
    ...{ notBeforeMs: nowMs, notAfterMs: nowMs + AGREED_DAYS * DAY_MS },
  };
  const to = ({ organisation }: PidEntry) => ({ kind: 'organisation', organisation }) as const;
  return [
    { entry: home, choice: { ...common, ...SEES[work], pid: home.pid, grantee: to(there) } },
    { entry: there, choice: { ...common, ...TELLS[work], pid: there.pid, grantee: to(home) } },
  ];
}

/** Signs both grants on this device and hands each grantee its token; what a try before has signed is not signed again. */
export async function signAgreement(
  patient: PatientSession,
  { decision, plan }: { readonly decision: Decision; readonly plan: AgreementPlan },
  onSigned: () => void,
): Promise<Agreement> {
  const made: string[] = [];
  for (const planned of grantsOf(plan, patient.occasion().nowMs)) {
    made.push(await signGrant(patient, decision, planned));
    onSigned();
  }
  const [given = '', back = ''] = made;
  return { organisation: plan.there.organisation, grant: given, pid: plan.there.pid, back };
}

async function signGrant(
  patient: PatientSession,
  decision: Decision,
  { entry, choice }: PlannedGrant,
): Promise<string> {
  const session = await patient.at(entry.pid);
  const occasion = patient.occasion();
  const recipients = await recipientsOf(session.api, choice.grantee, occasion.nowMs);
  const id = await grantOnce(patient, session, {
    decision,
    choice,
    prepare: async () => grant(patient.wallet, occasion, { choice, envelopes: await readKeys(session), recipients }),
  });
  for (const recipient of recipients.slice(0, 1)) {
    const { envelope } = await sealToken(patient.wallet, id, recipient);
    await deliverToken(session, choice.grantee, { grant: id, token: envelope });
  }
  return id;
}
