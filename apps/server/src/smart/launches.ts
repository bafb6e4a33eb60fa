import { randomBytes } from 'node:crypto';
import type { Json } from '@salus/crypto';
import { sightedOf, sightOf, type Vault, type Who } from '@salus/records';
import { ServerError } from '../server-error.ts';

const KIND = 'SmartLaunch';
/** From the click in the EHR to the app's authorisation request. */
const LAUNCH_MS = 5 * 60_000;
const ID_BYTES = 32;

/** What a member of staff was working on when starting an app from the record. */
export interface Launch {
  readonly person: string;
  readonly client: string;
  /** Id of the Patient resource here. */
  readonly patient: string;
  readonly encounter: string | null;
}

type Member = Who & { readonly kind: 'member' };

/** EHR launches (SMART App Launch 2 §2.0.3): each serves once, for its person and app, within five minutes. */
export class Launches {
  readonly #vault: Vault;

  constructor(vault: Vault) {
    this.#vault = vault;
  }

  /** @throws ServerError `not-found` for a patient, or an encounter of theirs, whom the person may not see */
  async begin(who: Member, launch: Omit<Launch, 'person'>): Promise<string> {
    await demandSeen(this.#vault, who, launch);
    const id = randomBytes(ID_BYTES).toString('base64url');
    const value: Launch = { ...launch, person: who.id };
    const expiresMs = this.#vault.clock() + LAUNCH_MS;
    await this.#vault.artifacts.put(KIND, id, { value: value as unknown as Json, expiresMs });
    return id;
  }

  /** The launch, which is spent by it; undefined for any other person or app. */
  async take(id: string, by: Pick<Launch, 'person' | 'client'>): Promise<Launch | undefined> {
    const launch = (await this.#vault.artifacts.find(KIND, id)) as unknown as Launch | undefined;
    if (launch === undefined || launch.person !== by.person || launch.client !== by.client) return undefined;
    await this.#vault.artifacts.remove(KIND, id);
    return launch;
  }
}

/**
 * The pid of a patient whom a member of staff may see at home.
 *
 * @throws ServerError `not-found`, the same for whoever is not there and whoever is not shown
 */
export async function demandSeen(
  vault: Vault,
  who: Member,
  { patient, encounter }: Pick<Launch, 'patient' | 'encounter'>,
): Promise<string> {
  const sight = sightOf(vault, { kind: 'member', who, purpose: 'TREAT' });
  const known = await vault.patients.findByFhirId(patient);
  for (const [type, id] of [
    ['Patient', patient],
    ['Encounter', encounter],
  ] as const) {
    if (id === null) continue;
    const record = await vault.rows.findResource(type, id);
    const isOwn = known !== undefined && record?.meta.owner === `pid:${known.pid}`;
    if (!isOwn || (await sight.decide(sightedOf(record))).kind === 'denied') {
      throw new ServerError('not-found', 'There is no such patient or encounter in your care.');
    }
  }
  if (known === undefined) throw new ServerError('not-found', 'There is no such patient or encounter in your care.');
  return known.pid;
}
