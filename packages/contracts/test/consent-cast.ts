import { hashTuple } from '@salus/crypto';
import type { Grantee } from '../src/consent/terms.ts';
import { mergeCommitment } from '../src/patient/merge.ts';
import { type ConsentWorld, createConsentWorld } from './consent.ts';
import type { Setting } from './consent-model.ts';
import type { Party } from './consent-moves.ts';
import type { People } from './consent-terms.ts';
import type { TestSigner } from './host.ts';
import { testHash } from './keys.ts';
import { deviceArgs, deviceBy, type Member, type Patient } from './network.ts';

/** Everybody who acts in a random history. */
export type Cast = People & {
  readonly world: ConsentWorld;
  readonly alice: Patient;
  readonly eve: Patient;
  readonly atB: Patient;
  readonly dora: Patient;
  readonly mia: Patient;
  readonly bob: Patient;
  /** Device labels with their pids and signers. */
  readonly devices: ReadonlyMap<string, { readonly pid: string; readonly by: TestSigner }>;
  readonly nodes: readonly Member[];
  readonly strangers: readonly Member[];
  readonly readers: readonly Member[];
  readonly clinicians: readonly Member[];
  readonly reviewers: readonly Member[];
  readonly requesters: readonly Member[];
  /** Readers with certificates that nobody should accept. */
  readonly uncertified: readonly Member[];
  /** Enrolled readers of hospital B who may be dismissed. */
  readonly temporary: readonly Member[];
  readonly setting: Setting;
};

/** Hospital A keeps the records of alice, eve, dora (closed), mia (merged) and bob (unclaimed); hospital B knows alice by another pid. */
export async function createCast(): Promise<Cast> {
  const world = await createConsentWorld();
  const { alice, nodeA } = world;
  const [a, b, c] = ['hospital-a', 'hospital-b', 'hospital-c'].map((name) => world.organisation(name)) as [
    Org,
    Org,
    Org,
  ];
  const device = deviceArgs(world, alice.pid, 'alice tablet');
  await world.commit({ transaction: 'patient.addDevice', args: { sequence: 2, device }, by: alice.phone });
  const eve = await world.claim('hospital-a', 'eve');
  const dora = await world.claim('hospital-a', 'dora');
  await world.commit({ transaction: 'patient.close', args: { sequence: 2 }, by: dora.phone });
  const mia = await world.claim('hospital-a', 'mia');
  await mergeInto(world, mia, eve);
  const atB = await world.claim('hospital-b', 'alice at b');
  const bob = await world.register('hospital-a', 'bob');
  smuggleDevice(world, bob.pid, 'bob phone');
  const secondNode = await world.enrol('hospital-a', { label: 'second node', kind: 'node' });
  const officer = await world.enrol('hospital-a', { label: 'officer', roles: ['privacy-officer'] });
  const both = await world.enrol('hospital-a', { label: 'both', roles: ['clinician', 'privacy-officer'] });
  const temporary = [
    await world.enrol('hospital-b', { label: 'locum', roles: ['clinician'] }),
    await world.enrol('hospital-b', { label: 'student', roles: ['nurse'] }),
  ];
  const nurse = await world.certify(b.authority, { label: 'nurse of b', roles: ['nurse'] });
  const researcher = await world.certify(b.authority, { label: 'researcher', roles: ['study-s1'] });
  const impostor = { label: 'impostor', organisation: 'hospital-b', roles: ['clinician'] };
  const uncertified = [
    await world.certify(c.authority, impostor),
    await world.certify(b.authority, { label: 'retired', roles: ['clinician'], notAfterMs: world.nowMs() - 1 }),
  ];
  const labelled: readonly (readonly [string, string])[] = [
    ['alice phone', alice.pid],
    ['alice tablet', alice.pid],
    ['eve phone', eve.pid],
    ['dora phone', dora.pid],
    ['mia phone', mia.pid],
    ['bob phone', bob.pid],
    ['alice at b phone', atB.pid],
  ];
  const devices = new Map(labelled.map(([label, pid]) => [label, { pid, by: deviceBy(pid, label) }]));
  return {
    ...{ world, alice, eve, atB, dora, mia, bob, devices, temporary, uncertified },
    nodes: [nodeA, secondNode],
    strangers: [b.node, a.feed, a.clinician],
    readers: [b.clinician, b.clinician, b.registrar, b.feed, b.node, nurse, researcher, ...temporary, c.clinician],
    clinicians: [a.clinician, both, both, a.registrar, b.clinician, nurse, ...temporary, c.clinician],
    reviewers: [officer, both, both, a.administrator, b.administrator, a.clinician],
    requesters: [b.clinician, b.feed, b.node],
    grantees: granteesOf(b, { researcher, nurse, temporary: temporary[0]! }),
    disliked: b.clinician.id,
    setting: {
      network: world.host.network,
      patients: new Map([
        [alice.pid, { organisation: 'hospital-a', status: 'claimed', epoch: 1 }],
        [eve.pid, { organisation: 'hospital-a', status: 'claimed', epoch: 1 }],
        // Closing a pid ended its first epoch.
        [dora.pid, { organisation: 'hospital-a', status: 'closed', epoch: 2 }],
        [mia.pid, { organisation: 'hospital-a', status: 'merged', epoch: 1 }],
        [bob.pid, { organisation: 'hospital-a', status: 'unclaimed', epoch: 1 }],
        [atB.pid, { organisation: 'hospital-b', status: 'claimed', epoch: 1 }],
      ]),
      devices: new Map(labelled),
    },
  };
}

/** The patient's own device says that the pid is a second one. */
async function mergeInto(world: ConsentWorld, { pid, phone }: Patient, survivor: Patient): Promise<void> {
  const values = { survivor: survivor.pid, salt: testHash('merge') };
  const commitment = mergeCommitment({ hashTuple }, { network: world.host.network, pid, ...values });
  await world.commit({ transaction: 'patient.merge', args: { pid, commitment }, by: phone, values });
}

type Org = ReturnType<ConsentWorld['organisation']>;

export const partyOf = ({ id, organisation, kind, roles }: Member): Party => ({ id, organisation, kind, roles });

function granteesOf(b: Org, some: { researcher: Member; nurse: Member; temporary: Member }): readonly Grantee[] {
  const organisation = 'hospital-b';
  return [
    { kind: 'organisation', organisation },
    { kind: 'organisation', organisation },
    { kind: 'organisation', organisation },
    { kind: 'organisation', organisation: 'hospital-c' },
    { kind: 'role', organisation, role: 'clinician' },
    { kind: 'role', organisation, role: 'nurse' },
    { kind: 'person', organisation, id: b.clinician.id },
    { kind: 'person', organisation, id: some.temporary.id },
    { kind: 'client', organisation, id: b.feed.id },
    { kind: 'study', organisation, study: 's1' },
  ];
}

/** A device that stands in the state although its pid was never claimed: no call can bring that about. */
function smuggleDevice(world: ConsentWorld, pid: string, label: string): void {
  const { key } = deviceBy(pid, label);
  const { kid, publicKey } = key;
  const fact = { kid, publicKey, hpke: publicKey, status: 'active', addedMs: world.nowMs() };
  world.state.set(`patient/device/${pid}/${kid}`, fact);
}
