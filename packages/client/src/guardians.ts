import { ClientError } from './client-error.ts';
import type { NodeSession } from './session.ts';

/** Pages of acts that are asked for; a node that never comes to an end is not followed for ever. */
const PAGES_MAX = 500;

/** What a guardian did, as the ledger holds it. */
export interface GuardianAct {
  readonly callId: string;
  readonly guardian: string;
  /** `<contract>.<transaction>` */
  readonly transaction: string;
  readonly atMs: number;
}

/**
 * Who acts for the patient, and every act, newest first, page by page to the oldest: one that stands last is no less true.
 *
 * @throws ClientError `too-many-records` where the node's pages have no end
 */
export async function listGuardians<Guardian>({
  api,
  organisation,
  token,
}: NodeSession): Promise<{ readonly guardians: readonly Guardian[]; readonly acts: readonly GuardianAct[] }> {
  interface Page {
    readonly guardians: readonly Guardian[];
    readonly acts: readonly GuardianAct[];
    readonly next: string | null;
  }
  const path = `/api/v1/orgs/${organisation}/patient/guardians`;
  const acts: GuardianAct[] = [];
  for (let before: string | null = null, page = 0; page < PAGES_MAX; page += 1) {
    const answer: Page = await api.send<Page>({
      ...{ method: 'GET', path, token },
      ...(before === null ? {} : { query: { before } }),
    });
    acts.push(...answer.acts);
    if (answer.next === null) return { guardians: answer.guardians, acts };
    before = answer.next;
  }
  throw new ClientError('too-many-records', 'The node lists more acts of guardians than a client reads.');
}
