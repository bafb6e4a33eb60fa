import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createRequire } from 'node:module';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AdmittedPatient, admitPatient, firstWritten } from '../../test/admitted.ts';
import { openBrowser } from '../../test/browser.ts';
import { revokeGrant } from '../../test/hospital.ts';
import { approve, codeOf, PATIENT_SCOPE } from '../../test/smart-app.ts';
import { openSmartHospital, registerClient, type SmartHospital } from '../../test/smart-hospital.ts';

const require = createRequire(import.meta.url);
/** As much of fhirclient as is used here: its own types bring the browser's globals, which the node does not have. */
const smart = require('fhirclient') as (
  request: IncomingMessage,
  response: ServerResponse,
  storage: object,
) => SmartApi;

interface SmartApi {
  authorize(options: Readonly<Record<string, string>>): Promise<unknown>;
  ready(): Promise<Client>;
}

interface Client {
  readonly patient: { readonly id: string | null; read(): Promise<Answer> };
  getFhirUser(): string | null;
  request(path: string): Promise<Answer>;
}

interface Answer {
  readonly resourceType: string;
  readonly id: string;
  readonly total?: number;
}

/** An app on fhirclient, as its documentation has it for Node. */
interface App extends AsyncDisposable {
  readonly url: string;
  readonly redirectUri: string;
  register(clientId: string): void;
  client(): Client;
}

let hospital: SmartHospital;
let patient: AdmittedPatient;
let app: App;

beforeAll(async () => {
  hospital = await openSmartHospital();
  patient = await admitPatient(hospital.server, 'hospital-a');
  app = await openApp(hospital.base);
}, 240_000);
afterAll(async () => {
  await app?.[Symbol.asyncDispose]();
  await hospital?.[Symbol.asyncDispose]();
});

describe('fhirclient, the SMART JS client', () => {
  it('completes a standalone launch, reads what the grant allows, is refused the rest, and everything after revocation', async () => {
    const { clientId } = await registerClient(hospital.server, {
      scope: PATIENT_SCOPE,
      redirectUris: [app.redirectUri],
    });
    app.register(clientId);
    const browser = openBrowser();
    const page = await browser.open(`${app.url}/launch`, app.redirectUri);
    expect(page.url).toContain(`${hospital.issuer}/interaction/`);
    const categories = ['identity', 'laboratory', 'vital-signs'];
    const grant = await approve(hospital.server, patient, { code: codeOf(page), categories });
    const back = await browser.open(page.url, app.redirectUri);
    const ready = await browser.open(back.url, 'nowhere:');
    expect(ready.answer?.text).toBe('ready');
    const client = app.client();
    expect(client.patient.id).toBe(patient.fhirId);
    expect(client.getFhirUser()).toBe(`Patient/${patient.fhirId}`);

    const self = await client.patient.read();
    expect([self.resourceType, self.id]).toEqual(['Patient', patient.fhirId]);
    const observation = await client.request(firstWritten(patient, 'Observation'));
    expect(observation.resourceType).toBe('Observation');
    const medication = firstWritten(patient, 'MedicationRequest');
    await expect(client.request(medication)).rejects.toMatchObject({ statusCode: 403 });
    const found = await client.request(`Observation?patient=${patient.fhirId}`);
    expect(found.total).toBeGreaterThan(0);
    const hidden = await client.request(`MedicationRequest?patient=${patient.fhirId}`);
    expect(hidden.total).toBe(0);

    const revoked = await revokeGrant(hospital.server, patient, grant);
    expect(revoked.status).toBe(200);
    await expect(client.patient.read()).rejects.toMatchObject({ statusCode: 401 });
  }, 240_000);
});

async function openApp(iss: string): Promise<App> {
  const stored = new Map<string, unknown>();
  const storage = {
    get: async (key: string) => stored.get(key),
    set: async (key: string, value: unknown) => {
      stored.set(key, value);
      return value;
    },
    unset: async (key: string) => stored.delete(key),
  };
  let clientId = '';
  let client: Client | undefined;
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const api = smart(request, response, storage);
    if (request.url?.startsWith('/launch') === true) {
      await api.authorize({
        clientId,
        scope: PATIENT_SCOPE,
        redirectUri: `${origin}/callback`,
        iss,
        pkceMode: 'required',
      });
      return;
    }
    client = await api.ready();
    response.end('ready');
  };
  const listener: Server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => response.writeHead(500).end(String(error)));
  });
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  const address = listener.address();
  const origin = `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;
  return {
    url: origin,
    redirectUri: `${origin}/callback`,
    register: (id) => {
      clientId = id;
    },
    client: () => {
      if (client === undefined) throw new Error('the app has not come back yet');
      return client;
    },
    [Symbol.asyncDispose]: () => new Promise((resolve) => listener.close(() => resolve())),
  };
}
