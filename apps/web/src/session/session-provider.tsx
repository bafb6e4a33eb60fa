import { apiClient } from '@salus/client';
import { useQueryClient } from '@tanstack/react-query';
import { type ReactNode, useEffect, useMemo, useState } from 'react';
import { afterPaint } from '../shell/after-paint.ts';
import { fetchPart } from '../shell/fetch-part.ts';
import type { Device } from './device-port.ts';
import { rememberSomebody, wasSomebodyHere } from './seen-here.ts';
import { type Session, SessionContext, type SessionState, type SignIn, SignInContext } from './session.ts';

const CHANNEL = 'salus-session';
/** Tabs need not tell themselves. */
const TAB = crypto.randomUUID();
/** How often somebody's presence is written down. */
const TOUCH_EVERY_MS = 60_000;

/** Who is signed in at this browser, the same in all of its tabs. */
export function SessionProvider({ children }: { readonly children: ReactNode }) {
  const [state, setState] = useState<SessionState>({ kind: 'starting' });
  const queries = useQueryClient();
  const api = useMemo(() => apiClient(window.location.origin, window.fetch.bind(window)), []);
  const held = useMemo(() => {
    const publish = (next: SessionState): void => {
      // What one person opened, the next one does not find in memory.
      if (next.kind === 'nobody' || next.kind === 'locked') queries.clear();
      if (next.kind !== 'starting') rememberSomebody(next.kind === 'patient' || next.kind === 'staff');
      setState(next);
    };
    // What it leans on is a third of the app: pages that need nobody do not wait for it, and are painted first.
    const begin = wasSomebodyHere() ? Promise.resolve() : afterPaint();
    const device = begin
      .then(() => fetchPart(() => import('./device.ts')))
      .then(({ openDevice }) => openDevice({ api, nowMs: Date.now, publish, tellOthers }));
    return { device, signIn: signInOf(device) };
  }, [api, queries]);
  useStart(held.device, setState);
  usePresence(held.device, state);
  const session = useMemo<Session>(
    () => ({
      state,
      api,
      nowMs: Date.now,
      lock: () => {
        void held.device.then((device) => device.lock());
      },
      signOut: () => held.device.then((device) => device.signOut()),
    }),
    [state, api, held],
  );
  return (
    <SignInContext value={held.signIn}>
      <SessionContext value={session}>{children}</SessionContext>
    </SignInContext>
  );
}

function useStart(device: Promise<Device>, setState: (state: SessionState) => void): void {
  useEffect(() => {
    const start = (): void => {
      device.then((opened) => opened.start()).catch(() => setState({ kind: 'nobody' }));
    };
    start();
    const channel = new BroadcastChannel(CHANNEL);
    channel.onmessage = ({ data }) => {
      if (data !== TAB) start();
    };
    // The app as it is installed ends what nobody looks at any more.
    const leave = (): void => navigator.serviceWorker?.controller?.postMessage('left');
    window.addEventListener('pagehide', leave);
    return () => {
      channel.close();
      window.removeEventListener('pagehide', leave);
    };
  }, [device, setState]);
}

/** Whoever uses the page keeps the device open; who does not, finds it locked. */
function usePresence(device: Promise<Device>, state: SessionState): void {
  useEffect(() => {
    if (state.kind !== 'patient' && state.kind !== 'staff') return undefined;
    let lastMs = 0;
    const touch = (): void => {
      const nowMs = Date.now();
      if (nowMs - lastMs < TOUCH_EVERY_MS) return;
      lastMs = nowMs;
      void device.then((opened) => opened.touch());
    };
    touch();
    const look = (): void => void device.then((opened) => opened.lockWhenOver());
    const watch = setInterval(look, TOUCH_EVERY_MS);
    // Nothing ticks while a computer sleeps, or a page lies in the browser's memory of pages.
    document.addEventListener('visibilitychange', look);
    window.addEventListener('pageshow', look);
    window.addEventListener('focus', look);
    window.addEventListener('pointerdown', touch);
    window.addEventListener('keydown', touch);
    return () => {
      clearInterval(watch);
      document.removeEventListener('visibilitychange', look);
      window.removeEventListener('pageshow', look);
      window.removeEventListener('focus', look);
      window.removeEventListener('pointerdown', touch);
      window.removeEventListener('keydown', touch);
    };
  }, [device, state.kind]);
}

function tellOthers(): void {
  const channel = new BroadcastChannel(CHANNEL);
  channel.postMessage(TAB);
  channel.close();
}

/** The ways in, each waiting for the device. */
function signInOf(device: Promise<Device>): SignIn {
  let opened: Device | undefined;
  device.then(
    (ready) => {
      opened = ready;
    },
    () => undefined, // Whoever starts it says so, and each way in says why.
  );
  return {
    signInWithCode: async (line) => (await device).signInWithCode(line),
    signInWithFile: async (given) => (await device).signInWithFile(given),
    unlock: async (pin, password) => (await device).unlock(pin, password),
    findPasskey: async () => (await device).findPasskey(),
    unlockWithPasskey: async (password) => (await device).unlockWithPasskey(password),
    addPasskey: async (pin) => (await device).addPasskey(pin),
    newDevice: async (pin) => (await device).newDevice(pin),
    ownKeys: () => {
      if (opened === undefined) throw new Error('a device was asked for its keys before it was opened');
      return opened.ownKeys();
    },
    savePatient: async (content, unfinished) => (await device).savePatient(content, unfinished),
    enterPatient: async () => (await device).enterPatient(),
    drawStaffKey: async () => (await device).drawStaffKey(),
    adoptStaff: async (facts, password) => (await device).adoptStaff(facts, password),
    forget: async () => (await device).forget(),
  };
}
