import type { ApiClient } from '@salus/client';
import type { SessionState, SignIn } from './session.ts';

/** What a device needs of the page. */
export interface Surroundings {
  readonly api: ApiClient;
  nowMs(): number;
  /** Pages show this state from now on. */
  publish(state: SessionState): void;
  /** Has the other tabs look anew at what is kept. */
  tellOthers(): void;
}

/** This browser as somebody's device: who is here, how they come in, and how they leave. */
export interface Device extends SignIn {
  /** Goes on where the page was left. */
  start(): Promise<void>;
  /** Somebody is there: the device stays open. */
  touch(): Promise<void>;
  /** Locks the device where nobody was there for too long, or another tab has locked it. */
  lockWhenOver(): Promise<void>;
  lock(): Promise<void>;
  signOut(): Promise<void>;
}
