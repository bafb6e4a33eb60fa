import {
  type AppUse,
  type Interaction,
  type Owner,
  pidOf,
  type Sight,
  type SightDecision,
  type SightedMeta,
  sightOf,
  type Who,
} from '@salus/records';
import type { HostedOrganisation } from '../organisation.ts';

/** Patients whose grants one request looks up. */
const PATIENTS_MAX = 10_000;

/**
 * What a back-end service sees: at home as its roles and assignments have it, and beyond that what patients granted to it
 * by name, as their grantee. Lives for one request.
 */
export function serviceSight(
  { vault, exchange }: Pick<HostedOrganisation, 'vault' | 'exchange'>,
  who: Who & { readonly kind: 'member' },
  app: Pick<AppUse, 'client' | 'chain' | 'purpose'>,
): Sight {
  const { purpose } = app;
  const home = sightOf(vault, { kind: 'member', who, purpose });
  const grants = new Map<string, Promise<string | undefined>>();
  const findGrant = async (pid: string): Promise<string | undefined> => {
    const active = await vault.grants.listActive(pid);
    const named = active.find(
      ({ terms: { kind, grantee, purposes } }) =>
        kind === 'access' && grantee.kind === 'client' && grantee.id === who.id && purposes.includes(purpose),
    );
    return named?.terms.grant;
  };
  const decideByGrant = async (
    meta: SightedMeta,
    interaction: Interaction,
    otherwise: SightDecision,
  ): Promise<SightDecision> => {
    const pid = pidOf(meta.owner);
    if (pid === undefined || (grants.size >= PATIENTS_MAX && !grants.has(pid))) return otherwise;
    const finding = grants.get(pid) ?? findGrant(pid);
    grants.set(pid, finding);
    const grant = await finding;
    return grant === undefined ? otherwise : exchange.apps.sight({ ...app, pid, grant }).decide(meta, interaction);
  };
  return {
    who,
    purpose,
    // Several patients' at once, each decided by its own.
    grant: null,
    owners: async () => {
      const owners = await home.owners();
      if (owners === 'all') return owners;
      const granting = await vault.grants.listPidsOf(who.id);
      return new Set<Owner>([...owners, ...[...granting].map((pid): Owner => `pid:${pid}`)]);
    },
    decide: async (meta, interaction = 'r') => {
      const decision = await home.decide(meta, interaction);
      const isOpen = decision.kind === 'allowed' || (interaction !== 'r' && interaction !== 's');
      return isOpen ? decision : decideByGrant(meta, interaction, decision);
    },
  };
}
