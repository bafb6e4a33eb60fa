import { formatRecoveryCode, parseRecoveryCode, recoveryKeyOf } from '@salus/wallet';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  badGateway,
  type PatientBrowser,
  type PatientNode,
  patientBrowser,
  patientNode,
  tooMany,
} from '../../../test/patient-browser.ts';
import { claimFirst, claimMore } from './claim.ts';
import { recoverHere } from './recover.ts';

const pin = '418 270';

let node: PatientNode;
let browser: PatientBrowser;
beforeEach(async () => {
  node = await patientNode();
  browser = patientBrowser(node);
});
afterEach(() => browser.close());

const claimHere = (slip: string): Promise<void> => claimFirst(browser.surroundings, browser.signIn, { slip, pin });

async function firstClaim() {
  const { slip, text } = node.newSlip('hospital-a');
  await claimHere(text);
  return { slip, text };
}

describe('a first claim', () => {
  it('keeps the recovery sheet until it is confirmed, however often the page is loaded again', async () => {
    const { slip } = await firstClaim();
    const { patient } = await browser.openTab();
    const { sheet } = patient.unfinished;
    expect(sheet).toMatchObject({ organisation: 'hospital-a', pid: slip.pid });
    const secret = parseRecoveryCode(sheet!.recoveryCode);
    expect(node.patient(slip.pid).recovery).toBe(recoveryKeyOf(secret, 0).publicKey);
    expect(formatRecoveryCode(secret)).toBe(sheet!.recoveryCode);
    const again = await browser.openTab();
    expect(again.patient.unfinished.sheet).toEqual(sheet);
  });

  it('has keys, code and call on the device before the node is told of it', async () => {
    const { text, slip } = node.newSlip('hospital-a');
    const { api } = node;
    let before: Awaited<ReturnType<typeof browser.kept>>;
    const watching: typeof api = {
      ...api,
      send: async (request) => {
        if (request.path.endsWith('/calls')) before = await browser.kept();
        return api.send(request);
      },
    };
    await claimFirst({ ...browser.surroundings, api: watching }, browser.signIn, { slip: text, pin });
    expect(before).toMatchObject({
      content: { pids: [{ pid: slip.pid }] },
      unfinished: { calls: [{ pid: slip.pid }], sheet: { pid: slip.pid } },
    });
  });

  it.each([
    ['the answer is lost', { kind: 'lose' }],
    ['a gateway answers', { kind: 'refuse', error: badGateway() }],
    ['the node is busy', { kind: 'refuse', error: tooMany() }],
  ] as const)('loses nothing where %s, and is sent again as it was', async (_, fault) => {
    node.disturb('/calls', fault);
    const { slip } = await firstClaim();
    expect(await browser.kept()).toMatchObject({
      unfinished: { calls: [{ pid: slip.pid }], sheet: { pid: slip.pid } },
    });
    const { patient } = await browser.openTab();
    await patient.resume();
    expect(patient.unfinished).toMatchObject({ calls: [], owesBackup: false, sheet: { pid: slip.pid } });
    expect(node.patient(slip.pid).devices).toEqual([patient.pids[0]!.kid]);
  });

  it('loses nothing where the backup fails, and leaves it later', async () => {
    const { slip } = await firstClaim();
    node.disturb('/login', { kind: 'refuse', error: tooMany() });
    const { patient } = await browser.openTab();
    await expect.poll(() => node.arrived.some((name) => name.endsWith('/login'))).toBe(true);
    await patient.backUp();
    expect(patient.isBackedUp).toBe(true);
    expect(patient.pids.map(({ pid }) => pid)).toEqual([slip.pid]);
    expect(node.arrived).toContain('PUT /api/v1/orgs/hospital-a/patient/backup');
  });

  it('that is refused leaves nothing', async () => {
    const { text } = await firstClaim();
    browser = patientBrowser(node);
    await expect(claimHere(text)).rejects.toMatchObject({ code: 'patient-claimed' });
    expect(await browser.kept()).toBeUndefined();
  });
});

describe('a further claim', () => {
  it('that was not answered is sent again by the next try, and is one claim', async () => {
    await firstClaim();
    const { patient } = await browser.openTab();
    const { slip, text } = node.newSlip('hospital-b');
    node.disturb('/hospital-b/calls', { kind: 'lose' });
    await expect(claimMore(browser.surroundings, patient, text)).rejects.toMatchObject({ code: 'answer-cut' });
    await claimMore(browser.surroundings, patient, text);
    expect(patient.unfinished.calls).toEqual([]);
    expect(patient.pids.map(({ pid }) => pid)).toContain(slip.pid);
    expect(node.patient(slip.pid).status).toBe('claimed');
  });

  it('that is refused goes, and its recovery key is named by no other, whichever tab claims', async () => {
    const { text: used } = await firstClaim();
    const other = patientBrowser(node);
    const { slip, text } = node.newSlip('hospital-b');
    await claimFirst(other.surroundings, other.signIn, { slip: text, pin });
    const [one, two] = [await browser.openTab(), await browser.openTab()];
    await expect(claimMore(browser.surroundings, one.patient, text)).rejects.toMatchObject({ code: 'patient-claimed' });
    const third = node.newSlip('hospital-b');
    await claimMore(browser.surroundings, two.patient, third.text);
    const content = (await browser.kept())!.content;
    expect(content.pids.some(({ pid }) => pid === slip.pid)).toBe(false);
    expect(content.recoveryNext).toBe(3);
    expect(content.pids.at(-1)).toMatchObject({ pid: third.slip.pid, recoveryIndex: 2 });
    await expect(claimMore(browser.surroundings, two.patient, used)).rejects.toMatchObject({ code: 'pid-known' });
    await other.close();
  });
});

describe('a recovery in a browser', () => {
  async function lostDevice() {
    await firstClaim();
    const { patient } = await browser.openTab();
    await patient.backUp();
    const { sheet } = patient.unfinished;
    await browser.close();
    browser = patientBrowser(node);
    return { sheet: sheet!, pin };
  }

  it('keeps the keys where the answer is lost or the backup fails, and the sheet works again afterwards', async () => {
    const given = await lostDevice();
    node.disturb('/calls', { kind: 'lose' });
    node.disturb('PUT /api/v1/orgs/hospital-a/patient/backup', { kind: 'refuse', error: tooMany() });
    const without = await recoverHere(browser.surroundings, browser.signIn, given);
    expect(without).toEqual({ refused: [], unanswered: ['hospital-a'], notes: [] });
    const { patient } = await browser.openTab();
    expect(node.patient(given.sheet.pid).devices).toEqual([patient.pids[0]!.kid]);
    await patient.resume();
    expect(patient.unfinished.calls).toEqual([]);
    const next = patientBrowser(node);
    const again = await recoverHere(next.surroundings, next.signIn, given);
    expect(again).toEqual({ refused: [], unanswered: [], notes: [] });
    expect(node.patient(given.sheet.pid).devices).toEqual([(await next.kept())!.content.pids[0]!.kid]);
  });

  it('leaves nothing where the pid is closed, and where nothing went out', async () => {
    const given = await lostDevice();
    node.disturb('/ledger/state', { kind: 'refuse', error: badGateway() });
    await expect(recoverHere(browser.surroundings, browser.signIn, given)).rejects.toMatchObject({ status: 502 });
    expect(await browser.kept()).toBeUndefined();
    const closed = { ...node.patient(given.sheet.pid), status: 'closed' };
    node.ledger.state.set(`patient/pid/${given.sheet.pid}`, JSON.parse(JSON.stringify(closed)));
    await expect(recoverHere(browser.surroundings, browser.signIn, given)).rejects.toMatchObject({
      code: 'patient-closed',
    });
    expect(await browser.kept()).toBeUndefined();
  });
});
