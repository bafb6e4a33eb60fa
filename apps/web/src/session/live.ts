import type { NodeSession } from '@salus/client';
import { EventFrames } from './event-frames.ts';

const FIRST_PAUSE_MS = 500;
const PAUSE_MS_MAX = 30_000;
/** The node writes a comment every 15 s: a stream that is silent for longer is dead. */
const SILENCE_MS_MAX = 45_000;
/** A device that was removed, a person who was revoked: nothing that asking again would change. */
const REFUSALS_MAX = 6;

/** What pages are told: the kind is also the first part of the query keys that it makes old. */
export interface LiveEvent {
  readonly kind: string;
  /** The id that goes with the kind, as `grant` of `revoked`; ids only, never contents. */
  readonly [member: string]: unknown;
}

export interface LiveListener {
  onEvent(event: LiveEvent): void;
  /** After a stream broke off: whatever happened meanwhile was not told. */
  onGap(): void;
}

export interface Following {
  readonly signal: AbortSignal;
  readonly fetchImpl: typeof fetch;
  /** The first pause after a stream broke off; each further one is twice as long. */
  readonly firstPauseMs?: number;
}

/**
 * Follows the events of one session until `signal` aborts, or the node refused the stream several times in a row. Fetched with
 * the bearer token in its header, where EventSource would put it into the address.
 */
export async function followEvents(
  open: () => Promise<NodeSession>,
  listener: LiveListener,
  { signal, fetchImpl, firstPauseMs = FIRST_PAUSE_MS }: Following,
): Promise<void> {
  let [pauseMs, refusals, streams] = [firstPauseMs, 0, 0];
  const onEvent = (event: LiveEvent): void => {
    if (event.kind === 'ready') {
      [pauseMs, refusals] = [firstPauseMs, 0];
      streams += 1;
      if (streams > 1) listener.onGap();
    }
    listener.onEvent(event);
  };
  while (!signal.aborted && refusals < REFUSALS_MAX) {
    const outcome = await followOnce(open, { signal, fetchImpl, onEvent });
    if (outcome === 'refused') refusals += 1;
    await pause(pauseMs, signal);
    pauseMs = Math.min(pauseMs * 2, PAUSE_MS_MAX);
  }
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
    if (!response.ok || response.body === null) return 'refused';
    const frames = new EventFrames();
    const reader = response.body.pipeThrough(new TextDecoderStream(), { signal }).getReader();
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      clearTimeout(timer);
      timer = setTimeout(() => silent.abort(), SILENCE_MS_MAX);
      for (const { kind, data } of frames.take(next.value)) stream.onEvent({ ...parseData(data), kind });
    }
    return 'ended';
  } catch (error) {
    // A code means that the node answered, and no.
    return typeof (error as { readonly code?: unknown } | null)?.code === 'string' ? 'refused' : 'ended';
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
