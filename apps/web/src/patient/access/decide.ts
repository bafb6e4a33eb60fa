import type { PatientRequest } from '@salus/client';
import { deliverToken, isAtHome, readKeys, recipientsOf, sendAnswer, submitCall, submitGrant } from '@salus/client';
import { type GrantChoice, grant, revoke, sealToken } from '@salus/wallet';
import type { PatientSession } from '../../session/index.ts';
import type { Place } from './acting.ts';

/** One grant for each pid: no grant speaks of two. */
export interface Plan {
  readonly entry: Place;
  readonly choice: GrantChoice;
}

export interface MadeGrant {
  readonly grant: string;
  readonly organisation: string;
  /** Sealed to the grantee; null where the organisation that keeps the records is the grantee's own. */
  readonly token: object | null;
}

/** Which step of a decision runs, for whoever waits. */
export type OnPlace = (organisation: string) => void;

/**
 * Signs and commits one grant after the other and keeps the wallet after each, so that none is forgotten when a later one
 * fails.
 */
export async function makeGrants(
  patient: PatientSession,
  plans: readonly Plan[],
  onPlace: OnPlace,
): Promise<readonly MadeGrant[]> {
  const made: MadeGrant[] = [];
  for (const { entry, choice } of plans) {
    onPlace(entry.organisation);
    made.push(await makeGrant(patient, entry, choice));
  }
  return made;
}

async function makeGrant(patient: PatientSession, entry: Place, choice: GrantChoice): Promise<MadeGrant> {
  const session = await patient.at(entry.pid);
  const occasion = patient.occasion();
  const atHome = isAtHome(choice, entry.organisation);
  const recipients = atHome ? [] : await recipientsOf(session.api, choice.grantee, occasion.nowMs);
  const envelopes = atHome ? [] : await readKeys(session);
  const prepared = await grant(patient.wallet, occasion, { choice, envelopes, recipients });
  await submitGrant(session, prepared);
  await patient.keep(prepared.wallet);
  const [recipient] = recipients;
  const id = prepared.terms.grant;
  const token = recipient === undefined ? null : (await sealToken(prepared.wallet, id, recipient)).envelope;
  return { grant: id, organisation: entry.organisation, token };
}

/** Tells the grantee of grants that nobody asked for. */
export async function announce(
  patient: PatientSession,
  { choice, entry }: Plan,
  made: readonly MadeGrant[],
): Promise<void> {
  const { api } = await patient.at(entry.pid);
  for (const { token } of made) if (token !== null) await deliverToken(api, choice.grantee, token);
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
  const prepared = await revoke(patient.wallet, patient.occasion(), { pid, grant: id });
  await submitCall(api, organisation, prepared);
  await patient.keep(prepared.wallet);
}
