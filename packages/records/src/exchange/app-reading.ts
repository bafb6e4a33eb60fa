import type { OpenedTerms, SignedCall, Terms } from '@salus/contracts';
import { isCohort } from '../cohort.ts';
import type { KnownGrants } from '../known-grants.ts';
import type { LedgerView } from '../ledger-view.ts';
import { signNodeCall } from '../node-call.ts';
import { pidOf } from '../recipients.ts';
import { RecordsError } from '../records-error.ts';
import type { RollbackGuard } from '../rollback-guard.ts';
import type { Sight, SightDecision, SightedMeta } from '../sight.ts';
import type { AuditLog, MemberSigner, Owner, Who } from '../vault-types.ts';
import { type OpenParts, openSession } from './gateway-open.ts';
import { type DoorView, demandLiveSession, type GatewaySession } from './gateway-session.ts';
import { Openings } from './openings.ts';
import { grantedPairs, termsRelease } from './release-rules.ts';

/** Apps that hold a session at once. */
const APP_SESSIONS_MAX = 10_000;

/** An app that a patient has let in: it reads as grantee of one grant, with a key of its own that the node keeps wrapped. */
export interface AppUse {
  readonly client: MemberSigner;
  /** Of the client's certificate, leaf first. */
  readonly chain: readonly string[];
  readonly pid: string;
  readonly grant: string;
  /** HL7 v3 PurposeOfUse; the terms must name it. */
  readonly purpose: Terms['purposes'][number];
}

export interface AppReadingParts extends OpenParts, DoorView {
  readonly organisation: string;
  readonly ledger: OpenParts['ledger'] & LedgerView;
  readonly hpkeKid: string;
  readonly guard: RollbackGuard;
  readonly audit: AuditLog;
  readonly grants: Pick<KnownGrants, 'find'>;
}

/**
 * What a patient's app reads at home, in the organisation that keeps the records. As any grantee it spends a request on
 * the ledger (`consent.use`, signed with its own key) for each session of 15 minutes, and session, grant, revocation,
 * terms and clock are asked again for every record.
 */
export class AppReading {
  readonly #parts: AppReadingParts;
  readonly #openings: Openings<object, GatewaySession>;

  constructor(parts: AppReadingParts) {
    this.#parts = parts;
    this.#openings = new Openings({ clock: parts.clock, max: APP_SESSIONS_MAX });
  }

  /** Opens, or goes on with, the app's session. A contract's refusal throws `ledger-refused` with its code as detail. */
  async session(use: AppUse): Promise<GatewaySession> {
    const { client, pid, grant, purpose } = use;
    return this.#openings.open({ client: client.id, pid, grant, purpose }, () => this.#openSession(use));
  }

  /** The grantee's sight: nothing but what the terms open, as long as the grant holds. Reads only. */
  sight(use: AppUse): Sight {
    const { organisation } = this.#parts;
    const who: Who = { kind: 'member', id: use.client.id, organisation, roles: [] };
    return {
      who,
      purpose: use.purpose,
      grant: use.grant,
      owners: async () => new Set<Owner>([`pid:${use.pid}`, `org:${organisation}`]),
      decide: async (meta, interaction = 'r') => {
        if (interaction !== 'r' && interaction !== 's') return { kind: 'denied', reason: 'role' };
        const pid = pidOf(meta.owner);
        if (pid !== undefined && pid !== use.pid) return { kind: 'denied', reason: 'owner' };
        return this.#decide(use, meta, pid);
      },
    };
  }

  async #decide(use: AppUse, meta: SightedMeta, pid: string | undefined): Promise<SightDecision> {
    const { guard } = this.#parts;
    guard.demandReleasing();
    try {
      const session = await this.session(use);
      await demandLiveSession(this.#parts, session);
      // What a released record references of the organisation's own needs no grant of its own (DESIGN §5).
      if (isCohort(meta)) return { kind: 'denied', reason: 'owner' };
      if (pid === undefined) return { kind: 'allowed', reason: 'directory' };
      const terms = session.opened[0]?.terms;
      const isGranted =
        terms !== undefined &&
        grantedPairs(terms, session.categories).includes(meta.pair) &&
        termsRelease(terms, { recordId: meta.recordId, meta });
      return isGranted ? { kind: 'allowed', reason: 'grant' } : { kind: 'denied', reason: 'terms' };
    } catch (error) {
      const isOver =
        error instanceof RecordsError && (error.code === 'session-ended' || error.code === 'ledger-refused');
      if (isOver) return { kind: 'denied', reason: error.detail ?? error.code };
      throw error;
    }
  }

  async #openSession(use: AppUse): Promise<GatewaySession> {
    const { chain, pid, grant, purpose } = use;
    const { clock, grants, organisation, hpkeKid, sessions, audit } = this.#parts;
    const token: OpenedTerms | undefined = await grants.find(pid, grant);
    if (token === undefined) throw new RecordsError('session-ended', 'no such grant', { detail: 'grant-unknown' });
    const request = await signUse(this.#parts, use, token);
    const body = { request, chain, token, ancestors: [], recipientKid: hpkeKid };
    const { session } = await openSession(this.#parts, organisation, body);
    const opened = await sessions.find(session);
    if (opened === undefined) throw new RecordsError('corrupt', 'a session that was opened is not there');
    const who: Who = { kind: 'member', ...opened.reader };
    const about = { pid, who, purpose, grant, session, records: [], outcome: 'ok', request };
    await audit.append({ kind: 'session', atMs: clock(), ...about });
    return opened;
  }
}

/** The app's own request, by which it spends one use of a grant. */
export async function signUse(
  { network, clock }: Pick<AppReadingParts, 'network' | 'clock'>,
  { client, purpose }: Pick<AppUse, 'client' | 'purpose'>,
  { terms: { pid, grant, categories } }: OpenedTerms,
): Promise<SignedCall> {
  const args = { pid, grant, purpose, categories };
  const { call } = await signNodeCall({ network, clock, node: client }, { transaction: 'consent.useRequest', args });
  return call;
}
