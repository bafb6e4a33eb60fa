import { BoundedCache } from '../bounded-cache.ts';
import { type AppUse, signUse } from '../exchange/app-reading.ts';
import { type GrantToken, type GrantTokens, isHolder } from '../exchange/grant-tokens.ts';
import { APP_READINGS_MAX } from '../exchange/open-readings.ts';
import { Openings } from '../exchange/openings.ts';
import type { ExchangeReader } from '../exchange/reader.ts';
import { RecordsError } from '../records-error.ts';
import type { Clock } from '../vault-types.ts';
import { isOver, isTheirs, type Member } from './foreign-access.ts';
import type { ForeignGrant, ForeignGrants } from './foreign-grants.ts';

/** Sessions elsewhere that one app opens of one patient at once. */
export const SESSIONS_PER_APP_MAX = 8;
/** What was refused, or not answered, is not asked again before. */
const RETRY_MS = 60_000;
/** Grants of which that is remembered. */
const REFUSED_MAX = 10_000;

interface Parts {
  readonly network: string;
  readonly organisation: string;
  readonly clock: Clock;
  readonly grants: ForeignGrants;
  readonly tokens: Pick<GrantTokens, 'find' | 'isActive' | 'listen'>;
  readonly reader: Pick<ExchangeReader, 'open' | 'close'>;
}

/** What a session is opened for. */
type About = ForeignGrant & Pick<AppUse, 'purpose'> & { readonly client: string; readonly ownPid: string };

interface Refused {
  /** A refusal is an answer, silence is none. */
  readonly isAnswer: boolean;
  readonly untilMs: number;
}

/**
 * Sessions at other organisations that patients' apps read in: under a grant there whose grantee is the app, handed over by the
 * patient here. As at home, each is a request on the ledger (`consent.use`) signed with the app's own key, never with a patient's.
 */
export class ForeignSessions {
  readonly #parts: Parts;
  readonly #openings: Openings<About, string>;
  readonly #refused = new BoundedCache<Refused>(REFUSED_MAX);

  constructor(parts: Parts) {
    this.#parts = parts;
    const { clock, tokens, reader } = parts;
    this.#openings = new Openings({ clock, max: APP_READINGS_MAX, drop: (session) => reader.close(session) });
    // Narrower terms end the session that was opened by the wider ones.
    tokens.listen(({ terms }) => {
      this.#openings.end(({ pid, grant }) => pid === terms.pid && grant === terms.grant);
      this.#refused.delete(nameOf(terms));
    });
  }

  /** What the patient of `ownPid` handed over. */
  listOf(ownPid: string): Promise<readonly ForeignGrant[]> {
    return this.#parts.grants.listOf(ownPid);
  }

  /** Keeps a grant that the patient of `ownPid` handed over; `overloaded` beyond `FOREIGN_GRANTS_MAX`. */
  handOver(ownPid: string, grant: ForeignGrant): Promise<void> {
    return this.#parts.grants.add(ownPid, grant);
  }

  /** Forgets one grant that a patient handed over. */
  async takeBack(ownPid: string, grant: ForeignGrant): Promise<void> {
    await this.#parts.grants.remove(ownPid, grant);
    this.#openings.end((about) => about.ownPid === ownPid && nameOf(about) === nameOf(grant));
  }

  /** Forgets what a patient handed over, and ends the sessions of apps that rest on it. */
  async forget(ownPid: string): Promise<void> {
    await this.#parts.grants.clear(ownPid);
    this.#openings.end((about) => about.ownPid === ownPid);
  }

  /**
   * Opens what the app may open of its patient elsewhere, or at one place there, as far as it is not open; false where that is
   * not everything: a node did not answer as it should, or too much is open already.
   */
  async open(use: AppUse, at: Partial<Pick<ForeignGrant, 'author' | 'pid'>> = {}): Promise<boolean> {
    const handed = await this.#parts.grants.listOf(use.pid);
    const isOpen = (grant: ForeignGrant): boolean => this.#openings.find(aboutOf(use, grant)) !== undefined;
    const room = { left: SESSIONS_PER_APP_MAX - handed.filter(isOpen).length };
    const asked = handed.filter(({ author, pid }) => author === (at.author ?? author) && pid === (at.pid ?? pid));
    const answered = await Promise.all(asked.map((grant) => this.#openOne(use, grant, room)));
    return answered.every((each) => each);
  }

  /** Whatever fails of what others hold takes nobody's own records away. */
  async #openOne(use: AppUse, grant: ForeignGrant, room: { left: number }): Promise<boolean> {
    const about = aboutOf(use, grant);
    const known = this.#openings.find(about);
    const refused = this.#refused.find(nameOf(grant));
    const { clock } = this.#parts;
    if (known === undefined && refused !== undefined && clock() < refused.untilMs) return refused.isAnswer;
    try {
      if (known === undefined) {
        const token = await this.#findUsable(use, grant);
        if (token === undefined) return true;
        room.left -= 1;
        if (room.left < 0) return false;
        await this.#openings.open(about, () => this.#begin(use, grant, token));
      } else await known;
      return true;
    } catch (error) {
      const isAnswer = isOver(error);
      const isFull = error instanceof RecordsError && error.code === 'overloaded';
      if (!isAnswer && !isFull && !isTheirs(error)) throw error;
      this.#refused.put(nameOf(grant), { isAnswer, untilMs: clock() + RETRY_MS });
      return isAnswer;
    }
  }

  /** undefined: it is another app's, for another purpose, or has ended, and then it is forgotten. */
  async #findUsable(use: AppUse, grant: ForeignGrant): Promise<GrantToken | undefined> {
    const { tokens, grants } = this.#parts;
    const token = await tokens.find(grant.pid, grant.grant);
    if (token === undefined || !(await tokens.isActive(token))) {
      await grants.remove(use.pid, grant);
      return undefined;
    }
    return isForUse(token, this.#whoOf(use), use) ? token : undefined;
  }

  async #begin(use: AppUse, { author }: ForeignGrant, token: GrantToken): Promise<string> {
    const request = await signUse(this.#parts, use, token);
    const { id, organisation, roles } = this.#whoOf(use);
    const { session } = await this.#parts.reader.open({
      ...{ author, request, chain: use.chain, token, ancestors: [], ownPid: use.pid },
      ...{ reader: { id, organisation, roles }, isApp: true },
    });
    return session;
  }

  #whoOf({ client }: AppUse): Member {
    return { kind: 'member', id: client.id, organisation: this.#parts.organisation, roles: [] };
  }
}

function aboutOf({ client, pid: ownPid, purpose }: AppUse, { author, pid, grant }: ForeignGrant): About {
  return { client: client.id, ownPid, purpose, author, pid, grant };
}

function nameOf({ pid, grant }: Pick<ForeignGrant, 'pid' | 'grant'>): string {
  return `${pid} ${grant}`;
}

/** A first look, before a use of the grant is spent; the contract decides. */
function isForUse({ terms }: GrantToken, who: Member, { purpose }: AppUse): boolean {
  const { grantee, purposes, kind } = terms;
  return kind === 'access' && grantee.kind === 'client' && isHolder(terms, who) && purposes.includes(purpose);
}
