import { ClientError, type NodeSession } from '@salus/client';
import { EventFrames } from './event-frames.ts';

const FIRST_PAUSE_MS = 500;
const PAUSE_MS_MAX = 30_000;
/** The node writes a comment every 15 s: a stream that is silent for longer is dead. */
const SILENCE_MS_MAX = 45_000;
/** A device that was removed, a person who was revoked: nothing that asking again would change. */
const REFUSALS_MAX = 6;
/** Not logged in, not permitted, not there. Whatever else a node or a proxy answers may be over in a minute. */
const REFUSALS: readonly number[] = [401, 403, 404];

/** What pages are told: the kind is also the first part of the query keys that it makes old. */
export interface LiveEvent {
  readonly kind: string;
  /** The id that goes with the kind, as `grant` of `revoked`; ids only, never contents. */
  readonly [member: string]: unknown;
}

export interface LiveListener {
  onEvent(event: LiveEvent): void;
  /** After a stream broke off, began late, or when no other comes: whatever happened meanwhile was not told. */
  onGap(): void;
}

export interface Following {
  readonly signal: AbortSignal;
  readonly fetchImpl: typeof fetch;
  /** The first pause after a stream broke off; each further one is twice as long. */
  readonly firstPauseMs?: number;
}

/**
 * Follows the events of one session until `signal` aborts, or the node refused log-in or stream several times in a row. A
 * session that is over is renewed: `open` gives one whose requests log in again. Fetched with the bearer token in its header,
 * where EventSource would put it into the address.
 */
export async function followEvents(
  open: () => Promise<NodeSession>,
  listener: LiveListener,
  { signal, fetchImpl, firstPauseMs = FIRST_PAUSE_MS }: Following,
): Promise<void> {
  let [pauseMs, refusals, isLate] = [firstPauseMs, 0, false];
  const onEvent = (event: LiveEvent): void => {
    if (event.kind === 'ready') {
      [pauseMs, refusals] = [firstPauseMs, 0];
      if (isLate) listener.onGap();
    }
    listener.onEvent(event);
  };
  while (!signal.aborted && refusals < REFUSALS_MAX) {
    const outcome = await followOnce(open, { signal, fetchImpl, onEvent });
    isLate = true;
    if (outcome === 'refused') refusals += 1;
    await pause(pauseMs, signal);
    pauseMs = Math.min(pauseMs * 2, PAUSE_MS_MAX);
  }
  if (!signal.aborted) listener.onGap();
}

interface Stream {
  readonly signal: AbortSignal;
  readonly fetchImpl: typeof fetch;
  readonly onEvent: (event: LiveEvent) => void;
}

/** One stream to its end, however it ends: the next one says all that counts, and a page that asks shows what is wrong. */
async function followOnce(open: () => Promise<NodeSession>, stream: Stream): Promise<'refused' | 'ended'> {
  const silent = new AbortController();
  const signal = AbortSignal.any([stream.signal, silent.signal]);
  let timer = setTimeout(() => silent.abort(), SILENCE_MS_MAX);
  try {
    const { api, organisation, token } = await open();
    const response = await stream.fetchImpl(`${api.at(organisation).node}/api/v1/orgs/${organisation}/events`, {
      headers: { authorization: `Bearer ${token}`, accept: 'text/event-stream' },
      cache: 'no-store',
      credentials: 'omit',
      redirect: 'error',
      signal,
    });
    // The session is over, by its time or for want of use: any request through it logs in anew, or says why not.
    if (response.status === 401) await api.send({ method: 'GET', path: '/api/v1/session', token });
    if (response.status !== 401 && REFUSALS.includes(response.status)) return 'refused';
    if (!response.ok || response.body === null) return 'ended';
    const frames = new EventFrames();
    const reader = response.body.pipeThrough(new TextDecoderStream(), { signal }).getReader();
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      clearTimeout(timer);
      timer = setTimeout(() => silent.abort(), SILENCE_MS_MAX);
      for (const { kind, data } of frames.take(next.value)) stream.onEvent({ ...parseData(data), kind });
    }
    return 'ended';
  } catch (error) {
    return error instanceof ClientError && REFUSALS.includes(error.status ?? 0) ? 'refused' : 'ended';
  } finally {
    clearTimeout(timer);
    silent.abort();
  }
}

function parseData(data: string): Readonly<Record<string, unknown>> {
  const parsed: unknown = JSON.parse(data);
  return typeof parsed === 'object' && parsed !== null ? (parsed as Readonly<Record<string, unknown>>) : {};
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener(
      'abort',
      () => {
        clearTimeout(timer);
        resolve();
      },
      { once: true },
    );
  });
}
