import type { NodeSession } from '@salus/client';
import { useQueryClient } from '@tanstack/react-query';
import { useEffect, useEffectEvent } from 'react';
import { followEvents, type LiveListener } from './live.ts';
import { type SessionState, useSession } from './session.ts';

/** A grant that ends is, for the pages that list grants, news of a grant; a clinician's chart shows what grants open. */
const ALSO: Readonly<Record<string, readonly string[]>> = {
  revoked: ['grant', 'access', 'chart', 'elsewhere'],
  grant: ['chart', 'elsewhere'],
  request: ['elsewhere'],
  record: ['chart'],
  emergency: ['grant', 'access'],
};

/**
 * Keeps what the pages show new: each event of the node makes the queries old whose key begins with its kind. After a gap
 * everything is asked again.
 */
export function LiveQueries(): null {
  const { state } = useSession();
  const client = useQueryClient();
  const follow = useEffectEvent((signal: AbortSignal) => {
    const listener: LiveListener = {
      onEvent: ({ kind }) => {
        for (const key of [kind, ...(ALSO[kind] ?? [])]) void client.invalidateQueries({ queryKey: [key] });
      },
      onGap: () => void client.invalidateQueries(),
    };
    const fetchImpl = window.fetch.bind(window);
    for (const open of sessionsOf(state)) void followEvents(open, listener, { signal, fetchImpl });
  });
  // By who it is: the state changes with each signature, and needs no new stream then.
  const who = whoIs(state);
  useEffect(() => {
    if (who === '') return;
    const leaving = new AbortController();
    follow(leaving.signal);
    return () => leaving.abort();
  }, [who]);
  return null;
}

function whoIs(state: SessionState): string {
  if (state.kind === 'patient') return state.patient.pids.map(({ pid }) => pid).join(' ');
  return state.kind === 'staff' ? `${state.staff.organisation}/${state.staff.id}` : '';
}

function sessionsOf(state: SessionState): readonly (() => Promise<NodeSession>)[] {
  if (state.kind === 'patient')
    return state.patient.pids.map(
      ({ pid }) =>
        () =>
          state.patient.at(pid),
    );
  return state.kind === 'staff' ? [() => Promise.resolve(state.staff.session)] : [];
}
