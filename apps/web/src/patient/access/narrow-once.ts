import { deliverToken, isAtHome, isCallRefused, recipientsOf, submitGrant } from '@salus/client';
import type { Terms } from '@salus/contracts';
import { grantEntry, narrow, sealToken, withGrant } from '@salus/wallet';
import type { PatientSession } from '../../session/index.ts';
import { type UnfinishedNarrowing, withoutNarrowing, withUnfinishedNarrowing } from '../../session/unfinished.ts';

/**
 * Narrows a running grant to `next`: signs, commits, and hands the grantee the token of the new terms, without which the
 * grantee reads nothing. What was begun and not answered is brought to its end first.
 *
 * @throws ClientError as the node does; `findUnfinished` then tells whether something is left to finish
 */
export async function narrowOnce(patient: PatientSession, next: Terms): Promise<void> {
  const { grant } = next;
  const begun = findUnfinished(patient, grant);
  if (begun !== undefined) await finishNarrowing(patient, begun);
  const agreed = grantEntry(patient.wallet.content, grant);
  if (JSON.stringify(agreed.terms) === JSON.stringify(next)) return;
  const prepared = await narrow(patient.wallet, patient.occasion(), { grant, change: next });
  const { call, privateArgs } = prepared;
  const { terms, salt, madeMs } = grantEntry(prepared.wallet.content, grant);
  const begins: UnfinishedNarrowing = { grant, terms, salt, madeMs, sent: { call, privateArgs } };
  await patient.seal(({ content, unfinished }) => ({
    content,
    unfinished: withUnfinishedNarrowing(unfinished, begins),
  }));
  await finishNarrowing(patient, begins, { isFirst: true });
}

/** A narrowing of this grant that was begun and whose end is not known, or that the grantee was not told of. */
export function findUnfinished(patient: PatientSession, grant: string): UnfinishedNarrowing | undefined {
  return patient.unfinished.narrowings?.find((begun) => begun.grant === grant);
}

/** Sends the same call again, which the ledger takes once; what the ledger refused is forgotten. */
export async function finishNarrowing(
  patient: PatientSession,
  begun: UnfinishedNarrowing,
  { isFirst = false }: { readonly isFirst?: boolean } = {},
): Promise<void> {
  const { grant } = begun;
  try {
    await commit(patient, begun);
  } catch (error) {
    if (!isCallRefused(error)) throw error;
    await patient.seal(({ content, unfinished }) => ({ content, unfinished: withoutNarrowing(unfinished, grant) }));
    if (isFirst) throw error;
    return;
  }
  await tell(patient, begun.terms);
  await patient.seal(({ content, unfinished }) => ({ content, unfinished: withoutNarrowing(unfinished, grant) }));
}

async function commit(patient: PatientSession, begun: UnfinishedNarrowing): Promise<void> {
  const { grant, terms, salt, madeMs, sent } = begun;
  if (sent === null) return;
  await submitGrant(await patient.at(terms.pid), sent);
  // Terms and salt of before open nothing any more.
  await patient.change(({ content, unfinished }) => ({
    content: withGrant(content, { ...grantEntry(content, grant), terms, salt, madeMs }),
    unfinished: withUnfinishedNarrowing(unfinished, { ...begun, sent: null }),
  }));
}

async function tell(patient: PatientSession, { pid, grant, grantee }: Terms): Promise<void> {
  const { api, organisation } = await patient.at(pid);
  if (isAtHome({ grantee }, organisation)) return;
  const [recipient] = await recipientsOf(api, grantee, patient.occasion().nowMs);
  if (recipient === undefined) return;
  const { envelope } = await sealToken(patient.wallet, grant, recipient);
  await deliverToken(api, grantee, envelope);
}
