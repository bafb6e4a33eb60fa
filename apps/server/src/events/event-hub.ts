import { ADMINISTRATOR_ROLE, type PatientFact, patientKey } from '@salus/contracts';
import type { Block, Ledger } from '@salus/ledger';
import { CHANGES_PAGE_MAX, isHolder } from '@salus/records';
import type { HostedOrganisation } from '../organisation.ts';
import { ServerError } from '../server-error.ts';
import type { Principal, Session, Sessions } from '../sessions.ts';
import { EventStream } from './event-stream.ts';
import { type LiveEvent, type PatientEvent, patientEventsOf } from './live-event.ts';
import { findChanged, recordEventsFor } from './record-events.ts';

/** Pages that are open at once; a connection each. */
const EVENT_STREAMS_MAX = 1_000;
/** Of one person: tabs and devices. */
const EVENT_STREAMS_PER_PERSON_MAX = 10;
const BEAT_MS = 15_000;
/** A session that ended by time or log-out is noticed after so long. */
const LOOK_MS = 2_000;
/** Roles that see the inbox, and those that review emergency access. */
const INBOX_ROLES = ['registrar', 'clinician', 'nurse', 'pharmacist', 'laboratory'];
const REVIEWERS = ['privacy-officer', ADMINISTRATOR_ROLE];

interface HubParts {
  readonly ledger: Pick<Ledger, 'follow' | 'height' | 'get'>;
  readonly organisations: ReadonlyMap<string, HostedOrganisation>;
  readonly sessions: Sessions;
  readonly onFailure: (error: unknown) => void;
}

/**
 * Tells open pages that something changed, as soon as the block or row is there: what the ledger says of grants, requests and
 * emergencies, what was written and looked at here, what arrived. Nothing rests on it: every page asks again, and every door
 * decides anew.
 */
export class EventHub implements AsyncDisposable {
  readonly #parts: HubParts;
  readonly #streams = new Set<EventStream>();
  readonly #closing = new AbortController();
  readonly #following: Promise<void>;
  readonly #stops: (() => void)[] = [];
  readonly #timers: NodeJS.Timeout[];
  /** Work on changes of records, one organisation after the other. */
  #work: Promise<void> = Promise.resolve();

  constructor(parts: HubParts) {
    this.#parts = parts;
    this.#following = this.#follow().catch(parts.onFailure);
    for (const organisation of parts.organisations.values()) this.#listen(organisation);
    this.#timers = [
      setInterval(() => this.#each((stream) => stream.beat()), BEAT_MS),
      setInterval(() => this.#each((stream) => void stream.demandOpen()), LOOK_MS),
    ];
    for (const timer of this.#timers) timer.unref();
  }

  /** @throws ServerError `too-many-requests`, `overloaded` */
  async open({ principal }: Session, token: string): Promise<EventStream> {
    const own = [...this.#streams].filter((stream) => isSame(stream.principal, principal));
    if (own.length >= EVENT_STREAMS_PER_PERSON_MAX) {
      throw new ServerError('too-many-requests', `At most ${EVENT_STREAMS_PER_PERSON_MAX} pages are told of changes.`);
    }
    if (this.#streams.size >= EVENT_STREAMS_MAX || this.#closing.signal.aborted) {
      throw new ServerError('overloaded', 'Too many pages are open: try again later.');
    }
    const stream = new EventStream(principal, () => this.#parts.sessions.isOpen(token));
    this.#streams.add(stream);
    stream.onEnd(() => this.#streams.delete(stream));
    stream.start(await this.#parts.ledger.height());
    return stream;
  }

  #tellPatient(pid: string, event: LiveEvent): void {
    this.#each((stream) => {
      if (stream.principal.kind === 'patient' && stream.principal.pid === pid) stream.send(event);
    });
  }

  /** To those members of staff of an organisation whom `isFor` names. */
  #tellStaff(organisation: string, event: LiveEvent, isFor: (person: Staff) => boolean): void {
    this.#each((stream) => {
      const { principal } = stream;
      if (principal.kind === 'staff' && principal.organisation === organisation && isFor(principal)) stream.send(event);
    });
  }

  get size(): number {
    return this.#streams.size;
  }

  /** Before the server stops listening: it waits for open answers. */
  endStreams(): void {
    this.#closing.abort();
    this.#each((stream) => stream.end());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.endStreams();
    for (const timer of this.#timers) clearInterval(timer);
    for (const stop of this.#stops) stop();
    await this.#following;
    await this.#work;
  }

  #each(act: (stream: EventStream) => void): void {
    for (const stream of [...this.#streams]) act(stream);
  }

  async #follow(): Promise<void> {
    const { ledger } = this.#parts;
    const { signal } = this.#closing;
    for await (const block of ledger.follow((await ledger.height()) + 1, signal)) {
      if (this.#streams.size > 0) await this.#tellBlock(block);
    }
  }

  async #tellBlock(block: Block): Promise<void> {
    for (const told of patientEventsOf(block)) {
      this.#tellPatient(told.pid, told.event);
      if ([...this.#streams].some(({ principal }) => principal.kind === 'staff')) await this.#tellStaffOf(told);
    }
  }

  async #tellStaffOf({ pid, event }: PatientEvent): Promise<void> {
    switch (event.kind) {
      case 'grant':
      case 'revoked':
        for (const { slug, exchange } of this.#parts.organisations.values()) {
          const token = await exchange.tokens.find(pid, event.grant);
          if (token !== undefined) this.#tellStaff(slug, event, (person) => isHolder(token.terms, person));
        }
        return;
      case 'request': {
        const keeper = await this.#keeperOf(pid);
        const asked = await keeper?.exchange.requests.find(pid, event.request);
        if (keeper !== undefined && asked !== undefined)
          this.#tellStaff(keeper.slug, event, ({ id }) => id === asked.requester);
        return;
      }
      case 'emergency': {
        const keeper = await this.#keeperOf(pid);
        if (keeper !== undefined) this.#tellStaff(keeper.slug, event, ({ roles }) => hasAny(roles, REVIEWERS));
        return;
      }
      case 'dispute': {
        const keeper = await this.#keeperOf(pid);
        if (keeper !== undefined) this.#tellStaff(keeper.slug, event, ({ roles }) => hasAny(roles, INBOX_ROLES));
        return;
      }
      case 'device':
      case 'guardian':
      case 'access':
      case 'record':
      case 'task':
        return;
    }
  }

  /** The hosted organisation whose pid it is. */
  async #keeperOf(pid: string): Promise<HostedOrganisation | undefined> {
    const patient = (await this.#parts.ledger.get(patientKey(pid))) as PatientFact | undefined;
    return patient === undefined ? undefined : this.#parts.organisations.get(patient.organisation);
  }

  #listen(organisation: HostedOrganisation): void {
    const { vault, exchange, slug } = organisation;
    let seen: number | undefined;
    let isWoken = false;
    const look = async (): Promise<void> => {
      isWoken = false;
      seen = await this.#tellChanges(organisation, seen);
    };
    const wake = (): void => {
      if (isWoken || this.#closing.signal.aborted) return;
      isWoken = true;
      this.#work = this.#work.then(look).catch(this.#parts.onFailure);
    };
    // From now on: what was written before, every page reads when it opens.
    this.#work = this.#work
      .then(async () => {
        seen = await vault.changes.head();
      })
      .catch(this.#parts.onFailure);
    this.#stops.push(
      vault.changes.listen(wake),
      vault.audit.listen(({ pid, who }) => {
        // One's own looks are no news.
        if (pid !== null && who?.kind !== 'patient') this.#tellPatient(pid, { kind: 'access' });
      }),
      exchange.requests.listen(({ pid, request }) =>
        this.#tellPatient(pid, { kind: 'request', request, status: 'open' }),
      ),
      exchange.tokens.listen(({ terms }) =>
        this.#tellStaff(slug, { kind: 'grant', grant: terms.grant }, (person) => isHolder(terms, person)),
      ),
      exchange.deliveries.listen((delivery) =>
        this.#tellStaff(slug, { kind: 'task', delivery }, ({ roles }) => hasAny(roles, INBOX_ROLES)),
      ),
    );
  }

  /** @returns the number of the last change that was told, or passed by because nobody listens */
  async #tellChanges({ vault, slug }: HostedOrganisation, seen = 0): Promise<number> {
    const isHeard = [...this.#streams].some(({ principal }) => principal.organisation === slug);
    if (!isHeard) return vault.changes.head();
    let last = seen;
    for (;;) {
      const changes = await vault.changes.read(last);
      last = changes.at(-1)?.seq ?? last;
      const changed = await findChanged(vault, changes);
      for (const stream of [...this.#streams].filter(({ principal }) => principal.organisation === slug)) {
        for (const event of await recordEventsFor(vault, changed, stream.principal)) stream.send(event);
      }
      if (changes.length < CHANGES_PAGE_MAX) return last;
    }
  }
}

type Staff = Extract<Principal, { readonly kind: 'staff' }>;

function hasAny(roles: readonly string[], wanted: readonly string[]): boolean {
  return roles.some((role) => wanted.includes(role));
}

/** The same person: guardians have a key of their own, so that none takes the patient's places. */
function isSame(a: Principal, b: Principal): boolean {
  if (a.organisation !== b.organisation) return false;
  return a.kind === 'staff'
    ? b.kind === 'staff' && a.id === b.id
    : b.kind !== 'staff' && a.pid === b.pid && a.kid === b.kid;
}
