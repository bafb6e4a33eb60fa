import type { PatientRequest } from '@salus/client';
import { deliverToken, isAtHome, readKeys, recipientsOf, sendAnswer, submitCall } from '@salus/client';
import { type GrantChoice, grant, revoke, sealToken, withRevoked } from '@salus/wallet';
import type { PatientSession } from '../../session/index.ts';
import type { Place } from './acting.ts';
import { type Decision, grantOnce } from './grant-once.ts';

/** One grant for each pid: no grant speaks of two. */
export interface Plan {
  readonly entry: Place;
  readonly choice: GrantChoice;
}

export interface MadeGrant {
  readonly grant: string;
  readonly pid: string;
  readonly organisation: string;
  /** Sealed to the grantee; null where the organisation that keeps the records is the grantee's own. */
  readonly token: object | null;
}

/** Which step of a decision runs, for whoever waits. */
export type OnPlace = (organisation: string) => void;

/**
 * Signs and commits one grant after the other. Where a later one fails, the same decision tried again goes on with those
 * that are made; `endDecision` ends it.
 */
export async function makeGrants(
  patient: PatientSession,
  { decision, plans }: { readonly decision: Decision; readonly plans: readonly Plan[] },
  onPlace: OnPlace,
): Promise<readonly MadeGrant[]> {
  const made: MadeGrant[] = [];
  for (const plan of plans) {
    onPlace(plan.entry.organisation);
    made.push(await makeGrant(patient, decision, plan));
  }
  return made;
}

async function makeGrant(patient: PatientSession, decision: Decision, { entry, choice }: Plan): Promise<MadeGrant> {
  const session = await patient.at(entry.pid);
  const occasion = patient.occasion();
  const atHome = isAtHome(choice, entry.organisation);
  const recipients = atHome ? [] : await recipientsOf(session.api, choice.grantee, occasion.nowMs);
  const id = await grantOnce(patient, session, {
    decision,
    choice,
    prepare: async () => {
      const envelopes = atHome ? [] : await readKeys(session);
      return grant(patient.wallet, occasion, { choice, envelopes, recipients });
    },
  });
  const [recipient] = recipients;
  const token = recipient === undefined ? null : (await sealToken(patient.wallet, id, recipient)).envelope;
  return { grant: id, pid: entry.pid, organisation: entry.organisation, token };
}

/** Tells the grantee of grants that nobody asked for. */
export async function announce(patient: PatientSession, { choice }: Plan, made: readonly MadeGrant[]): Promise<void> {
  for (const { pid, grant: id, token } of made) {
    // Each pid's own session: a node hands on what that pid granted there.
    if (token !== null) await deliverToken(await patient.at(pid), choice.grantee, { grant: id, token });
  }
}

/** Answers at the pid that was asked: there the requester finds the tokens, whatever pids they are for. */
export async function answerRequest(
  patient: PatientSession,
  request: PatientRequest,
  { word, made }: { readonly word: 'granted' | 'partly' | 'declined'; readonly made: readonly MadeGrant[] },
): Promise<void> {
  const session = await patient.at(request.asked.pid);
  const tokens = made.flatMap(({ token }) => token ?? []);
  await sendAnswer(session, patient.wallet, patient.occasion(), { request, word, tokens });
}

/** Ends a grant at once, with every session that is open under it. */
export async function endGrant(patient: PatientSession, pid: string, id: string): Promise<void> {
  const { api, organisation } = await patient.at(pid);
  const occasion = patient.occasion();
  const prepared = await revoke(patient.wallet, occasion, { pid, grant: id });
  await submitCall(api, organisation, prepared);
  await patient.change((kept) => ({ ...kept, content: withRevoked(kept.content, id, occasion.nowMs) }));
}
