import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { admitPatient } from '../../test/admitted.ts';
import { openBrowser } from '../../test/browser.ts';
import type { TestPatient } from '../../test/hospital.ts';
import { authorisationRequest, launchAsPatient, PATIENT_SCOPE, redeem } from '../../test/smart-app.ts';
import { ask, openSmartHospital, REDIRECT, registerClient, type SmartHospital } from '../../test/smart-hospital.ts';
import { BearerTokens } from './bearer.ts';
import { openIssuerKeys } from './signing-keys.ts';
import { SmartServers } from './smart-server.ts';

let hospital: SmartHospital;
let patient: TestPatient;

beforeAll(async () => {
  hospital = await openSmartHospital(['hospital-a']);
  patient = await admitPatient(hospital.server, 'hospital-a');
}, 240_000);
afterAll(() => hospital?.[Symbol.asyncDispose]());

it('what apps hold outlives the process: another finds their tokens, signs with the same keys and knows what was used', async () => {
  const { node } = hospital.server;
  const { clientId } = await registerClient(hospital.server, { scope: PATIENT_SCOPE });
  const begun = await launchAsPatient(hospital, patient, { clientId });
  const { json } = await redeem(hospital, begun, { clientId });
  const another = new BearerTokens(new SmartServers(node));
  expect(await another.find('hospital-a', json.access_token)).toMatchObject({
    caller: { kind: 'app', purpose: 'PATRQT', grant: begun.grant },
  });
  const { documents } = node.organisations.get('hospital-a')!.vault;
  const keys = await openIssuerKeys(documents);
  expect(await openIssuerKeys(documents)).toEqual(keys);
  const shown = await ask(`${hospital.issuer}/jwks`);
  expect(shown.json.keys[0].n).toBe((keys.jwks.keys[0] as { n: string }).n);
});

it('a stolen directory holds no token, code, secret, key or patient of an app in the clear', async () => {
  const { server } = hospital;
  const { clientId, secret } = await registerClient(server, {
    ...{ scope: PATIENT_SCOPE, authentication: 'client_secret_basic' },
  });
  const begun = await launchAsPatient(hospital, patient, { clientId });
  const { clientId: open } = await registerClient(server, { scope: PATIENT_SCOPE, name: 'An App Of Many Words' });
  const second = await launchAsPatient(hospital, patient, { clientId: open });
  const { json } = await redeem(hospital, second, { clientId: open });
  const keys = await openIssuerKeys(server.node.organisations.get('hospital-a')!.vault.documents);
  const [rsa, p256] = keys.jwks.keys as { d: string }[];
  const secrets: Record<string, string> = {
    'access token': json.access_token,
    'refresh token': json.refresh_token,
    code: begun.code,
    'client secret': secret!,
    'RSA key': rsa!.d,
    'P-256 key': p256!.d,
    'cookie key': keys.cookieKeys[0]!,
    'name of an app': 'An App Of Many Words',
    'patient in context': patient.fhirId,
  };
  const files = filesBelow(join(server.directory, 'data')).map((file) => readFileSync(file));
  expect(files.length).toBeGreaterThan(3);
  for (const [what, value] of Object.entries(secrets)) {
    expect([what, value.length > 10, files.some((bytes) => bytes.includes(value))]).toEqual([what, true, false]);
  }
  // The log that the operator keeps tells no more.
  const log = server.log.join('\n');
  for (const [what, value] of Object.entries(secrets)) expect([what, log.includes(value)]).toEqual([what, false]);
});

it('what is begun before anybody has logged in counts against a bound of its own', async () => {
  const { artifacts } = hospital.server.node.organisations.get('hospital-a')!.vault;
  const { clientId } = await registerClient(hospital.server, { scope: PATIENT_SCOPE });
  const put = vi.spyOn(artifacts, 'put');
  const page = await openBrowser().open(authorisationRequest(hospital, { clientId }).url, REDIRECT);
  const begun = put.mock.calls.map(([kind, , { isOpen }]) => [kind, isOpen] as const);
  put.mockRestore();
  expect(page.answer?.status).toBe(200);
  expect(new Set(begun.map(([kind]) => kind))).toEqual(new Set(['Interaction', 'SmartApproval']));
  expect(begun.every(([, isOpen]) => isOpen === true)).toBe(true);
});

function filesBelow(directory: string): readonly string[] {
  return readdirSync(directory).flatMap((name) => {
    const path = join(directory, name);
    return statSync(path).isDirectory() ? filesBelow(path) : [path];
  });
}
