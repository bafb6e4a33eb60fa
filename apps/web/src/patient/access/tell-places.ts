import { type ListedRecord, recipientsOf } from '@salus/client';
import type { Grantee, Purpose } from '@salus/contracts';
import { grant, sealPlaces, sealToken, type Place as ToldPlace } from '@salus/wallet';
import type { PatientSession } from '../../session/index.ts';
import type { Place } from './acting.ts';
import type { MadeGrant } from './decide.ts';
import { type Decision, grantOnce } from './grant-once.ts';

/** As the contract bounds a list of places. */
const PLACES_MAX = 64;
const NORMAL_LABEL = 'N';
const CLOCK_SLACK_MS = 60_000;

/** Where there is something, of which kinds and times; of sensitive documents not even that there are any. */
export function placesOf(
  held: readonly { readonly entry: Place; readonly records: readonly ListedRecord[] | undefined }[],
): readonly ToldPlace[] {
  return held
    .flatMap(({ entry: { organisation, pid }, records = [] }) => {
      const normal = records.filter(
        ({ labelClass, category }) => labelClass === NORMAL_LABEL && category !== 'identity',
      );
      if (normal.length === 0) return [];
      const times = normal.flatMap(({ dataFromMs, dataToMs }) => [dataFromMs, dataToMs]).filter((ms) => ms !== null);
      return {
        organisation,
        pid,
        categories: [...new Set(normal.map(({ category }) => category))].sort(),
        fromMs: times.length === 0 ? null : Math.min(...times),
        toMs: times.length === 0 ? null : Math.max(...times),
      };
    })
    .slice(0, PLACES_MAX);
}

/** A grant of its own that opens a sealed list of places, and no content. `entry`: where it is asked for. */
export async function tellPlaces(
  patient: PatientSession,
  {
    decision,
    entry,
    grantee,
    purposes,
    notAfterMs,
  }: {
    readonly decision: Decision;
    readonly entry: Place;
    readonly grantee: Grantee;
    readonly purposes: readonly Purpose[];
    readonly notAfterMs: number;
  },
  places: readonly ToldPlace[],
): Promise<MadeGrant> {
  const session = await patient.at(entry.pid);
  const occasion = patient.occasion();
  const recipients = await recipientsOf(session.api, grantee, occasion.nowMs);
  const [recipient] = recipients;
  if (recipient === undefined) throw new Error('recipientsOf answers at least one key');
  const choice = {
    ...({ pid: entry.pid, kind: 'locate', grantee, categories: [], labelClasses: [], purposes } as const),
    ...{ notBeforeMs: occasion.nowMs - CLOCK_SLACK_MS, notAfterMs },
  };
  const id = await grantOnce(patient, session, {
    decision,
    choice,
    prepare: async () => {
      const prepared = await grant(patient.wallet, occasion, { choice, envelopes: [], recipients });
      return {
        ...prepared,
        places: await sealPlaces(prepared.wallet, prepared.terms.grant, recipient, places),
      };
    },
  });
  const { envelope } = await sealToken(patient.wallet, id, recipient);
  return { grant: id, pid: entry.pid, organisation: entry.organisation, token: envelope };
}
