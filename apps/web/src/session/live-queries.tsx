import type { NodeSession } from '@salus/client';
import { useQueryClient } from '@tanstack/react-query';
import { useEffect, useEffectEvent } from 'react';
import { followEvents, type LiveListener } from './live.ts';
import { takeEvent, takeGap } from './live-effects.ts';
import { type SessionState, useSession } from './session.ts';
import { whileVisible } from './while-visible.ts';

/** Keeps what the pages show new while somebody sees them, by what the node tells of each session. */
export function LiveQueries(): null {
  const { state } = useSession();
  const client = useQueryClient();
  const follow = useEffectEvent((signal: AbortSignal, isLater: boolean) => {
    const listener: LiveListener = {
      onEvent: (event) => takeEvent(client, event),
      onGap: () => takeGap(client),
    };
    if (isLater) listener.onGap();
    const fetchImpl = window.fetch.bind(window);
    for (const open of sessionsOf(state)) void followEvents(open, listener, { signal, fetchImpl });
  });
  // By who it is: the state changes with each signature, and needs no new stream then.
  const who = whoIs(state);
  useEffect(() => {
    if (who === '') return;
    return whileVisible(document, (signal, isLater) => follow(signal, isLater));
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
