import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { admitPatient, firstWritten } from '../../test/admitted.ts';
import { revokeGrant, type TestPatient } from '../../test/hospital.ts';
import { launchAsPatient, redeem } from '../../test/smart-app.ts';
import {
  ask,
  grantToApp,
  openSmartHospital,
  registerClient,
  revokeClient,
  type SmartHospital,
} from '../../test/smart-hospital.ts';
import { LOG_LINES_MAX } from './let-in-routes.ts';

vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 });

let hospital: SmartHospital;
let patient: TestPatient;
let observation: string;

beforeAll(async () => {
  hospital = await openSmartHospital(['hospital-a']);
  const admitted = await admitPatient(hospital.server, 'hospital-a');
  patient = admitted;
  observation = firstWritten(admitted, 'Observation');
}, 240_000);
afterAll(() => hospital?.[Symbol.asyncDispose]());

describe('the apps that a patient has let in', () => {
  const scope = 'launch/patient patient/*.cruds';
  const list = async (token = patient.token) => {
    const path = '/api/v1/orgs/hospital-a/patient/apps';
    const { status, json, text } = await hospital.server.send('GET', path, { token });
    expect(status, text).toBe(200);
    return json as { apps: Record<string, unknown>[]; lookedBackToMs: number | null };
  };
  const find = async (grant: string) => (await list()).apps.find((app) => app.grant === grant);

  it('are told with name, scopes and last reading as long as the grant holds, and to nobody else', async () => {
    const { server } = hospital;
    const { clientId: diary } = await registerClient(server, { name: 'Diary', scope });
    const begun = await launchAsPatient(hospital, patient, { clientId: diary, scope });
    const { json } = await redeem(hospital, begun, { clientId: diary });
    const known = { grant: begun.grant, name: 'Diary', live: true, scopes: ['launch/patient', 'patient/*.rs'] };
    expect(await find(begun.grant)).toEqual({ ...known, lastReadMs: null });
    const authorization = `Bearer ${json.access_token}`;
    expect((await ask(`${hospital.base}/${observation}`, { headers: { authorization } })).status).toBe(200);
    expect(await find(begun.grant)).toEqual({ ...known, lastReadMs: expect.any(Number) });
    const device = { pid: 'q'.repeat(22), kid: 'k'.repeat(22) };
    const { token: stranger } = server.node.sessions.open({ kind: 'patient', organisation: 'hospital-a', ...device });
    expect(await list(stranger)).toEqual({ apps: [], lookedBackToMs: null });
    await revokeClient(server, diary);
    expect(await find(begun.grant)).toMatchObject({ name: 'Diary', live: false });
    expect((await revokeGrant(server, patient, begun.grant)).status).toBe(200);
    expect(await find(begun.grant)).toBeUndefined();
  });

  it('have no scopes where none logged in, and no last reading beyond the lines that are looked through', async () => {
    const { server } = hospital;
    const { clientId: silent } = await registerClient(server, { name: 'Silent', scope });
    const grant = await grantToApp(server, patient, { client: silent });
    const unread = { ...{ grant, name: 'Silent', live: true, scopes: null, lastReadMs: null } };
    expect(await find(grant)).toEqual(unread);
    expect((await list()).lookedBackToMs).toBeNull();
    const { audit } = server.node.organisations.get('hospital-a')!.vault;
    const line = { pid: patient.pid, who: null, purpose: null, grant: null, session: null, records: [] } as const;
    const noted = { kind: 'login', outcome: 'ok', request: null, ...line } as const;
    await Promise.all(Array.from({ length: LOG_LINES_MAX }, (_, at) => audit.append({ ...noted, atMs: at })));
    expect(await find(grant)).toEqual(unread);
    expect((await list()).lookedBackToMs).toEqual(expect.any(Number));
  });
});
