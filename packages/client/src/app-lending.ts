import { delegation } from '@salus/wallet';
import type { StaffAtWork } from './session.ts';

/** What an app may do in the name that it is lent: write records, and nothing about who is a patient. */
const LENT_SCOPE = ['record.commit', 'record.correct', 'record.tombstone'] as const;

/** An app or service that acts at the person's organisation. */
export interface StaffApp {
  /** Its certified id, which is its `client_id`. */
  readonly client: string;
  readonly name: string;
  /** Everything that it may ever ask for. */
  readonly scopes: readonly string[];
  readonly usedBy: 'staff' | 'patient' | 'service';
  /** Could it write for staff, lent a name? */
  readonly mayWrite: boolean;
  /** What this person has lent it: `contract.transaction` each. */
  readonly lent: { readonly scope: readonly string[]; readonly fromMs: number; readonly untilMs: number } | null;
}

export async function listStaffApps({
  api,
  organisation,
  token,
}: StaffAtWork['session']): Promise<readonly StaffApp[]> {
  const path = `/api/v1/orgs/${organisation}/apps`;
  const { apps } = await api.send<{ apps: readonly StaffApp[] }>({ method: 'GET', path, token });
  return apps;
}

/** Lets an app write records under the person's name: the person's key signs so here. Answers until when, by the node's word. */
export async function lendToApp(
  { session, wallet, occasion }: StaffAtWork,
  { client, forMs }: { readonly client: string; readonly forMs: number },
): Promise<number> {
  const signed = await delegation(wallet, occasion, { delegate: client, scope: LENT_SCOPE, forMs });
  const { api, token } = session;
  const given = { path: pathOf(session, client), body: { delegation: signed }, token };
  const { untilMs } = await api.send<{ untilMs: number }>({ method: 'PUT', ...given });
  return untilMs;
}

/** The app's next write is refused. */
export async function takeBackFromApp(session: StaffAtWork['session'], client: string): Promise<void> {
  await session.api.send({ method: 'DELETE', path: pathOf(session, client), token: session.token });
}

function pathOf({ organisation }: StaffAtWork['session'], client: string): string {
  return `/api/v1/orgs/${organisation}/clients/${encodeURIComponent(client)}/delegation`;
}
