import {
  type DeviceFact,
  deviceKey,
  type HpkeKeyFact,
  isLive,
  NETWORK_KEY,
  type NetworkFact,
  type PatientFact,
  patientKey,
  type RootsFact,
  rootsKey,
  type Terms,
} from '@salus/contracts';
import { kidOf } from '@salus/crypto';
import { PAIRS } from '@salus/fhir';
import type { Ledger } from '@salus/ledger';
import type { KnownGrants } from './known-grants.ts';
import type { Clock, Owner, Recipient } from './vault-types.ts';

/**
 * Who may be sealed an owner's keys, read from the ledger at this moment: nothing that a caller says is believed
 * (DESIGN §5: only to devices of the pid, the author's organisation, and keys that the ledger lists for a grantee).
 */
export interface Recipients {
  /** The organisation's own live keys and, for a pid, its active devices. */
  ofOwner(owner: Owner): Promise<readonly Recipient[]>;
  /** Every member organisation's live keys. */
  ofMembers(): Promise<readonly Recipient[]>;
  /** Keys of the grantees whose active grants cover the pair. */
  ofGrants(owner: Owner, pair: number): Promise<readonly Recipient[]>;
}

export function createRecipients(parts: {
  readonly organisation: string;
  readonly ledger: Ledger;
  readonly grants: KnownGrants;
  readonly clock: Clock;
}): Recipients {
  const { organisation, ledger, grants, clock } = parts;

  const listedKeys = async (name: string): Promise<readonly HpkeKeyFact[]> => {
    const roots = (await ledger.get(rootsKey(name))) as RootsFact | undefined;
    if (roots === undefined || roots.status !== 'active') return [];
    return roots.hpke.filter((key) => isLive(key, clock()));
  };

  const devicesOf = async (pid: string): Promise<readonly Recipient[]> => {
    const patient = (await ledger.get(patientKey(pid))) as PatientFact | undefined;
    const kids = [...(patient?.devices ?? []), ...(patient?.guardians ?? [])];
    const facts = await Promise.all(kids.map((kid) => ledger.get(deviceKey(pid, kid))));
    return (facts as (DeviceFact | undefined)[]).flatMap((fact) =>
      fact !== undefined && mayOpen(fact, clock())
        ? [{ kid: kidOf(fact.hpke), publicKey: fact.hpke, grant: null }]
        : [],
    );
  };

  return {
    ofOwner: async (owner) => {
      const own = (await listedKeys(organisation)).filter((key) => key.holder === 'organisation');
      const recipients = own.map(({ kid, publicKey }): Recipient => ({ kid, publicKey, grant: null }));
      const pid = pidOf(owner);
      return pid === undefined ? recipients : [...recipients, ...(await devicesOf(pid))];
    },
    ofMembers: async () => {
      const network = (await ledger.get(NETWORK_KEY)) as NetworkFact | undefined;
      const keys = await Promise.all((network?.organisations ?? []).map(listedKeys));
      return keys
        .flat()
        .filter((key) => key.holder === 'organisation')
        .map(({ kid, publicKey }): Recipient => ({ kid, publicKey, grant: null }));
    },
    ofGrants: async (owner, pair) => {
      const pid = pidOf(owner);
      if (pid === undefined) return [];
      const covering = (await grants.listActive(pid)).filter(({ terms }) => covers(terms, pair));
      const recipients = await Promise.all(
        covering.map(async ({ terms }) => {
          const { grantee, grant } = terms;
          if (grantee.kind === 'card') return [];
          const keys = await listedKeys(grantee.organisation);
          const own = keys.filter(({ holder }) => grantee.kind === 'client' && holder === grantee.id);
          // An app has no key of its own: elsewhere its node reads for it, and at home its node holds the keys already.
          const isNodes = grantee.kind !== 'client' || grantee.organisation !== organisation;
          const listed = own.length > 0 || !isNodes ? own : keys.filter(({ holder }) => holder === 'organisation');
          return listed.map(({ kid, publicKey }): Recipient => ({ kid, publicKey, grant }));
        }),
      );
      return recipients.flat();
    },
  };
}

/** A guardian who neither reads nor grants needs no key, and after the end none. */
function mayOpen({ status, guardian }: DeviceFact, nowMs: number): boolean {
  if (status !== 'active') return false;
  if (guardian === undefined) return true;
  return nowMs < guardian.untilMs && (guardian.scope.includes('read') || guardian.scope.includes('consent'));
}

/** Do the terms name the pair's category and label class? */
export function covers(terms: Pick<Terms, 'categories' | 'labelClasses'>, pair: number): boolean {
  const named = PAIRS[pair];
  return (
    named !== undefined && terms.categories.includes(named.category) && terms.labelClasses.includes(named.labelClass)
  );
}

/** The pid of a patient's owner name; undefined for an organisation. */
export function pidOf(owner: Owner): string | undefined {
  return owner.startsWith('pid:') ? owner.slice('pid:'.length) : undefined;
}
