import { type ClientError, deliverToken, isAtHome, isCallRefused, recipientsOf, submitGrant } from '@salus/client';
import type { Terms } from '@salus/contracts';
import { grantEntry, narrow, sealToken, withGrant } from '@salus/wallet';
import type { PatientSession } from '../../session/index.ts';
import {
  beginNarrowing,
  keepsNarrowing,
  type UnfinishedNarrowing,
  withNarrowing,
  withoutNarrowing,
} from '../../session/unfinished.ts';

/**
 * Narrows a running grant to `next`: signs, commits, and hands the grantee the token of the new terms, without which the
 * grantee reads nothing. What was begun and not answered is brought to its end first.
 *
 * @returns `begun-elsewhere` where another tab narrows this grant at this moment: nothing was sent
 * @throws ClientError as the node does; `findUnfinished` then tells whether something is left to finish
 */
export async function narrowOnce(patient: PatientSession, next: Terms): Promise<'done' | 'begun-elsewhere'> {
  const { grant } = next;
  const begun = findUnfinished(patient, grant);
  // What was refused is decided anew.
  if (begun !== undefined && begun.refused === undefined) await finishNarrowing(patient, begun);
  const agreed = grantEntry(patient.wallet.content, grant);
  if (JSON.stringify(agreed.terms) === JSON.stringify(next)) return 'done';
  const prepared = await narrow(patient.wallet, patient.occasion(), { grant, change: next });
  const { call, privateArgs } = prepared;
  const { terms, salt, madeMs } = grantEntry(prepared.wallet.content, grant);
  const begins: UnfinishedNarrowing = { grant, terms, salt, madeMs, sent: { call, privateArgs } };
  let isBegun = false;
  await patient.seal((kept) => {
    // The call shows the ledger the salt of before: the newest one, or it is refused.
    const isNewest = grantEntry(kept.content, grant).salt === agreed.salt;
    const unfinished = isNewest ? beginNarrowing(kept.unfinished, begins) : undefined;
    isBegun = unfinished !== undefined;
    return unfinished === undefined ? kept : { content: kept.content, unfinished };
  });
  if (!isBegun) return 'begun-elsewhere';
  const refusal = await finishNarrowing(patient, begins);
  if (refusal !== undefined) throw refusal;
  return 'done';
}

/** A narrowing of this grant whose end is not known, that the grantee was not told of, or that was refused. */
export function findUnfinished(patient: PatientSession, grant: string): UnfinishedNarrowing | undefined {
  return patient.unfinished.narrowings?.find((begun) => begun.grant === grant);
}

/**
 * Sends the same call again, which the ledger takes once, and tells the grantee. What the ledger refused is kept as refused
 * until the patient has read it: the wide permission goes on.
 *
 * @returns the refusal; undefined where the grant is narrowed
 */
export async function finishNarrowing(
  patient: PatientSession,
  begun: UnfinishedNarrowing,
): Promise<ClientError | undefined> {
  try {
    await commit(patient, begun);
  } catch (error) {
    if (!isCallRefused(error)) throw error;
    await patient.seal(({ content, unfinished }) => ({
      content,
      unfinished: withNarrowing(unfinished, { ...begun, refused: error.code }),
    }));
    return error;
  }
  await tell(patient, begun.terms);
  await forgetNarrowing(patient, begun);
  return undefined;
}

/** At its end, or read as refused. */
export async function forgetNarrowing(patient: PatientSession, begun: UnfinishedNarrowing): Promise<void> {
  await patient.seal(({ content, unfinished }) => ({ content, unfinished: withoutNarrowing(unfinished, begun) }));
}

async function commit(patient: PatientSession, begun: UnfinishedNarrowing): Promise<void> {
  const { grant, terms, salt, madeMs, sent } = begun;
  if (sent === null) return;
  await submitGrant(await patient.at(terms.pid), sent);
  await patient.change((kept) => {
    // Another tab has sent it as well, and what came afterwards stays.
    if (!keepsNarrowing(kept.unfinished, begun)) return kept;
    // Terms and salt of before open nothing any more.
    const entry = { ...grantEntry(kept.content, grant), terms, salt, madeMs };
    const unfinished = withNarrowing(kept.unfinished, { ...begun, sent: null });
    return { content: withGrant(kept.content, entry), unfinished };
  });
}

async function tell(patient: PatientSession, { pid, grant, grantee }: Terms): Promise<void> {
  const session = await patient.at(pid);
  if (isAtHome({ grantee }, session.organisation)) return;
  const [recipient] = await recipientsOf(session.api, grantee, patient.occasion().nowMs);
  if (recipient === undefined) return;
  const { envelope } = await sealToken(patient.wallet, grant, recipient);
  await deliverToken(session, grantee, { grant, token: envelope });
}
