import type { DisputeOutcome, SignedCall } from '@salus/contracts';
import { answerDispute } from '@salus/wallet';
import type { StaffSession } from '../../session/index.ts';

/** A patient's open statement about a record that this person sees. */
export interface OpenDispute {
  readonly dispute: string;
  readonly type: string;
  readonly atMs: number;
  readonly text: string;
  /** The patient's signed call; its signer names the pid. */
  readonly call: SignedCall;
  /** FHIR id; null where the patient is not known by one any more. */
  readonly patient: string | null;
}

export async function listOpenDisputes({ session }: StaffSession): Promise<readonly OpenDispute[]> {
  const { api, organisation, token } = session;
  const path = `/api/v1/orgs/${organisation}/disputes`;
  const query = { state: 'open' };
  return (await api.send<{ disputes: readonly OpenDispute[] }>({ method: 'GET', path, query, token })).disputes;
}

/** Signs an answer with the person's own key and hands it to the node, which tells the patient. */
export async function sendDisputeAnswer(
  staff: StaffSession,
  { dispute, call: stated }: OpenDispute,
  { outcome, text }: { readonly outcome: DisputeOutcome; readonly text: string },
): Promise<void> {
  const { wallet, occasion, session } = staff.atWork();
  const { api, organisation, token } = session;
  const pid = pidOf(stated);
  const { call, privateArgs } = await answerDispute(wallet, occasion, { pid, dispute, outcome, text });
  const path = `/api/v1/orgs/${organisation}/disputes/${encodeURIComponent(dispute)}/answers`;
  await api.send({ method: 'POST', path, body: { call, privateArgs }, token, repeatable: true });
}

/** `pid:<pid>/<kid>` */
function pidOf({ payload }: SignedCall): string {
  return payload.signer.slice('pid:'.length, payload.signer.indexOf('/'));
}
