import { randomBytes } from 'node:crypto';
import { type DeviceFact, deviceKey } from '@salus/contracts';
import type { Json } from '@salus/crypto';
import { KeyedLocks, type Vault } from '@salus/records';
import { Gate } from '../gate.ts';
import { hashPassword, verifyPassword } from '../passwords.ts';
import { ServerError } from '../server-error.ts';

/** Of one patient, past ones too until they are removed. */
export const LINKS_PER_PATIENT_MAX = 50;
/** From so many on the oldest that have ended are forgotten when another is made. */
const ENDED_KEPT_MAX = 20;
export const FILES_MAX = 8;
/** Of one compact JWE; a document of the vault holds 4 MiB. */
export const FILE_CHARACTERS_MAX = 3_000_000;
/** Wrong passcodes in a link's whole life (SMART Health Links 1.0, "Monitoring remaining attempts"). */
export const PASSCODE_TRIES = 10;
/** Who came with a link that had ended: told to the patient so often, whoever goes on trying. */
export const REFUSED_LOGGED_MAX = 20;
/** The longest that a link may live. */
export const LINK_MAX_MS = 366 * 86_400_000;
const ID_BYTES = 32;
/** Argon2 takes 19 MiB and a core each. */
const PASSCODES_AT_ONCE = 2;
const PASSCODES_WAITING = 32;

export interface HealthLinkFile {
  readonly contentType: string;
  /** RFC 7516 §3.1; the node has no key to it. */
  readonly jwe: string;
}

export interface HealthLink {
  readonly pid: string;
  readonly createdMs: number;
  readonly expiresMs: number;
  readonly flags: string;
  /** Argon2id in PHC format. */
  readonly passcode: string | null;
  /** Counted before a passcode is looked at, so that a crash gives nobody another try. */
  readonly tries: number;
  readonly opened: number;
  readonly lastOpenedMs: number | null;
  /** How often somebody came with it after its end, as far as it was logged. Absent: never. */
  readonly refused?: number;
  readonly revokedMs: number | null;
  readonly contentTypes: readonly string[];
  /** The key of the guardian who made it: it ends with them. Absent: the patient did. */
  readonly guardian?: string;
}

/** Who makes a link. */
export interface LinkMaker {
  readonly pid: string;
  readonly guardian?: { readonly kid: string; readonly untilMs: number };
}

type LinkState = 'active' | 'expired' | 'revoked' | 'locked';

/** An opening that the patient is told of: of a link that there was, and that had ended. */
export interface RefusedOpening {
  readonly pid: string;
  readonly state: LinkState;
}

/** What somebody who came with a link gets. */
type Opening =
  | { readonly kind: 'open'; readonly link: HealthLink }
  | { readonly kind: 'passcode'; readonly remainingAttempts: number; readonly wrongFor: HealthLink | null }
  | { readonly kind: 'none'; readonly refused: RefusedOpening | null };

const makingGate = new Gate({ running: PASSCODES_AT_ONCE, waiting: PASSCODES_WAITING });
const openingGate = new Gate({ running: PASSCODES_AT_ONCE, waiting: PASSCODES_WAITING });
const locks = new KeyedLocks();

/** Encrypted files that patients let out by link: the key is in the link, behind the `#`, and never comes here. */
export class HealthLinks {
  readonly #vault: Pick<Vault, 'documents' | 'clock' | 'ledger'>;

  constructor(vault: Pick<Vault, 'documents' | 'clock' | 'ledger'>) {
    this.#vault = vault;
  }

  /**
   * A guardian's link ends with the guardianship at the latest.
   *
   * @returns the link's id, 256 random bits, and its end. `overloaded` where the patient has too many.
   */
  async create(
    { pid, guardian }: LinkMaker,
    given: {
      readonly files: readonly HealthLinkFile[];
      readonly expiresMs: number;
      readonly flags: string;
      readonly passcode: string | null;
    },
  ): Promise<{ readonly id: string; readonly expiresMs: number }> {
    const { documents, clock } = this.#vault;
    const { files, flags } = given;
    const expiresMs = Math.min(given.expiresMs, guardian?.untilMs ?? given.expiresMs);
    const passcode = given.passcode === null ? null : await makingGate.run(() => hashPassword(given.passcode!));
    return this.#locked(pid, async () => {
      const known = await this.#withoutEnded(await this.#idsOf(pid));
      if (known.length >= LINKS_PER_PATIENT_MAX)
        throw new ServerError('overloaded', 'There are too many links: remove some.');
      const id = randomBytes(ID_BYTES).toString('base64url');
      for (const [number, { jwe }] of files.entries())
        await documents.put('health-link', fileName(id, number), { jwe });
      const link: HealthLink = {
        ...{ pid, createdMs: clock(), expiresMs, flags, passcode, tries: 0, opened: 0, lastOpenedMs: null },
        ...{ revokedMs: null, contentTypes: files.map(({ contentType }) => contentType) },
        ...(guardian === undefined ? {} : { guardian: guardian.kid }),
      };
      await this.#put(id, link);
      await documents.put('health-link', listName(pid), [...known, id]);
      return { id, expiresMs };
    });
  }

  async list(pid: string): Promise<readonly (HealthLink & { readonly id: string; readonly state: LinkState })[]> {
    const ids = await this.#idsOf(pid);
    const links = await Promise.all(
      ids.map(async (id) => {
        const link = await this.#find(id);
        return link === undefined ? [] : [{ id, ...link, state: await this.#stateOf(link) }];
      }),
    );
    return links.flat();
  }

  /** Destroys the files; the link stays listed as revoked. Another patient's link is as unknown as none: `not-found`. */
  async revoke(pid: string, id: string): Promise<void> {
    const { documents, clock } = this.#vault;
    await this.#locked(id, async () => {
      const link = await this.#find(id);
      if (link?.pid !== pid) throw new ServerError('not-found', 'There is no such link.');
      await this.#put(id, { ...link, revokedMs: link.revokedMs ?? clock() });
      for (const number of link.contentTypes.keys()) await documents.delete('health-link', fileName(id, number));
    });
  }

  /** Decides about one try, one after the other for each link. */
  async open(id: string, passcode: string | undefined): Promise<Opening> {
    return this.#locked(id, async () => {
      const link = await this.#find(id);
      if (link === undefined) return { kind: 'none', refused: null };
      const state = await this.#stateOf(link);
      if (state !== 'active') return { kind: 'none', refused: await this.#countRefused(id, link, state) };
      if (link.passcode !== null) {
        const remainingAttempts = PASSCODE_TRIES - link.tries;
        if (passcode === undefined) return { kind: 'passcode', remainingAttempts, wrongFor: null };
        const { passcode: kept } = link;
        // Inside the gate: whom it turns away has not tried.
        const isRight = await openingGate.run(async () => {
          await this.#put(id, { ...link, tries: link.tries + 1 });
          return verifyPassword(passcode, kept);
        });
        if (!isRight) return { kind: 'passcode', remainingAttempts: remainingAttempts - 1, wrongFor: link };
      }
      const opened = { ...link, opened: link.opened + 1, lastOpenedMs: this.#vault.clock() };
      await this.#put(id, opened);
      return { kind: 'open', link: opened };
    });
  }

  /** One file of a link that is still active; undefined for none such. */
  async readFile(id: string, number: number): Promise<string | undefined> {
    const link = await this.#find(id);
    if (link === undefined || (await this.#stateOf(link)) !== 'active') return undefined;
    const found = (await this.#vault.documents.find('health-link', fileName(id, number))) as
      | { jwe: string }
      | undefined;
    return found?.jwe;
  }

  async #countRefused(id: string, link: HealthLink, state: LinkState): Promise<RefusedOpening | null> {
    const refused = link.refused ?? 0;
    if (refused >= REFUSED_LOGGED_MAX) return null;
    await this.#put(id, { ...link, refused: refused + 1 });
    return { pid: link.pid, state };
  }

  /** Destroys the files of links that have ended, and forgets the oldest of them where there are many. */
  async #withoutEnded(ids: readonly string[]): Promise<readonly string[]> {
    const ended = new Set<string>();
    for (const id of ids) {
      const link = await this.#find(id);
      if (link !== undefined && (await this.#stateOf(link)) === 'active') continue;
      ended.add(id);
      for (const number of (link?.contentTypes ?? []).keys()) {
        await this.#vault.documents.delete('health-link', fileName(id, number));
      }
    }
    const surplus = ids.length - ENDED_KEPT_MAX;
    const forgotten = new Set([...ended].slice(0, Math.max(0, surplus)));
    for (const id of forgotten) await this.#vault.documents.delete('health-link', `link/${id}`);
    return ids.filter((id) => !forgotten.has(id));
  }

  async #stateOf({ pid, guardian, revokedMs, expiresMs, passcode, tries }: HealthLink): Promise<LinkState> {
    if (revokedMs !== null) return 'revoked';
    if (this.#vault.clock() >= expiresMs) return 'expired';
    if (guardian !== undefined && !(await this.#isGuardian(pid, guardian))) return 'revoked';
    return passcode !== null && tries >= PASSCODE_TRIES ? 'locked' : 'active';
  }

  /** Whoever ended the guardianship, the patient, a recovery or the claim, ended its links. */
  async #isGuardian(pid: string, kid: string): Promise<boolean> {
    const device = (await this.#vault.ledger.get(deviceKey(pid, kid))) as DeviceFact | undefined;
    return device?.status === 'active';
  }

  async #find(id: string): Promise<HealthLink | undefined> {
    return (await this.#vault.documents.find('health-link', `link/${id}`)) as unknown as HealthLink | undefined;
  }

  #put(id: string, link: HealthLink): Promise<void> {
    return this.#vault.documents.put('health-link', `link/${id}`, link as unknown as Json);
  }

  async #idsOf(pid: string): Promise<readonly string[]> {
    return ((await this.#vault.documents.find('health-link', listName(pid))) ?? []) as readonly string[];
  }

  async #locked<T>(key: string, act: () => Promise<T>): Promise<T> {
    const release = await locks.acquire([key]);
    try {
      return await act();
    } finally {
      release();
    }
  }
}

const listName = (pid: string): string => `of/${pid}`;
const fileName = (id: string, number: number): string => `file/${id}/${number}`;
