import { existsSync } from 'node:fs';
import { accessRequest, emergencyRequest, formatDeviceCode, revoke, staffCall, useRequest } from '@salus/wallet';
import { saveWalletFile } from '@salus/wallet/node';
import { createAccount } from '../accounts.ts';
import { submitCall, takeRequest } from '../consent.ts';
import type { FoundedMember } from '../founding.ts';
import type { Node } from '../node.ts';
import { ServerError } from '../server-error.ts';
import { drawSecret, type StaffCredential, saveStaffWallet } from '../staff-credentials.ts';
import { type Cast, type CastPatient, castOf, claimSlip, createPatient, given, grantTo, printSlip } from './cast.ts';
import { author, CONSORTIUM } from './consortium.ts';
import { type Credentials, demonstrationDirectory, type PatientCredential, writeCredentials } from './credentials.ts';
import { writePeople } from './people-to-try.ts';
import { shuffled } from './shuffled.ts';
import { type Story, tellStories } from './stories.ts';
import { admitToday } from './today.ts';

export const PATIENTS = 12;
/** Patients who have claimed their pids; the others' slips wait in the file of credentials. */
const CLAIMED = 4;
const SEED = 20_261_121;
const DAY_MS = 86_400_000;

interface Known {
  readonly story: Story;
  readonly at: PatientCredential['at'];
}

/**
 * Fills a demonstration network with life, by the doors that everybody uses: staff write with their own delegations,
 * patients claim, grant and revoke with wallets of their own.
 *
 * @throws ServerError `not-a-demonstration` on any other network
 */
export async function seedDemonstration(
  node: Node,
  members: readonly FoundedMember[],
  configDirectory: string,
  /** The hash of the web app that the node serves. */
  release: string | null = null,
): Promise<Credentials> {
  if (!node.demonstration)
    throw new ServerError('not-a-demonstration', 'Demonstration data belong into a demonstration network only.');
  const directory = demonstrationDirectory(configDirectory);
  if (existsSync(directory))
    throw new ServerError('not-a-demonstration', `There are wallets of another demonstration at ${directory}.`);
  const cast = castOf(node, members);
  const [staff, known] = await Promise.all([openAccounts(node, members, directory), writeStories(cast)]);
  const patients = await claimAll(cast, known);
  await admitToday(cast, known);
  await actScenes(cast, patients);
  if (release !== null) await listRelease(cast, release);
  const credentials: Credentials = {
    demonstration: true,
    network: node.network,
    staff,
    patients: await savePatients(cast, patients, directory),
  };
  writeCredentials(configDirectory, credentials);
  writePeople(configDirectory, credentials);
  return credentials;
}

async function openAccounts(
  node: Node,
  members: readonly FoundedMember[],
  directory: string,
): Promise<readonly StaffCredential[]> {
  const credentials = await saveDemonstrationStaff(members, { network: node.network, directory });
  await Promise.all(
    credentials.map(({ organisation, account: name, id, password }) =>
      createAccount(node.organisations.get(organisation)!.accounts, { name, id, password, nowMs: node.nowMs() }),
    ),
  );
  return credentials;
}

/** Writes the wallets of the demonstration's staff, under the names that they have in it. */
export function saveDemonstrationStaff(
  members: readonly FoundedMember[],
  { network, directory }: { readonly network: string; readonly directory: string },
): Promise<readonly StaffCredential[]> {
  const known = CONSORTIUM.flatMap(({ staff }) => staff);
  return Promise.all(
    members.map((member) => {
      const { family, given: first } = known.find(({ account }) => account === member.account)!;
      return saveStaffWallet(member, { network, directory, name: `${first} ${family}`, demonstration: true });
    }),
  );
}

/** Each organisation's author writes its chapters; bundles of different organisations go at once. */
async function writeStories(cast: Cast): Promise<readonly Known[]> {
  const stories = tellStories({ seed: SEED, endMs: cast.node.nowMs(), count: PATIENTS });
  const at = new Map<Story, PatientCredential['at'][number][]>(stories.map((story) => [story, []]));
  await Promise.all(
    [...cast.node.organisations.keys()].map(async (slug) => {
      // In another order at each: else the n-th patient of one were the n-th of the other.
      for (const story of shuffled(stories)) {
        for (const chapter of story.chapters.filter(({ organisation }) => organisation === slug)) {
          at.get(story)!.push(await writeChapter(cast, slug, chapter.bundle));
        }
      }
    }),
  );
  return stories.map((story) => ({ story, at: at.get(story)! }));
}

async function writeChapter(cast: Cast, slug: string, bundle: string): Promise<PatientCredential['at'][number]> {
  const { vault } = cast.organisation(slug);
  const { account } = author(slug);
  const writer = await cast.writer(account);
  const result = await vault.repository.transaction(writer, bundle);
  if (result.kind === 'refused') throw new Error(`a demonstration bundle was refused: ${result.code}`);
  // The builder puts organisation, practitioner and patient first.
  const [, practitioner, patient] = result.outcomes;
  await vault.access.linkPractitioner(writer.writer.who.id, `Practitioner/${practitioner!.id}`);
  const known = await vault.patients.findByFhirId(patient!.id);
  if (known === undefined) throw new Error('a demonstration patient was not registered');
  return { organisation: slug, fhirId: known.fhirId, pid: known.pid };
}

interface ActingPatient extends Known {
  readonly acting: CastPatient | undefined;
  readonly slips: readonly string[];
}

/** Everybody visits the desks in an order that says nothing: whose pids belong together must not show in who came when. */
async function claimAll(cast: Cast, known: readonly Known[]): Promise<readonly ActingPatient[]> {
  const people = await Promise.all(
    known.map(async (person, index) => ({
      ...person,
      acting: index < CLAIMED ? await createPatient(cast) : undefined,
      slips: [] as string[],
    })),
  );
  const visits = people.flatMap((person) => person.at.map((place) => ({ person, place })));
  for (const { person, place } of shuffled(visits)) {
    const { organisation: slug, fhirId } = place;
    const slip = await printSlip(cast, { slug, account: author(slug).account, fhirId });
    if (person.acting === undefined) person.slips.push(slip);
    else await claimSlip(cast, person.acting, slip);
  }
  return people;
}

/** One request that waits, one grant that is read, one that was revoked, one emergency. */
async function actScenes(cast: Cast, patients: readonly ActingPatient[]): Promise<void> {
  const of = (title: Story['title']): ActingPatient & { readonly acting: CastPatient } => {
    const found = patients.find(({ story, acting }) => story.title === title && acting !== undefined);
    if (found?.acting === undefined) throw new Error(`no claimed patient tells ${title}`);
    return { ...found, acting: found.acting };
  };
  await askForAccess(cast, of('chest-pain'));
  await grantAndRead(cast, of('chest-pain'));
  await grantAndRevoke(cast, of('surgery'));
  await breakGlass(cast, of('diabetic-year'));
}

/** As an administrator does who has looked at what the nodes are to serve. */
async function listRelease(cast: Cast, hash: string): Promise<void> {
  const listed = await staffCall(cast.staff('hospital-a.admin'), cast.occasion(), {
    contract: 'membership',
    transaction: 'listRelease',
    args: { name: 'web', hash },
  });
  await submitCall(cast.organisation('hospital-a'), given(listed));
}

async function askForAccess(cast: Cast, patient: ActingPatient): Promise<void> {
  const wallet = cast.staff('b.novak');
  const hospital = cast.organisation('hospital-b');
  const asked = await accessRequest(wallet, cast.occasion(), {
    pid: pidAt(patient, 'hospital-b'),
    grantee: { kind: 'organisation', organisation: 'hospital-b' },
    categories: ['laboratory', 'medication'],
    purposes: ['TREAT'],
    notAfterMs: cast.node.nowMs() + 30 * DAY_MS,
    text: 'Before your follow-up visit I would like to see your laboratory results and medicines from the other hospital.',
  });
  await takeRequest(hospital, given(asked), wallet.id);
}

async function grantAndRead(cast: Cast, patient: ActingPatient & { readonly acting: CastPatient }): Promise<void> {
  const pid = pidAt(patient, 'hospital-a');
  const nowMs = cast.node.nowMs();
  const granted = await grantTo(cast, patient.acting, {
    author: 'hospital-a',
    grantee: 'hospital-b',
    choice: {
      pid,
      categories: ['medication'],
      labelClasses: ['N'],
      purposes: ['TREAT'],
      notBeforeMs: nowMs,
      notAfterMs: nowMs + 30 * DAY_MS,
    },
  });
  const wallet = cast.staff('b.novak');
  const { exchange } = cast.organisation('hospital-b');
  const token = await exchange.tokens.find(pid, granted);
  if (token === undefined) throw new Error('the demonstration token did not arrive');
  const { call, chain } = await useRequest(wallet, cast.occasion(), {
    token: { pid, grant: granted },
    purpose: 'TREAT',
    categories: ['medication'],
  });
  const reader = { id: wallet.id, organisation: wallet.organisation, roles: wallet.roles };
  const opened = { terms: token.terms, salt: token.salt };
  const { session } = await exchange.reader.open({
    author: 'hospital-a',
    reader,
    request: call,
    chain,
    token: opened,
    ancestors: [],
  });
  const { records } = await exchange.reader.chart(session);
  await exchange.reader.read(session, [...records.keys()]);
}

async function grantAndRevoke(cast: Cast, patient: ActingPatient & { readonly acting: CastPatient }): Promise<void> {
  const pid = pidAt(patient, 'hospital-b');
  const nowMs = cast.node.nowMs();
  const granted = await grantTo(cast, patient.acting, {
    author: 'hospital-b',
    grantee: 'research',
    choice: {
      pid,
      categories: ['procedures', 'vital-signs'],
      labelClasses: ['N'],
      purposes: ['HRESCH'],
      notBeforeMs: nowMs,
      notAfterMs: nowMs + 30 * DAY_MS,
    },
  });
  const change = await revoke(patient.acting.wallet, cast.occasion(), { pid, grant: granted });
  await submitCall(cast.organisation('hospital-b'), given(change));
  patient.acting.wallet = change.wallet;
}

async function breakGlass(cast: Cast, patient: ActingPatient): Promise<void> {
  const wallet = cast.staff('a.mehta');
  const { call, chain } = await emergencyRequest(wallet, cast.occasion(), {
    pid: pidAt(patient, 'hospital-a'),
    role: 'clinician',
    reason: 'unconscious',
    text: 'Found unresponsive in the waiting room; medicines unknown.',
    untilMs: cast.node.nowMs() + 2 * 3_600_000,
    card: null,
  });
  const { exchange } = cast.organisation('hospital-a');
  const reader = { id: wallet.id, organisation: wallet.organisation, roles: wallet.roles };
  const { session } = await exchange.reader.open({
    author: 'hospital-a',
    reader,
    request: call,
    chain,
    token: null,
    ancestors: [],
  });
  const { records } = await exchange.reader.chart(session);
  const allergies = [...records.values()]
    .filter(({ type }) => type === 'MedicationRequest')
    .map(({ recordId }) => recordId);
  if (allergies.length > 0) await exchange.reader.read(session, allergies);
}

async function savePatients(
  { node }: Cast,
  patients: readonly ActingPatient[],
  directory: string,
): Promise<readonly PatientCredential[]> {
  return Promise.all(
    patients.map(async ({ story, at, acting, slips }, index) => {
      const { given: first, family } = story.person;
      const facts = { kind: 'patient', name: `${first} ${family}`, story: story.title, at } as const;
      if (acting === undefined) return { ...facts, slips };
      const passphrase = drawSecret();
      const wallet = `patient-${index + 1}.wallet`;
      const { rootSecret, recoveryCode } = acting;
      await saveWalletFile(`${directory}/${wallet}`, passphrase, {
        kind: 'patient',
        rootSecret,
        content: acting.wallet.content,
        demonstration: node.demonstration,
      });
      const { content } = acting.wallet;
      const device = formatDeviceCode({ kind: 'patient', network: node.network, rootSecret, content });
      return { ...facts, wallet, passphrase, recoveryCode, device };
    }),
  );
}

function pidAt({ at }: ActingPatient, slug: string): string {
  const found = at.find(({ organisation }) => organisation === slug);
  if (found === undefined) throw new Error(`the demonstration patient is not known at ${slug}`);
  return found.pid;
}
