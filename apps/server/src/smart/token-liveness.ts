import { type GrantFact, grantKey } from '@salus/contracts';
import type { AdapterPayload } from 'oidc-provider';
import { findLiveIdentity } from '../identities.ts';
import type { HostedOrganisation } from '../organisation.ts';
import type { SmartClients } from './clients.ts';
import type { LaunchContext, LaunchContexts } from './launch-context.ts';
import { passwordMark } from './staff-login.ts';

interface LivenessParts extends Pick<HostedOrganisation, 'vault' | 'accounts'> {
  readonly clients: SmartClients;
  readonly contexts: LaunchContexts;
}

/** Whether what a token rests on still stands: client, grant or person, asked of the ledger at each use. */
export class TokenLiveness {
  readonly #parts: LivenessParts;

  constructor(parts: LivenessParts) {
    this.#parts = parts;
  }

  async isLive({ clientId, grantId }: Pick<AdapterPayload, 'clientId' | 'grantId'>): Promise<boolean> {
    const { clients, contexts } = this.#parts;
    if (clientId === undefined || !(await clients.isLive(clientId))) return false;
    if (grantId === undefined) return true;
    const context = await contexts.find(grantId);
    return context !== undefined && this.#holds(context);
  }

  async #holds(context: LaunchContext): Promise<boolean> {
    const { vault, accounts } = this.#parts;
    const { ledger, grants, organisation, clock } = vault;
    if (context.kind === 'patient') {
      const fact = (await ledger.get(grantKey(context.pid, context.grant))) as GrantFact | undefined;
      const opened = await grants.find(context.pid, context.grant);
      return fact?.status === 'active' && opened !== undefined && clock() <= opened.terms.notAfterMs;
    }
    const { id, account: name, passwordMark: mark } = context;
    const person = await findLiveIdentity(ledger, { id, organisation, nowMs: clock() });
    const account = await accounts.find(name);
    const isOpen = account?.disabledMs === null && passwordMark(account) === mark;
    return person?.kind === 'staff' && isOpen;
  }
}
