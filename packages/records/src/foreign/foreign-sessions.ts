import { SESSION_MS } from '@salus/contracts';
import type { AppUse } from '../exchange/app-reading.ts';
import { APP_SESSIONS_MAX } from '../exchange/app-reading.ts';
import { type GrantToken, type GrantTokens, isHolder } from '../exchange/grant-tokens.ts';
import type { ExchangeReader } from '../exchange/reader.ts';
import { signNodeCall } from '../node-call.ts';
import { RecordsError } from '../records-error.ts';
import type { Clock } from '../vault-types.ts';
import { isOver, isTheirs, type Member } from './foreign-access.ts';
import type { ForeignGrant, ForeignGrants } from './foreign-grants.ts';

/** A session that ends this soon is replaced: what it reads would be cut off. */
const RENEW_MS = SESSION_MS / 15;
/** What was refused, or not answered, is not asked again before. */
const RETRY_MS = 60_000;

interface Parts {
  readonly network: string;
  readonly organisation: string;
  readonly clock: Clock;
  readonly grants: ForeignGrants;
  readonly tokens: GrantTokens;
  readonly reader: ExchangeReader;
}

interface Opening {
  readonly ownPid: string;
  readonly grant: string;
  /** Did the author's node answer? A refusal is an answer. */
  readonly done: Promise<boolean>;
  untilMs: number;
  session: string | undefined;
}

/**
 * Sessions at other organisations that patients' apps read in: under a grant there whose grantee is the app, handed over by the
 * patient here. As at home, each is a request on the ledger (`consent.use`) signed with the app's own key, never with a patient's.
 */
export class ForeignSessions {
  readonly #parts: Parts;
  readonly #openings = new Map<string, Opening>();

  constructor(parts: Parts) {
    this.#parts = parts;
    // Narrower terms end the session that was opened by the wider ones.
    parts.tokens.listen(({ terms }) => this.#end((opening) => opening.grant === terms.grant));
  }

  /** Keeps a grant that the patient of `ownPid` handed over; `overloaded` beyond `FOREIGN_GRANTS_MAX`. */
  handOver(ownPid: string, grant: ForeignGrant): Promise<void> {
    return this.#parts.grants.add(ownPid, grant);
  }

  /** Forgets what a patient handed over, and ends the sessions of apps that rest on it. */
  async forget(ownPid: string): Promise<void> {
    await this.#parts.grants.clear(ownPid);
    this.#end((opening) => opening.ownPid === ownPid);
  }

  /** Opens what the app may open of its patient elsewhere, as far as it is not open; false where a node did not answer. */
  async open(use: AppUse): Promise<boolean> {
    const { grants } = this.#parts;
    const answered = await Promise.all((await grants.listOf(use.pid)).map((grant) => this.#openOne(use, grant)));
    return answered.every((each) => each);
  }

  async #openOne(use: AppUse, grant: ForeignGrant): Promise<boolean> {
    const key = JSON.stringify([use.client.id, use.pid, grant.author, grant.pid, grant.grant, use.purpose]);
    const nowMs = this.#parts.clock();
    const known = this.#openings.get(key);
    if (known !== undefined && nowMs < known.untilMs) return known.done;
    this.#makeRoom(nowMs);
    const { promise, resolve, reject } = Promise.withResolvers<boolean>();
    const opening: Opening = {
      ...{ ownPid: use.pid, grant: grant.grant, done: promise, session: undefined },
      untilMs: nowMs + SESSION_MS - RENEW_MS,
    };
    this.#openings.set(key, opening);
    this.#begin(use, grant, { key, opening }).then(resolve, reject);
    try {
      return await promise;
    } catch (error) {
      if (this.#openings.get(key) === opening) this.#openings.delete(key);
      throw error;
    }
  }

  async #begin(
    use: AppUse,
    grant: ForeignGrant,
    { key, opening }: { readonly key: string; readonly opening: Opening },
  ): Promise<boolean> {
    const { tokens, grants, organisation, reader, network, clock } = this.#parts;
    const token = await tokens.find(grant.pid, grant.grant);
    if (token === undefined || !(await tokens.isActive(token))) {
      await grants.remove(use.pid, grant);
      return true;
    }
    const who: Member = { kind: 'member', id: use.client.id, organisation, roles: [] };
    if (!isForUse(token, who, use)) return true;
    const { pid, categories } = token.terms;
    const { call: request } = await signNodeCall(
      { network, clock, node: use.client },
      { transaction: 'consent.useRequest', args: { pid, grant: grant.grant, purpose: use.purpose, categories } },
    );
    try {
      const { session } = await reader.open({
        ...{ author: grant.author, request, chain: use.chain, token, ancestors: [], ownPid: use.pid },
        reader: { id: who.id, organisation, roles: [] },
      });
      opening.session = session;
      // Taken back while it was opened.
      if (this.#openings.get(key) !== opening) reader.close(session);
      return true;
    } catch (error) {
      if (!isOver(error) && !isTheirs(error)) throw error;
      opening.untilMs = clock() + RETRY_MS;
      return isOver(error);
    }
  }

  #end(ends: (opening: Opening) => boolean): void {
    for (const [key, opening] of this.#openings) {
      if (!ends(opening)) continue;
      this.#openings.delete(key);
      if (opening.session !== undefined) this.#parts.reader.close(opening.session);
    }
  }

  #makeRoom(nowMs: number): void {
    if (this.#openings.size < APP_SESSIONS_MAX) return;
    for (const [key, { untilMs }] of this.#openings) if (untilMs <= nowMs) this.#openings.delete(key);
    if (this.#openings.size >= APP_SESSIONS_MAX)
      throw new RecordsError('overloaded', 'too many apps read elsewhere at once');
  }
}

/** A first look, before a use of the grant is spent; the contract decides. */
function isForUse({ terms }: GrantToken, who: Member, { purpose }: AppUse): boolean {
  const { grantee, purposes, kind } = terms;
  return kind === 'access' && grantee.kind === 'client' && isHolder(terms, who) && purposes.includes(purpose);
}
