import { type ApiClient, ClientError, logInPatient, logOut, type NodeSession, putBackup } from '@salus/client';
import type { PatientWallet } from '@salus/wallet';
import type { WebDevice } from '@salus/wallet/web';
import { lastingSession } from './lasting-session.ts';
import { keepPerson, type Person } from './person.ts';
import type { PatientSession } from './session.ts';

type PatientPerson = Extract<Person, { kind: 'patient' }>;

/** A patient's session, with what only the device itself does with it. */
export interface HeldPatient {
  readonly patient: PatientSession;
  /** Ends the sessions at every node. */
  end(): Promise<void>;
}

/** @param onChange is called when the wallet or the state of its backup changed: pages show the new one. */
export function patientSession(
  { api, nowMs, onChange }: { readonly api: ApiClient; nowMs(): number; onChange(): void },
  device: WebDevice,
  person: PatientPerson,
): HeldPatient {
  let wallet: PatientWallet = { content: person.content, keys: device.keys };
  let isBackedUp = true;
  const sessions = new Map<string, ReturnType<typeof lastingSession<NodeSession>>>();
  const sessionOf = (pid: string) => {
    const known = sessions.get(pid);
    if (known !== undefined) return known;
    const made = lastingSession(
      () => logInPatient(api, wallet, pid),
      () => undefined,
    );
    sessions.set(pid, made);
    return made;
  };
  const backUp = async (): Promise<void> => {
    try {
      for (const { pid } of wallet.content.pids) await putBackup(await sessionOf(pid).open(), wallet);
      isBackedUp = true;
    } catch (error) {
      if (!(error instanceof ClientError)) throw error;
      // The devices page says so, and offers to do it again.
      isBackedUp = false;
    }
    onChange();
  };
  const patient: PatientSession = {
    network: person.content.network,
    demonstration: person.demonstration,
    store: device.store,
    get wallet() {
      return wallet;
    },
    get pids() {
      return wallet.content.pids;
    },
    get isBackedUp() {
      return isBackedUp;
    },
    at: (pid) => sessionOf(pid).open(),
    occasion: () => ({ network: person.content.network, nowMs: nowMs() }),
    backUp,
    keep: async (changed) => {
      wallet = { content: changed.content, keys: device.keys };
      await keepPerson(device, { ...person, content: changed.content });
      await backUp();
    },
  };
  return {
    patient,
    end: async () => {
      const open = [...sessions.values()].flatMap((session) => session.current() ?? []);
      await Promise.allSettled(open.map((session) => logOut(session)));
    },
  };
}
