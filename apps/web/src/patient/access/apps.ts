import { ClientError } from '@salus/client';
import type { Purpose } from '@salus/contracts';
import type { PatientSession } from '../../session/index.ts';
import type { Place } from './acting.ts';

/** An app that waits at the authorisation page of one place. */
export interface WaitingApp {
  readonly entry: Place;
  readonly client: string;
  readonly clientName: string;
  readonly returnsTo: string;
  readonly scopes: readonly string[];
  readonly purpose: Purpose;
  readonly categories: readonly string[];
  readonly resourceTypes: readonly string[] | null;
}

/** As a person types it: small letters do, and O, I and L mean what they look like. Undefined where it is no code. */
export function appCodeOf(text: string): string | undefined {
  const code = text.toUpperCase().replaceAll('O', '0').replace(/[IL]/g, '1').replace(/[\s-]/g, '');
  return /^[0-9A-HJKMNP-TV-Z]{8}$/.test(code) ? `${code.slice(0, 4)}-${code.slice(4)}` : undefined;
}

/** Looks for the code at each of the patient's places. @throws ClientError `not-found` where none waits for it */
export async function findApp(patient: PatientSession, code: string): Promise<WaitingApp> {
  let refused: unknown;
  for (const entry of patient.pids) {
    const { api, token } = await patient.at(entry.pid);
    try {
      const app = await api.send<Omit<WaitingApp, 'entry'>>({ method: 'GET', path: pathOf(entry, code), token });
      return { ...app, entry };
    } catch (error) {
      if (!(error instanceof ClientError) || error.status === null) throw error;
      refused = error;
    }
  }
  throw refused;
}

/** Tells the page how the patient decided; `grant` is null where the app is declined. */
export async function answerApp(
  patient: PatientSession,
  entry: Place,
  { code, grant }: { readonly code: string; readonly grant: string | null },
): Promise<void> {
  const { api, token } = await patient.at(entry.pid);
  await api.send({ method: 'POST', path: pathOf(entry, code), body: { grant }, token });
}

function pathOf({ organisation }: Place, code: string): string {
  return `/api/v1/orgs/${organisation}/patient/apps/${code}`;
}
