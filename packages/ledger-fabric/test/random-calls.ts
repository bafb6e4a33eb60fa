import type { JsonObject, SignedCall } from '@salus/contracts';
import { callId, hashTuple, kidOf, randomBytes, toBase64url, utf8 } from '@salus/crypto';
import {
  type Consortium,
  grantOf,
  newId,
  newKey,
  newPatient,
  type Party,
  type Patient,
  type PreparedCall,
} from '@salus/ledger/consortium';
import type { Dice } from './dice.ts';

/** A patient as the story knows it; what the ledger holds may differ, for calls are refused. */
type Subject = {
  readonly patient: Patient;
  sequence: number;
  readonly devices: Party[];
  readonly keys: string[];
  readonly leaves: { readonly keyId: string; readonly batch: string; readonly leafHash: string }[];
  readonly grants: string[];
};

/** Calls that a consortium could send: mostly right, often too early, too late, twice, forged or malformed. */
export type RandomCalls = { next(): Promise<PreparedCall> };

const HOUR_MS = 3_600_000;
const SUBJECTS_MAX = 40;
const SENT_MAX = 200;

type Story = {
  readonly consortium: Consortium;
  readonly dice: Dice;
  readonly nowMs: () => number;
  readonly subjects: Subject[];
  readonly sent: PreparedCall[];
  checkpoint: number;
};

type Move = (story: Story) => Promise<PreparedCall>;

/** Each move as often as its weight says. */
const MOVES: readonly (readonly [weight: number, move: Move])[] = [
  [8, register],
  [4, registerAgain],
  [8, claim],
  [8, openKeys],
  [14, commitBatch],
  [6, tombstone],
  [8, grant],
  [5, revoke],
  [5, addDevice],
  [3, removeDevice],
  [6, checkpoint],
  [2, revokeIdentity],
  [4, request],
  [8, again],
  [11, spoil],
];
const WHEEL = MOVES.flatMap(([weight, move]) => Array<Move>(weight).fill(move));

export function createRandomCalls(options: {
  readonly consortium: Consortium;
  readonly dice: Dice;
  readonly nowMs: () => number;
}): RandomCalls {
  const story: Story = { ...options, subjects: [], sent: [], checkpoint: 0 };
  return {
    next: async () => {
      const prepared = await (story.subjects.length < 2 ? register : story.dice.pick(WHEEL))(story);
      if (story.sent.length === SENT_MAX) story.sent.shift();
      story.sent.push(prepared);
      return prepared;
    },
  };
}

async function register({ consortium, subjects, dice }: Story): Promise<PreparedCall> {
  const patient = newPatient();
  if (subjects.length === SUBJECTS_MAX) subjects.splice(dice.below(SUBJECTS_MAX), 1);
  subjects.push({ patient, sequence: 0, devices: [patient.device], keys: [], leaves: [], grants: [] });
  return consortium.register(patient);
}

async function registerAgain({ consortium, subjects, dice }: Story): Promise<PreparedCall> {
  return consortium.register({ ...newPatient(), pid: dice.pick(subjects).patient.pid });
}

async function claim({ consortium, subjects, dice }: Story): Promise<PreparedCall> {
  const { patient } = dice.pick(subjects);
  const claimBy = dice.chance(90) ? patient.claimBy : { ...patient.claimBy, key: newKey() };
  return consortium.claim({ ...patient, claimBy });
}

/** The first key and table of the epoch, or one more of either. */
async function openKeys({ consortium, subjects, dice }: Story): Promise<PreparedCall> {
  const subject = dice.pick(subjects);
  const owner = `pid:${subject.patient.pid}`;
  const keyId = dice.chance(90) || subject.keys.length === 0 ? newId() : dice.pick(subject.keys);
  const epoch = dice.chance(85) ? 1 : 2;
  subject.keys.push(keyId);
  const tables = dice.chance(70) ? [{ owner, epoch, root: newHash(), size: 40, version: 1 }] : [];
  return commit(consortium, { keys: [{ keyId, owner, epoch }], tables });
}

async function commitBatch({ consortium, subjects, dice }: Story): Promise<PreparedCall> {
  const subject = dice.pick(subjects);
  const keyId = dice.chance(92) && subject.keys.length > 0 ? dice.pick(subject.keys) : newId();
  const leafHash = newHash();
  const batches = [{ owner: `pid:${subject.patient.pid}`, keyId, count: 1, root: leafHash }];
  const prepared = await commit(consortium, { batches });
  subject.leaves.push({ keyId, batch: idOf(prepared.call), leafHash });
  return prepared;
}

async function tombstone({ consortium, subjects, dice }: Story): Promise<PreparedCall> {
  const { leaves } = dice.pick(subjects);
  const known = leaves.length > 0 ? dice.pick(leaves) : { keyId: newId(), batch: newHash(), leafHash: newHash() };
  const leaf = { ...known, index: 0, proof: [], ...(dice.chance(85) ? {} : { leafHash: newHash() }) };
  return consortium.sign({ transaction: 'record.tombstone', args: { leaves: [leaf] }, by: consortium.feed });
}

async function grant({ consortium, subjects, dice, nowMs }: Story): Promise<PreparedCall> {
  const { patient, devices, grants } = dice.pick(subjects);
  const id = dice.chance(85) || grants.length === 0 ? newId() : dice.pick(grants);
  grants.push(id);
  const commitment = dice.chance(92) ? {} : { commitment: newHash() };
  const prepared = await grantOf(consortium, {
    ...{ pid: patient.pid, grant: id, by: dice.pick(devices), nowMs: nowMs(), durationMs: HOUR_MS },
    ...commitment,
  });
  return dice.chance(92) ? prepared : { call: prepared.call };
}

async function revoke({ consortium, subjects, dice }: Story): Promise<PreparedCall> {
  const { devices, grants } = dice.pick(subjects);
  const id = dice.chance(75) && grants.length > 0 ? dice.pick(grants) : newId();
  grants.push(id);
  return consortium.sign({
    transaction: 'consent.revoke',
    args: { grant: id },
    by: dice.pick(devices),
    notAfter: null,
  });
}

async function addDevice({ consortium, subjects, dice }: Story): Promise<PreparedCall> {
  const subject = dice.pick(subjects);
  const { pid } = subject.patient;
  const key = newKey();
  const hpke = newKey().publicKey;
  const proof = toBase64url(key.signSync(utf8(hashTuple('device', consortium.network, pid, key.publicKey, hpke))));
  const by = dice.pick(subject.devices);
  subject.devices.push({ signer: `pid:${pid}/${kidOf(key.publicKey)}`, key });
  subject.sequence += dice.pick([0, 1, 2, 2, 2, 1_500]);
  const args = { sequence: subject.sequence, device: { publicKey: key.publicKey, hpke, proof } };
  return consortium.sign({ transaction: 'patient.addDevice', args, by });
}

async function removeDevice({ consortium, subjects, dice }: Story): Promise<PreparedCall> {
  const subject = dice.pick(subjects);
  const removed = dice.pick(subject.devices);
  subject.sequence += dice.pick([0, 2]);
  const args = { sequence: subject.sequence, kid: kidOf(removed.key.publicKey) };
  return consortium.sign({ transaction: 'patient.removeDevice', args, by: dice.pick(subject.devices) });
}

async function checkpoint(story: Story): Promise<PreparedCall> {
  const { consortium, dice } = story;
  story.checkpoint += dice.pick([-1, 0, 1, 2, 3]);
  const args = { number: Math.max(0, story.checkpoint), hash: newHash() };
  return consortium.sign({ transaction: 'access.checkpoint', args, by: consortium.node });
}

async function revokeIdentity({ consortium, dice, nowMs }: Story): Promise<PreparedCall> {
  const id = dice.chance(70) ? newId() : consortium.administrator.id;
  const args = { id, reason: 'left', certificateNotAfterMs: nowMs() + HOUR_MS };
  return consortium.sign({ transaction: 'membership.revoke', args, by: consortium.administrator });
}

async function request({ consortium, subjects, dice, nowMs }: Story): Promise<PreparedCall> {
  const { pid } = dice.pick(subjects).patient;
  const [id, salt] = [newId(), newHash()];
  const asked = {
    version: 'salus:request:v1',
    network: consortium.network,
    pid,
    request: id,
    grantee: { kind: 'organisation', organisation: dice.chance(80) ? consortium.organisation : 'hospital-z' },
    categories: ['laboratory'],
    purposes: ['TREAT'],
    notAfterMs: nowMs() + HOUR_MS,
    text: 'please',
  };
  return consortium.sign({
    transaction: 'consent.request',
    args: { pid, request: id, commitment: hashTuple('request', salt, asked) },
    by: consortium.node,
    values: { asked, salt },
  });
}

/** What was sent before, perhaps with other private arguments. */
async function again({ sent, dice }: Story): Promise<PreparedCall> {
  const earlier = dice.pick(sent);
  if (earlier.privateArgs === undefined || dice.chance(70)) return earlier;
  return { call: earlier.call, privateArgs: { ...earlier.privateArgs, salt: newHash() } };
}

/** A right call that was spoilt on the way, or by whoever wrote it. */
async function spoil(story: Story): Promise<PreparedCall> {
  const { consortium, dice, nowMs } = story;
  const patient = newPatient();
  const right = await consortium.register(patient);
  const { call } = right;
  const { args } = call.payload;
  const { feed, node } = consortium;
  const sign = (change: Partial<Parameters<Consortium['sign']>[0]>): Promise<PreparedCall> =>
    consortium.sign({ transaction: 'patient.register', args: args as JsonObject, by: feed, ...change });
  switch (dice.below(11)) {
    case 0:
      return { call: { ...call, payload: { ...call.payload, args: { ...(args as JsonObject), pid: newId() } } } };
    case 1:
      return sign({ by: { ...feed, key: newKey() } });
    case 2:
      return sign({ by: { ...feed, signer: `id:${newId()}` } });
    case 3:
      return sign({ notAfter: nowMs() - 1_000 });
    case 4:
      return sign({ notAfter: nowMs() + 25 * HOUR_MS });
    case 5:
      return sign({ network: newId() });
    case 6:
      return sign({ transaction: 'patient.enlist' });
    case 7:
      return sign({ by: node });
    case 8:
      return sign({ args: { ...(args as JsonObject), extra: 1 } });
    case 9:
      return { ...right, privateArgs: { salt: newHash(), values: {} } };
    default:
      return { call: { payload: call.payload } as never };
  }
}

function commit(consortium: Consortium, items: JsonObject): Promise<PreparedCall> {
  const args = { batches: [], keys: [], tables: [], registrations: [], ...items };
  return consortium.sign({ transaction: 'record.commit', args, by: consortium.feed });
}

function idOf({ payload }: SignedCall): string {
  return callId(payload as unknown as Parameters<typeof callId>[0]);
}

function newHash(): string {
  return toBase64url(randomBytes(32));
}
