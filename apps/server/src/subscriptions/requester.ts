import type { Sight, VaultCaller } from '@salus/records';
import { sightOf } from '@salus/records';
import type { FastifyRequest } from 'fastify';
import { sessionOf, staffOf } from '../http/access.ts';
import { findLiveIdentity, findPatientKey } from '../identities.ts';
import type { HostedOrganisation } from '../organisation.ts';
import type { AppToken } from '../smart/app-access.ts';

/** Who asked to be told, in a form that outlives the session: what they may see is asked anew at each notification. */
export type Requester =
  | { readonly kind: 'member'; readonly id: string; readonly account: string; readonly purpose: string }
  | { readonly kind: 'patient'; readonly pid: string; readonly kid: string }
  | { readonly kind: 'app'; readonly token: AppToken };

/** Finds the caller that an app's authorisation stands for now; undefined when it stands for none any more. */
export type AppRecall = (organisation: string, token: AppToken) => Promise<VaultCaller | undefined>;

export function requesterOf(request: FastifyRequest): Requester {
  if (request.app !== null) return { kind: 'app', token: request.app.token };
  const { principal } = sessionOf(request);
  if (principal.kind === 'patient') return { kind: 'patient', pid: principal.pid, kid: principal.kid };
  const { id, account } = staffOf(request);
  return { kind: 'member', id, account, purpose: 'TREAT' };
}

/** Two requesters are one when the same person, device or authorisation stands behind them. */
export function isSame(a: Requester, b: Requester): boolean {
  return requesterName(a) === requesterName(b);
}

export function requesterName(requester: Requester): string {
  return JSON.stringify(nameOf(requester));
}

function nameOf(requester: Requester): readonly (string | null)[] {
  switch (requester.kind) {
    case 'member':
      return ['member', requester.id];
    case 'patient':
      return ['patient', requester.pid];
    case 'app':
      return ['app', requester.token.clientId, requester.token.grantId];
  }
}

/** A requester as whoever they are now. */
export interface Recalled {
  readonly caller: VaultCaller;
  readonly sight: Sight;
}

/** What the requester may see now, by the ledger's word; undefined when nothing any more. */
export async function recall(
  organisation: HostedOrganisation,
  requester: Requester,
  recallApp: AppRecall,
): Promise<Recalled | undefined> {
  const caller = await recallCaller(organisation, requester, recallApp);
  return caller === undefined ? undefined : { caller, sight: sightOf(organisation.vault, caller) };
}

async function recallCaller(
  { vault, slug, accounts }: HostedOrganisation,
  requester: Requester,
  recallApp: AppRecall,
): Promise<VaultCaller | undefined> {
  switch (requester.kind) {
    case 'member': {
      const { id, account, purpose } = requester;
      if ((await accounts.find(account))?.disabledMs !== null) return undefined;
      const person = await findLiveIdentity(vault.ledger, { id, organisation: slug, nowMs: vault.clock() });
      if (person === undefined) return undefined;
      return { kind: 'member', who: { kind: 'member', id, organisation: slug, roles: person.roles }, purpose };
    }
    case 'patient': {
      const { pid, kid } = requester;
      const key = await findPatientKey(vault.ledger, { organisation: slug, pid, kid, nowMs: vault.clock() });
      return key === undefined ? undefined : { kind: 'patient', who: { kind: 'patient', pid, kid } };
    }
    case 'app':
      return recallApp(slug, requester.token);
  }
}
