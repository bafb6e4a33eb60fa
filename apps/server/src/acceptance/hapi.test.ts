import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';
import { freePort, hasJavaTools } from '@salus/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type FhirPlace, observation, openFhirPlace } from '../../test/fhir-place.ts';

const PROJECT = fileURLToPath(new URL('../../interop/hapi', import.meta.url));
/** Maven may have to bring HAPI first. */
const RUN_MS = 600_000;
const ROUND_TRIPS = [
  'reads the capability statement',
  'creates and reads an observation with its decimals',
  'updates under If-Match, and is refused on an older version',
  'updates conditionally',
  'creates conditionally once',
  'searches and follows every page',
  'includes what a match refers to',
  'writes a transaction with references between its entries',
  'writes nothing of a transaction with a wrong entry',
  'reads the history of a resource',
  'deletes, and is told that it is gone',
  'validates on the server',
  'is told what does not exist',
] as const;

describe.skipIf(!hasJavaTools())("HAPI FHIR's own client and validator", () => {
  const folder = mkdtempSync(join(tmpdir(), 'salus-hapi-'));
  let place: FhirPlace;
  let lines: readonly string[];
  let judged: readonly string[];

  beforeAll(async () => {
    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    place = await openFhirPlace(url);
    await place.server.app.listen({ host: '127.0.0.1', port });
    const resources = join(folder, 'resources');
    judged = await keepAnswers(place, resources);
    lines = await runInterop([`${url}/hospital-a/fhir/R4`, place.doctor, place.patient.split('/')[1]!, resources]);
  }, RUN_MS);
  afterAll(async () => {
    await place?.[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
  });

  /** The project is built in a folder of its own, so that the repository stays as it is. */
  async function runInterop(args: readonly string[]): Promise<readonly string[]> {
    const project = join(folder, 'project');
    cpSync(PROJECT, project, { recursive: true });
    const maven = spawn('mvn', ['-q', '-B', 'compile', 'exec:java', `-Dexec.args=${args.join(' ')}`], {
      cwd: project,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const said: string[] = [];
    maven.stdout.on('data', (chunk) => said.push(String(chunk)));
    maven.stderr.on('data', (chunk) => said.push(String(chunk)));
    await once(maven, 'close');
    return stripVTControlCharacters(said.join('')).split('\n');
  }

  for (const encoding of ['json', 'xml']) {
    it.each(ROUND_TRIPS)(`in ${encoding}: %s`, (name) => {
      const line = lines.find((each) => each.includes(`${encoding}: ${name}`));
      expect(line ?? lines.join('\n')).toBe(`ok ${encoding}: ${name}`);
    });
  }

  it('accepts every kind of resource that the node itself makes', () => {
    const verdicts = lines.filter((line) => line.includes('judges '));
    expect(verdicts).toEqual(judged.map((file) => `ok judges ${file}`));
  });
});

/** What the node answers, as files for the validator. */
async function keepAnswers(place: FhirPlace, folder: string): Promise<readonly string[]> {
  await place.ask('POST', 'Observation', { body: observation(place.patient, { effectiveDateTime: '2026-03-01' }) });
  const officer = await place.server.logIn('hospital-a.admin');
  const answers = {
    'audit-events': await place.ask('GET', `AuditEvent?patient=${place.patient}`, { token: officer }),
    'capability-statement': await place.ask('GET', 'metadata'),
    history: await place.ask('GET', `${place.patient}/_history`),
    'operation-outcome': await place.ask('GET', 'Observation/absent'),
    provenance: await place.ask('GET', `Provenance?patient=${place.patient}`),
    searchset: await place.ask('GET', `Observation?patient=${place.patient}&_include=*`),
    summary: await place.ask('GET', `${place.patient}/$summary`),
  };
  mkdirSync(folder);
  const files: string[] = [];
  for (const [name, answer] of Object.entries(answers)) {
    if (answer.statusCode !== 200 && name !== 'operation-outcome') throw new Error(`${name}: ${answer.body}`);
    files.push(`${name}.json`);
    writeFileSync(join(folder, `${name}.json`), answer.body);
  }
  return files;
}
