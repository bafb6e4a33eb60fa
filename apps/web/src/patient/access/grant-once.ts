import { isCallRefused, type NodeSession, readState, submitGrant } from '@salus/client';
import { type GrantFact, grantKey } from '@salus/contracts';
import { hashTuple, type Json } from '@salus/crypto';
import { type GrantChoice, grantEntry, type PreparedGrant, withGrant, withoutGrant } from '@salus/wallet';
import type { PatientSession } from '../../session/index.ts';
import { type UnfinishedGrant, withoutUnfinishedGrant, withUnfinishedGrant } from '../../session/unfinished.ts';

const HOUR_MS = 3_600_000;

/** What a decision is about, to a person: the same when it is tried again. */
export type Decision = string;

type Sent = NonNullable<UnfinishedGrant['sent']>;
type Decided = Omit<GrantChoice, 'kind'> & { readonly kind?: string };

/**
 * Makes the grant of a decision for one pid, once: terms and salt are kept on this device before the ledger is asked, and
 * where an earlier try of the same decision made the grant already, or was not answered, that one is taken up again.
 *
 * @param prepare signs the grant; it is called only where there is none
 * @returns the grant's id
 */
export async function grantOnce(
  patient: PatientSession,
  session: NodeSession,
  {
    decision,
    choice,
    prepare,
  }: {
    readonly decision: Decision;
    readonly choice: Decided;
    readonly prepare: () => Promise<PreparedGrant & { readonly places?: object }>;
  },
): Promise<string> {
  const name = digestOf(choice);
  const known = patient.unfinished.grants.find(
    (made) =>
      made.decision === decision &&
      made.pid === choice.pid &&
      made.choice === name &&
      areClose(made.times, timesOf(choice)),
  );
  if (known !== undefined && (await isTakenUp(patient, session, known))) return known.grant;
  const prepared = await prepare();
  const { call, privateArgs, seals, places } = prepared;
  const sent: Sent = { call, privateArgs, seals, ...(places === undefined ? {} : { places: places as Json }) };
  const grant = prepared.terms.grant;
  const made: UnfinishedGrant = { decision, pid: choice.pid, choice: name, times: timesOf(choice), grant, sent };
  const entry = grantEntry(prepared.wallet.content, grant);
  await patient.seal(({ content, unfinished }) => ({
    content: withGrant(content, entry),
    unfinished: withUnfinishedGrant(unfinished, made),
  }));
  await submit(patient, session, made, sent);
  return grant;
}

/** The decision is at its end: the next one of this name is another. */
export async function endDecision(patient: PatientSession, decision: Decision): Promise<void> {
  await patient.seal(({ content, unfinished }) => ({
    content,
    unfinished: { ...unfinished, grants: unfinished.grants.filter((made) => made.decision !== decision) },
  }));
}

/** @returns false where the ledger refused it, as one that is too late by now, or it was ended since: then another is made */
async function isTakenUp(patient: PatientSession, session: NodeSession, known: UnfinishedGrant): Promise<boolean> {
  try {
    if (known.sent !== null) await submit(patient, session, known, known.sent);
    const fact = await readState<GrantFact>(session, grantKey(known.pid, known.grant));
    return fact?.status === 'active';
  } catch (error) {
    if (isCallRefused(error)) return false;
    throw error;
  }
}

async function submit(patient: PatientSession, session: NodeSession, made: UnfinishedGrant, sent: Sent): Promise<void> {
  try {
    await submitGrant(session, sent);
  } catch (error) {
    if (isCallRefused(error)) {
      await patient.seal(({ content, unfinished }) => ({
        content: withoutGrant(content, made.grant),
        unfinished: withoutUnfinishedGrant(unfinished, made.grant),
      }));
    }
    throw error;
  }
  await patient.change(({ content, unfinished }) => ({
    content,
    unfinished: withUnfinishedGrant(unfinished, { ...made, sent: null }),
  }));
}

/** What is opened to whom, but for the times. */
function digestOf(choice: Decided): string {
  const timeless = { ...choice, notBeforeMs: 0, notAfterMs: 0, dataFromMs: 0, dataToMs: 0 };
  return hashTuple('decided', JSON.parse(JSON.stringify(timeless)) as Json);
}

function timesOf({ notAfterMs, dataFromMs, dataToMs }: Decided): UnfinishedGrant['times'] {
  return [notAfterMs, dataFromMs ?? null, dataToMs ?? null];
}

/** That a second try comes some minutes later makes no other choice of it. */
function areClose(times: UnfinishedGrant['times'], others: UnfinishedGrant['times']): boolean {
  return times.every((ms, at) => {
    const other = others[at] ?? null;
    return ms === null || other === null ? ms === other : Math.abs(ms - other) < HOUR_MS;
  });
}
