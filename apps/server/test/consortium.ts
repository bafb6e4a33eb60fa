import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BundleWorkers, FETCH_RECORDS_MAX } from '@salus/records';
import { revoke, type StaffWallet, useRequest } from '@salus/wallet';
import { submitCall } from '../src/consent.ts';
import { type DataLayout, dataLayout, type NetworkFile, writeNetworkFile } from '../src/data-directory.ts';
import {
  type Cast,
  type CastPatient,
  castOf,
  claimSlip,
  createPatient,
  given,
  grantTo,
  printSlip,
} from '../src/demonstration/cast.ts';
import { CONSORTIUM } from '../src/demonstration/consortium.ts';
import { endFounding, foundDirectory } from '../src/founded-directory.ts';
import type { FoundedMember, FoundedOrganisation } from '../src/founding.ts';
import { type Node, openNode } from '../src/node.ts';
import { readSettings, type Settings } from '../src/settings.ts';
import { type PatientPlan, patientBundle } from './patient-bundle.ts';

const DAY_MS = 86_400_000;

/** A node's own place on the disk, with settings as an operator would give them. */
export interface TestPlace {
  readonly directory: string;
  readonly settings: Settings;
  readonly layout: DataLayout;
}

export function makePlace(name: string): TestPlace {
  const directory = mkdtempSync(join(tmpdir(), `salus-${name}-`));
  const environment = {
    SALUS_DATA: join(directory, 'data'),
    XDG_CONFIG_HOME: join(directory, 'config'),
    SALUS_PORT: '0',
    SALUS_LOG_LEVEL: 'info',
  };
  const settings = readSettings(environment, directory);
  return { directory, settings, layout: dataLayout(settings.dataDirectory) };
}

/** A patient with a device, known at some organisations. */
export interface TestPatient extends CastPatient {
  readonly pids: ReadonlyMap<string, string>;
  readonly fhirIds: ReadonlyMap<string, string>;
  readonly slips: readonly string[];
}

/**
 * A small founded network on a node as the server opens it, with people of the demonstration consortium. The test holds
 * every key of every organisation, as a dishonest operator would.
 */
export interface TestConsortium extends AsyncDisposable, TestPlace {
  readonly file: NetworkFile;
  readonly organisations: readonly FoundedOrganisation[];
  readonly members: readonly FoundedMember[];
  readonly clock: { nowMs(): number; advance(ms: number): void };
  readonly failures: readonly unknown[];
  node: Node;
  cast: Cast;
  /** Ends the node and leaves its files. */
  close(): Promise<void>;
  /** Opens the node again on the files as they are now. */
  open(): Promise<void>;
}

export async function foundConsortium(slugs: readonly string[], name = 'consortium'): Promise<TestConsortium> {
  const place = makePlace(name);
  const { settings, layout } = place;
  const workers = new BundleWorkers(1);
  workers.start();
  let aheadMs = 0;
  const clock = {
    nowMs: () => Date.now() + aheadMs,
    advance: (ms: number) => {
      aheadMs += ms;
    },
  };
  const { nowMs } = clock;
  const plans = CONSORTIUM.filter(({ slug }) => slugs.includes(slug)).map(({ slug, staff }) => ({
    slug,
    members: staff,
  }));
  if (plans.length !== slugs.length) throw new Error('a test names an organisation that the demonstration lacks');
  const { file, organisations } = await foundDirectory({
    settings,
    layout,
    plans,
    demonstration: true,
    forgettable: [],
    workers,
    nowMs,
  });
  writeNetworkFile(layout, file);
  endFounding(layout);
  const members = organisations.flatMap((organisation) => organisation.members);
  const failures: unknown[] = [];
  const openHere = async (): Promise<Node> => {
    const opened = await openNode({ settings, layout, file, workers, nowMs });
    opened.onFailure((error) => failures.push(error));
    return opened;
  };
  const node = await openHere();
  const consortium: TestConsortium = {
    ...place,
    file,
    organisations,
    members,
    clock,
    failures,
    node,
    cast: castOf(node, members),
    close: async () => {
      await consortium.node[Symbol.asyncDispose]();
    },
    open: async () => {
      consortium.node = await openHere();
      consortium.cast = castOf(consortium.node, members);
    },
    [Symbol.asyncDispose]: async () => {
      await consortium.node[Symbol.asyncDispose]();
      await workers[Symbol.asyncDispose]();
      await rm(place.directory, { recursive: true });
    },
  };
  return consortium;
}

/** Who acts, and when; of a consortium in one process or in several. */
export type Acting = Pick<TestConsortium, 'cast' | 'clock'>;

/** Writes a bundle as a member of staff; returns `<type>/<id>` of its entries. */
export async function writeBundle({ cast }: Acting, account: string, text: string): Promise<readonly string[]> {
  const writer = await cast.writer(account);
  const { vault } = cast.organisation(writer.writer.who.organisation);
  const result = await vault.repository.transaction(writer, text);
  if (result.kind === 'refused')
    throw new Error(`a bundle was refused: ${result.code} ${JSON.stringify(result.issues)}`);
  return result.outcomes.map(({ type, id }) => `${type}/${id}`);
}

/** Registers a patient with records at each organisation, prints the slips and, unless told otherwise, claims them. */
export async function addPatient(
  consortium: Acting,
  {
    at,
    claimed = true,
    ...plan
  }: Omit<PatientPlan, 'slug'> & { readonly at: readonly string[]; readonly claimed?: boolean },
): Promise<TestPatient> {
  const { cast } = consortium;
  const patient = await createPatient(cast);
  const pids = new Map<string, string>();
  const fhirIds = new Map<string, string>();
  const slips: string[] = [];
  for (const slug of at) {
    const account = authorAt(slug);
    const written = await writeBundle(consortium, account, patientBundle({ ...plan, slug }));
    const fhirId = written.find((reference) => reference.startsWith('Patient/'))!.slice('Patient/'.length);
    const known = await cast.organisation(slug).vault.patients.findByFhirId(fhirId);
    const slip = await printSlip(cast, { slug, account, fhirId });
    if (claimed) await claimSlip(cast, patient, slip);
    pids.set(slug, known!.pid);
    fhirIds.set(slug, fhirId);
    slips.push(slip);
  }
  return Object.assign(patient, { pids, fhirIds, slips });
}

/** Who writes at an organisation: its first member of staff who is no administrator. */
export function authorAt(slug: string): string {
  return CONSORTIUM.find((organisation) => organisation.slug === slug)!.staff[1]!.account;
}

/** Lets `reader` read medication at `author`, for a month unless told; returns the grant's id. */
export function grantMedication(
  { cast, clock }: Acting,
  patient: TestPatient,
  {
    author,
    reader,
    maxUses,
    lastsMs = 30 * DAY_MS,
  }: {
    readonly author: string;
    readonly reader: string;
    readonly maxUses?: number;
    readonly lastsMs?: number;
  },
): Promise<string> {
  const nowMs = clock.nowMs();
  return grantTo(cast, patient, {
    author,
    grantee: reader,
    choice: {
      pid: patient.pids.get(author)!,
      categories: ['medication'],
      labelClasses: ['N'],
      purposes: ['TREAT'],
      notBeforeMs: nowMs,
      notAfterMs: nowMs + lastsMs,
      ...(maxUses === undefined ? {} : { maxUses }),
    },
  });
}

/** What a reader brings to open a session under a grant that the reader's organisation holds. */
export async function bringRequest(
  { cast }: Acting,
  account: string,
  { author, pid, grant }: { readonly author: string; readonly pid: string; readonly grant: string },
) {
  const wallet: StaffWallet = cast.staff(account);
  const token = await cast.organisation(wallet.organisation).exchange.tokens.find(pid, grant);
  if (token === undefined) throw new Error('the reader holds no such token');
  const { call, chain } = await useRequest(wallet, cast.occasion(), {
    token: { pid, grant },
    purpose: 'TREAT',
    categories: token.terms.categories,
  });
  const reader = { id: wallet.id, organisation: wallet.organisation, roles: wallet.roles };
  return { author, reader, request: call, chain, token: { terms: token.terms, salt: token.salt }, ancestors: [] };
}

/** Opens a session and reads all that it lists; returns the records' texts. */
export async function readAll(
  consortium: Acting,
  account: string,
  grant: { readonly author: string; readonly pid: string; readonly grant: string },
): Promise<readonly string[]> {
  const request = await bringRequest(consortium, account, grant);
  const { reader } = consortium.cast.organisation(request.reader.organisation).exchange;
  const { session } = await reader.open(request);
  const { records } = await reader.chart(session, { fresh: true });
  const ids = [...records.keys()];
  const texts: string[] = [];
  for (let from = 0; from < ids.length; from += FETCH_RECORDS_MAX) {
    const read = await reader.read(session, ids.slice(from, from + FETCH_RECORDS_MAX));
    texts.push(...read.map(({ text }) => text));
  }
  return texts;
}

export async function revokeGrant(
  { cast }: Acting,
  patient: TestPatient,
  { author, grant }: { readonly author: string; readonly grant: string },
): Promise<void> {
  const change = await revoke(patient.wallet, cast.occasion(), { pid: patient.pids.get(author)!, grant });
  await submitCall(cast.organisation(author), given(change));
  patient.wallet = change.wallet;
}
