import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EXIT } from '../exit-codes.ts';
import { type Demonstration, type Desk, openDemonstration, type Ran } from './desk.ts';

/** Some twenty command lines, each with a log-in whose password hash is slow on purpose. */
const TIMEOUT_MS = 240_000;

let demonstration: Demonstration;
let desk: Desk;
let passphrase: string;

beforeAll(async () => {
  demonstration = await openDemonstration();
  ({ desk } = demonstration);
  passphrase = desk.secretFile('passphrase', 'correct horse battery staple');
}, 240_000);

afterAll(() => demonstration[Symbol.asyncDispose]());

interface Shown {
  readonly pids: readonly { readonly organisation: string; readonly pid: string; readonly kid: string }[];
}
interface Devices {
  readonly pids: readonly {
    readonly organisation: string;
    readonly own: string;
    readonly devices: readonly { readonly kid: string; readonly status: string }[];
  }[];
}

describe('a patient’s devices', () => {
  it(
    'are added with keys of their own, removed, and all replaced by the recovery code',
    async () => {
      const { slip, patient } = await newPatient('recovering');
      const claimed = await own('patient', 'claim', slip, '--as', 'old-phone');
      const { recoveryCode, pid } = claimed.json<{ recoveryCode: string; pid: string }>();
      expect(recoveryCode).toMatch(/^([0-9A-Z]{4}-){13}[0-9A-Z]{4}$/);

      await addDevice(pid);
      const { pids } = (await own('patient', 'devices', '--as', 'tablet')).json<Devices>();
      expect(pids[0]!.devices.map(({ status }) => status)).toEqual(['active', 'active']);
      const other = pids[0]!.devices.find(({ kid }) => kid !== pids[0]!.own)!.kid;
      await own('records', '--as', 'tablet');
      await own('patient', 'remove-device', pids[0]!.own, '--as', 'old-phone');
      expect((await refused('records', '--as', 'tablet')).exit).toBe(EXIT.denied);
      expect(other).toBe((await own('patient', 'show', '--as', 'old-phone')).json<Shown>().pids[0]!.kid);

      const code = desk.secretFile('code', recoveryCode);
      const wrong = desk.secretFile(
        'wrong-code',
        recoveryCode.replace(/^..../, recoveryCode.startsWith('0') ? '1111' : '0000'),
      );
      const words = ['patient', 'recover', '--org', 'hospital-a', '--pid', pid, '--as', 'new-phone'];
      expect((await refused(...words, '--code-file', wrong)).json()).toMatchObject({
        error: { code: 'bad-recovery-code' },
      });
      await own(...words, '--code-file', code);
      await own('records', '--as', 'new-phone');
      // The lost device: logs in nowhere, and its key signs nothing.
      expect((await refused('records', '--as', 'old-phone')).exit).toBe(EXIT.denied);
      const close = await refused('patient', 'close', '--yes', '--as', 'old-phone');
      expect(close.exit).toBe(EXIT.refused);
      expect((await desk.salus('slip', patient, '--as', 'a.desk')).exit).toBe(EXIT.refused);
    },
    TIMEOUT_MS,
  );
});

describe('an emergency', () => {
  it(
    'opens what the patient’s card names at another organisation, is seen at once and reviewed once by somebody else',
    async () => {
      const card = join(desk.home, 'card.json');
      const at = ['--at', 'hospital-a', '--as', 'patient-1'];
      await done('patient', 'card', '--categories', 'medication', '--out', card, ...at);
      expect(statSync(card).mode & 0o077).toBe(0);
      expect((await desk.salus('patient', 'card', ...at)).exit).toBe(EXIT.usage);
      const words = ['emergency', '--reason', 'unconscious', '--text', 'Found collapsed', '--as', 'b.novak'];
      const pid = (await done('patient', 'show', '--as', 'patient-1'))
        .json<Shown>()
        .pids.find(({ organisation }) => organisation === 'hospital-a')!.pid;
      const without = await desk.salus(...words, '--pid', pid, '--json');
      expect(without.exit).toBe(EXIT.refused);
      const broken = (await done(...words, '--card', card)).json<{
        session: string;
        records: readonly { category: string }[];
      }>();
      expect(broken.records.length).toBeGreaterThan(0);
      expect(broken.records.every(({ category }) => category === 'medication')).toBe(true);

      interface Grants {
        readonly organisations: readonly {
          readonly emergencies: readonly {
            readonly request: string;
            readonly fact: { readonly status: string; readonly outcome?: string };
          }[];
        }[];
      }
      const seen = (await done('grants', ...at)).json<Grants>().organisations[0]!.emergencies;
      expect(seen).toMatchObject([{ request: broken.session, fact: { status: 'open' } }]);
      const review = ['review', broken.session, '--outcome', 'justified', '--finding', 'Was unconscious', '--as'];
      expect((await desk.salus(...review, 'b.novak')).exit).toBe(EXIT.denied);
      await done(...review, 'hospital-a.admin');
      const twice = await desk.salus(...review, 'hospital-a.admin', '--json');
      expect(twice.json()).toMatchObject({ error: { code: 'emergency-reviewed' } });
      const after = (await done('grants', ...at)).json<Grants>().organisations[0]!.emergencies;
      expect(after).toMatchObject([{ fact: { status: 'reviewed', outcome: 'justified' } }]);
      const lines = (await done('audit', ...at)).json<{
        logs: readonly {
          lines: readonly { event: { kind: string; purpose: string | null; who: { organisation?: string } } }[];
        }[];
      }>();
      expect(
        lines.logs[0]!.lines.some(({ event }) => event.kind === 'emergency' && event.who.organisation === 'hospital-b'),
      ).toBe(true);
    },
    TIMEOUT_MS,
  );
});

describe('a member of staff', () => {
  it(
    'makes a key on a device of their own, is enrolled by the administrator’s signature, works, and is revoked',
    async () => {
      const made = (await own('staff', 'new', '--as', 'c.weber')).json<{ publicKey: string }>();
      const password = desk.secretFile('password', 'a first password for c.weber');
      const enrolling = ['staff', 'enrol', '--name', 'c.weber', '--roles', 'clinician', '--public-key', made.publicKey];
      const asked = [...enrolling, '--new-password-file', password];
      expect((await desk.salus(...asked, '--as', 'a.rossi')).exit).toBe(EXIT.denied);
      const enrolment = join(desk.home, 'enrolment.json');
      const enrolled = await done(...asked, '--as', 'hospital-a.admin');
      writeFileSync(enrolment, enrolled.stdout);
      await own('staff', 'accept', enrolment, '--as', 'c.weber');
      const { patients } = (await own('patients', '--as', 'c.weber', '--password-file', password)).json<{
        patients: readonly unknown[];
      }>();
      expect(patients.length).toBeGreaterThan(0);
      const { id } = enrolled.json<{ id: string }>();
      await done('staff', 'revoke', id, '--name', 'c.weber', '--as', 'hospital-a.admin');
      expect((await refused('patients', '--as', 'c.weber', '--password-file', password)).exit).toBe(EXIT.denied);
    },
    TIMEOUT_MS,
  );
});

describe('a grant that nobody asked for', () => {
  it(
    'reaches its holder, is narrowed, and opens only what is left',
    async () => {
      const words = [
        'grant',
        '--to',
        'role:clinician@hospital-b',
        '--categories',
        'laboratory,medication',
        '--at',
        'hospital-a',
      ];
      const made = (await done(...words, '--yes', '--as', 'patient-1')).json<{
        grants: readonly { grant: string }[];
      }>();
      const { grant } = made.grants[0]!;
      interface Read {
        readonly records: readonly { readonly type: string; readonly category: string }[];
        readonly pairs: readonly { readonly withheld: number }[];
      }
      const before = (await done('records', '--grant', grant, '--as', 'b.novak')).json<Read>();
      expect(new Set(before.records.map(({ category }) => category))).toEqual(new Set(['laboratory', 'medication']));
      const wider = await desk.salus(
        'narrow',
        grant,
        '--categories',
        'laboratory,imaging',
        '--as',
        'patient-1',
        '--json',
      );
      expect(wider.exit).toBe(EXIT.refused);
      await done('narrow', grant, '--categories', 'laboratory', '--types', 'Observation', '--as', 'patient-1');
      const after = (await done('records', '--grant', grant, '--as', 'b.novak')).json<Read>();
      expect(after.records.length).toBeGreaterThan(0);
      expect(after.records.every(({ type }) => type === 'Observation')).toBe(true);
    },
    TIMEOUT_MS,
  );
});

/** A new patient of hospital A, with the slip that the desk printed. */
async function newPatient(name: string): Promise<{ readonly slip: string; readonly patient: string }> {
  const file = join(desk.home, `${name}.json`);
  const resource = {
    resourceType: 'Patient',
    identifier: [{ system: 'urn:test:mrn', value: name }],
    name: [{ family: name }],
  };
  const entry = [
    { fullUrl: 'urn:uuid:00000000-0000-4000-8000-00000000000a', resource, request: { method: 'POST', url: 'Patient' } },
  ];
  writeFileSync(file, JSON.stringify({ resourceType: 'Bundle', type: 'transaction', entry }));
  const imported = (await done('import', '--as', 'a.rossi', file)).json<{
    files: readonly { resources: readonly string[] }[];
  }>();
  const patient = imported.files[0]!.resources[0]!.replace('Patient/', '');
  const { slip } = (await done('slip', patient, '--as', 'a.desk')).json<{ slip: string }>();
  return { slip, patient };
}

async function addDevice(pid: string): Promise<void> {
  const [offer, join1] = [join(desk.home, 'offer.json'), join(desk.home, 'join.json')];
  writeFileSync(offer, (await own('patient', 'offer-device', pid, '--as', 'tablet')).stdout);
  // Twice, for what the first printed may be lost.
  for (let time = 0; time < 2; time += 1) {
    writeFileSync(join1, (await own('patient', 'add-device', offer, '--as', 'old-phone')).stdout);
  }
  const [old] = (await own('patient', 'show', '--as', 'old-phone')).json<Shown>().pids;
  const { kid } = old!;
  expect((await refused('patient', 'join-device', offer, kid, '--as', 'tablet')).exit).toBe(EXIT.usage);
  // Whoever carried the file did not make it.
  const strange = await refused('patient', 'join-device', join1, pid, '--as', 'tablet');
  expect([strange.exit, strange.stderr]).toEqual([EXIT.usage, expect.stringContaining('not signed by the old device')]);
  await own('patient', 'join-device', join1, kid, '--as', 'tablet');
}

async function done(...words: readonly string[]): Promise<Ran> {
  const ran = await desk.salus(...words, '--json');
  expect(ran.exit, `${words.join(' ')}\n${ran.stderr}\n${ran.stdout.slice(0, 2_000)}`).toBe(EXIT.ok);
  return ran;
}

/** With the passphrase of wallets that the test made. */
function own(...words: readonly string[]): Promise<Ran> {
  return done(...words, '--passphrase-file', passphrase);
}

function refused(...words: readonly string[]): Promise<Ran> {
  return desk.salus(...words, '--passphrase-file', passphrase, '--json');
}
