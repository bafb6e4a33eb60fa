import { randomBytes } from 'node:crypto';

/** How long a file's location lives (SMART Health Links 1.0: an hour at most). */
const TICKET_MS = 3_600_000;
const TICKETS_MAX = 10_000;

interface Ticket {
  readonly link: string;
  readonly number: number;
  readonly untilMs: number;
}

/** Short-lived places of files, for readers who do not want them inside the manifest. */
export class Tickets {
  readonly #tickets = new Map<string, Ticket>();
  readonly #nowMs: () => number;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  draw(link: string, number: number): string {
    const nowMs = this.#nowMs();
    for (const [key, { untilMs }] of this.#tickets) if (nowMs >= untilMs) this.#tickets.delete(key);
    if (this.#tickets.size >= TICKETS_MAX) this.#tickets.delete(this.#tickets.keys().next().value!);
    const ticket = randomBytes(32).toString('base64url');
    this.#tickets.set(ticket, { link, number, untilMs: nowMs + TICKET_MS });
    return ticket;
  }

  /** The file's number; undefined where the ticket is over or another link's. */
  find(ticket: string, link: string): number | undefined {
    const found = this.#tickets.get(ticket);
    return found !== undefined && found.link === link && this.#nowMs() < found.untilMs ? found.number : undefined;
  }
}
