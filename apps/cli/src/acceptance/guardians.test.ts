import { afterAll, beforeAll, expect, it } from 'vitest';
import { EXIT } from '../exit-codes.ts';
import { type Demonstration, openDemonstration } from './desk.ts';

let demonstration: Demonstration;
beforeAll(async () => {
  demonstration = await openDemonstration();
}, 240_000);
afterAll(() => demonstration[Symbol.asyncDispose]());

it('a patient lets somebody act, sees who it is, and ends it; an administrator lists a release', async () => {
  const { desk } = demonstration;
  const shown = await desk.salus('patient', 'show', '--as', 'patient-1', '--json');
  const { pids } = shown.json<{ pids: { organisation: string; pid: string }[] }>();
  const [{ organisation, pid }] = pids as [{ organisation: string; pid: string }];
  const offered = await desk.salus('patient', 'offer-guardian', pid, organisation, '--as', 'patient-2', '--json');
  expect(offered.exit, offered.stderr).toBe(EXIT.ok);
  const file = desk.secretFile('offer.json', offered.stdout);
  const until = new Date(Date.now() + 30 * 86_400_000).toISOString();
  const naming = [
    '--name',
    'Greta Guardian',
    '--relation',
    'daughter',
    '--until',
    until,
    '--as',
    'patient-1',
    '--json',
  ];
  const wrong = await desk.salus('patient', 'appoint-guardian', file, '--scope', 'everything', ...naming);
  expect(wrong.exit).toBe(EXIT.usage);
  const appointed = await desk.salus('patient', 'appoint-guardian', file, '--scope', 'read,consent', ...naming);
  expect(appointed.exit, appointed.stderr).toBe(EXIT.ok);
  const { kid } = appointed.json<{ kid: string }>();
  const listing = ['patient', 'guardians', '--at', organisation, '--as', 'patient-1', '--json'];
  const listed = async () =>
    (await desk.salus(...listing)).json<{ pids: { guardians: object[] }[] }>().pids[0]?.guardians;
  const guardian = { name: 'Greta Guardian', relation: 'daughter' };
  expect(await listed()).toMatchObject([{ kid, scope: ['read', 'consent'], state: 'active', appointed: { guardian } }]);
  const devices = await desk.salus('patient', 'devices', '--at', organisation, '--as', 'patient-1');
  expect(devices.stdout).not.toContain(kid);
  const ended = await desk.salus('patient', 'end-guardian', kid, '--at', organisation, '--as', 'patient-1');
  expect(ended.exit, ended.stderr).toBe(EXIT.ok);
  expect(await listed()).toMatchObject([{ kid, state: 'removed' }]);

  const release = ['staff', 'release', 'A'.repeat(43)];
  expect((await desk.salus(...release, '--as', 'a.rossi')).exit).toBe(EXIT.refused);
  expect((await desk.salus(...release, '--as', 'hospital-a.admin')).exit).toBe(EXIT.ok);
  expect((await desk.salus(...release, '--withdraw', '--as', 'hospital-a.admin')).exit).toBe(EXIT.ok);
}, 240_000);
