import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type FhirTree,
  parseFhirJson,
  parseFhirXml,
  responseLinks,
  sameResource,
  stringifyFhirJson,
  writeFhirXml,
} from '@salus/fhir';
import { scaled, testData } from '@salus/testing';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { FHIR_XML, type FhirPlace, openFhirPlace } from '../../test/fhir-place.ts';

vi.setConfig({ testTimeout: 1_200_000, hookTimeout: 240_000 });

const folder = testData('synthea');
/** All of them hold 5,053 resources. */
const BUNDLES = scaled(2, 21);
const RESOURCES = scaled(200, 5_053);
const ANSWERS_AT_ONCE = 8;

let place: FhirPlace;
beforeAll(async () => {
  place = await openFhirPlace();
});
afterAll(() => place[Symbol.asyncDispose]());

type Entry = { readonly fullUrl: string; readonly resource: FhirTree };
const entriesOf = (bundle: FhirTree) => bundle.entry as unknown as readonly Entry[];

/** The desk puts a patient into the doctor's care, so that the doctor may read what came back. */
async function assign(id: string): Promise<void> {
  const { server } = place;
  const { vault } = server.node.organisations.get('hospital-a')!;
  const { pid } = (await vault.patients.findByFhirId(id))!;
  const token = await server.logIn('a.desk', { writing: true });
  const body = { pid, person: server.wallet('a.rossi').id, untilMs: Date.now() + 3_600_000 };
  const answer = await server.send('POST', '/api/v1/orgs/hospital-a/assignments', { token, body });
  if (answer.status !== 204) throw new Error(answer.text);
}

test.skipIf(folder === undefined)(
  `${BUNDLES} published bundles that are POSTed come back equal, and survive JSON → XML → JSON`,
  async () => {
    const names = readdirSync(folder!).filter((name) => name.endsWith('.json') && name !== 'manifest.json');
    let resources = 0;
    for (const name of names.toSorted().slice(0, BUNDLES)) {
      const text = readFileSync(join(folder!, name), 'utf8');
      const answer = await place.ask('POST', '', { body: text });
      if (answer.statusCode !== 200) throw new Error(`${name}: ${answer.body}`);
      const bundle = parseFhirJson(text);
      const referenceMap = responseLinks(bundle, parseFhirJson(answer.body));
      const entries = entriesOf(bundle);
      expect(referenceMap.size).toBe(entries.length);
      const patient = [...referenceMap.values()].find((url) => url.startsWith('Patient/'));
      await assign(patient!.split('/')[1]!);
      for (let at = 0; at < entries.length; at += ANSWERS_AT_ONCE) {
        const some = entries.slice(at, at + ANSWERS_AT_ONCE);
        await Promise.all(some.map((entry) => demandSame(entry, referenceMap)));
      }
      resources += entries.length;
    }
    expect(resources).toBeGreaterThanOrEqual(RESOURCES);
    console.log(`${resources} resources came back equal, as JSON and as XML`);
  },
);

async function demandSame({ fullUrl, resource }: Entry, referenceMap: ReadonlyMap<string, string>): Promise<void> {
  const url = referenceMap.get(fullUrl)!;
  const json = await place.ask('GET', url);
  if (json.statusCode !== 200) throw new Error(`${url}: ${json.body}`);
  const stored = parseFhirJson(json.body);
  if (!sameResource(resource, stored, { referenceMap })) throw new Error(`${url} is not what was sent`);
  const xml = await place.ask('GET', url, { headers: { accept: FHIR_XML } });
  const back = parseFhirXml(xml.body);
  if (!sameResource(stored, back)) throw new Error(`${url} is another in XML`);
  if (writeFhirXml(parseFhirJson(stringifyFhirJson(back))) !== xml.body)
    throw new Error(`${url} is written in two ways`);
}
