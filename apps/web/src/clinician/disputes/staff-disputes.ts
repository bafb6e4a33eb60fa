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

interface Page {
  readonly disputes: readonly OpenDispute[];
  readonly next: string | null;
}
/** Whoever has more to answer finds the rest once these are answered. */
const PAGES_MAX = 20;

export async function listOpenDisputes({ session }: StaffSession): Promise<readonly OpenDispute[]> {
  const { api, organisation, token } = session;
  const path = `/api/v1/orgs/${organisation}/disputes`;
  const found: OpenDispute[] = [];
  let after: string | null = null;
  for (let page = 0; page < PAGES_MAX; page += 1) {
    const query = { state: 'open', ...(after === null ? {} : { after }) };
    const answer: Page = await api.send<Page>({ method: 'GET', path, query, token });
    found.push(...answer.disputes);
    after = answer.next;
    if (after === null) break;
  }
  return found;
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
