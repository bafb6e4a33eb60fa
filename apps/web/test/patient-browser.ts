import { NETWORK, type PatientNode, START_MS } from '@salus/client/patient-node';
import { randomBytes } from '@salus/crypto';
import { derivedDeviceKeys } from '@salus/wallet';
import type { SealedStore } from '@salus/wallet/web';
import { type HeldPatient, patientSession } from '../src/session/patient-session.ts';
import { findPerson, keepPerson, type PatientPerson } from '../src/session/person.ts';
import type { SignIn } from '../src/session/session.ts';

export { badGateway, type PatientNode, patientNode, tooMany } from '@salus/client/patient-node';

/** A browser of one patient: what it keeps, and as many tabs as a test opens. */
export interface PatientBrowser {
  readonly surroundings: { readonly api: PatientNode['api']; readonly nowMs: () => number };
  readonly signIn: Pick<SignIn, 'newDevice' | 'ownKeys' | 'savePatient' | 'forget'>;
  /** What lies in the browser now. */
  kept(): Promise<PatientPerson | undefined>;
  openTab(): Promise<HeldPatient>;
  close(): Promise<void>;
}

export function patientBrowser({ api }: PatientNode): PatientBrowser {
  const values = new Map<string, Uint8Array<ArrayBuffer>>();
  const store: SealedStore = {
    find: async (name) => values.get(name),
    put: async (name, plaintext) => void values.set(name, new Uint8Array(plaintext)),
    remove: async (name) => void values.delete(name),
  };
  const keys = derivedDeviceKeys(randomBytes(32));
  const surroundings = { api, nowMs: () => START_MS };
  const tabs: HeldPatient[] = [];
  const kept = async (): Promise<PatientPerson | undefined> => {
    const person = await findPerson({ store });
    return person?.kind === 'patient' ? person : undefined;
  };
  return {
    surroundings,
    signIn: {
      newDevice: async () => values.clear(),
      ownKeys: () => keys,
      savePatient: async (content, unfinished) => {
        const begun = unfinished === undefined ? {} : { unfinished };
        await keepPerson({ store }, { kind: 'patient', content, demonstration: false, ...begun });
      },
      forget: async () => values.clear(),
    },
    kept,
    openTab: async () => {
      const person = await kept();
      if (person === undefined) throw new Error(`nobody of ${NETWORK} is here`);
      const held = patientSession({ ...surroundings, onChange: () => undefined }, { keys, store }, person);
      tabs.push(held);
      return held;
    },
    close: async () => {
      await Promise.all(tabs.map((tab) => tab.end()));
    },
  };
}
