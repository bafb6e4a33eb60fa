import { postgresServer } from '@salus/testing';
import type { BenchResult } from '../bench-result.ts';
import { closedLoop, type Load } from '../closed-loop.ts';
import { type NodeProcess, type StaffSession, startNode } from '../node-process.ts';
import { exportAll } from './export.ts';
import { type Filled, fill } from './filled-node.ts';

const CLIENTS = 6;
/** Whoever writes waits for the disk: more of them share a commit. */
const WRITING_CLIENTS = 32;
/** Prime to every number of paths. */
const STRIDE = 7_919;
const MB = 2 ** 20;

/** What is wanted of a node at 60,000 resources; a database on a server gives half. */
const WANTED = { create: 600, read: 2_500, search: 800, transaction: 1_500, export: 5_000, hits: 10 };
const SERVER_SHARE = 0.5;

/** FHIR over HTTP on copies of the Synthea patients, with validation, index, consent and audit, on both databases. */
export async function benchFhir(quick: boolean): Promise<readonly BenchResult[]> {
  const size = quick ? { resources: 3_000, seconds: 3 } : { resources: 60_000, seconds: 15 };
  const sqlite = await measure({ ...size, database: 'SQLite', share: 1, settings: {} });
  await using server = await postgresServer();
  const settings = { SALUS_DATABASE_URL: server.url };
  const postgres = await measure({ ...size, database: 'PostgreSQL', share: SERVER_SHARE, settings });
  return [...sqlite, ...postgres];
}

/** p95 of reads and of indexed searches as the record grows. */
export async function benchFhirGrowth(quick: boolean): Promise<readonly BenchResult[]> {
  const [small, large] = quick ? [2_000, 6_000] : [60_000, 1_000_000];
  await using node = await startNode();
  const author = await node.logIn('a.rossi');
  const seconds = quick ? 3 : 15;
  const first = await fill(node, author, { resources: small });
  const before = await readAndSearch(node, author, first, seconds);
  const second = await fill(node, author, { resources: large - first.resources, firstCopy: 1_000 });
  const all = {
    ...second,
    locations: [...first.locations, ...second.locations],
    targets: [...first.targets, ...second.targets],
  };
  const after = await readAndSearch(node, author, all, seconds);
  const details = { small: first.resources, large: first.resources + second.resources, nodeRssMb: await rssMb(node) };
  return (['read', 'search'] as const).map((kind) => ({
    name: `FHIR: p95 of ${kind} at ${large} resources against ${small}`,
    value: after[kind].p95,
    limit: before[kind].p95,
    ratio: after[kind].p95 / before[kind].p95,
    target: 2,
    sense: 'at-most',
    details: { unit: 'ms', ...details, rateBefore: before[kind].rate, rateAfter: after[kind].rate },
  }));
}

async function measure(run: {
  readonly resources: number;
  readonly seconds: number;
  readonly database: string;
  readonly share: number;
  readonly settings: Readonly<Record<string, string>>;
}): Promise<readonly BenchResult[]> {
  const { resources, seconds, database, share, settings } = run;
  await using node = await startNode(settings);
  const author = await node.logIn('a.rossi');
  const filled = await fill(node, author, { resources });
  const { read, search, hits } = await readAndSearch(node, author, filled, seconds);
  const create = await creates(node, author, filled, seconds);
  const facts = { database, resources: filled.resources, patients: patientsOf(filled).length, clients: CLIENTS };
  const figure = (what: string, value: number, wanted: number, details: BenchResult['details']): BenchResult => ({
    name: `FHIR: ${what} (${database})`,
    value,
    limit: wanted,
    ratio: value / wanted,
    target: 1,
    sense: 'at-least',
    details: { ...facts, ...details },
  });
  const perRequest = ({ p50, p95, nodeCpuMs }: Load): BenchResult['details'] => ({ p50, p95, nodeCpuMs });
  const exported = await exportAll(node, author);
  return [
    figure('transaction bundles', filled.resources / filled.seconds, WANTED.transaction * share, {
      unit: 'resources/s',
      nodeCpuMsPerResource: filled.nodeCpuMs,
    }),
    figure('creates', create.rate, WANTED.create * share, {
      unit: '1/s',
      ...perRequest(create),
      clients: WRITING_CLIENTS,
    }),
    figure('reads', read.rate, WANTED.read * share, { unit: '1/s', ...perRequest(read) }),
    figure('searches by patient, code and date', search.rate, WANTED.search * share, {
      unit: '1/s',
      hitsPerSearch: hits,
      ...perRequest(search),
    }),
    figure('$export', exported.resources / exported.seconds, WANTED.export * share, {
      unit: 'resources/s',
      exported: exported.resources,
      rssBeforeMb: exported.rssBeforeMb,
      rssMaxMb: exported.rssMaxMb,
    }),
  ];
}

async function readAndSearch(
  node: NodeProcess,
  { organisation, token }: StaffSession,
  { locations, targets }: Filled,
  seconds: number,
): Promise<{ readonly read: Load; readonly search: Load; readonly hits: number }> {
  const base = `/${organisation}/fhir/R4`;
  const loop = { clients: CLIENTS, seconds };
  const read = await closedLoop(node, {
    ...loop,
    next: (turn) => ({ method: 'GET', path: `${base}/${locations[(turn * STRIDE) % locations.length]!}`, token }),
  });
  let answers = 0;
  let hits = 0;
  const search = await closedLoop(node, {
    ...loop,
    next: (turn) => {
      const { patient, codes } = targets[(turn * STRIDE) % targets.length]!;
      const query = `patient=${patient}&code=${codes.join(',')}&date=ge1900-01-01&_count=20`;
      return { method: 'GET', path: `${base}/Observation?${query}`, token };
    },
    look: ({ text }) => {
      answers += 1;
      hits += text.split('"search":{"mode":"match"}').length - 1;
    },
  });
  const average = hits / answers;
  if (average < WANTED.hits) throw new Error(`a search has ${average} hits on average: fewer than are to be measured`);
  return { read, search, hits: average };
}

async function creates(
  node: NodeProcess,
  { organisation, token }: StaffSession,
  filled: Filled,
  seconds: number,
): Promise<Load> {
  const patients = patientsOf(filled);
  return closedLoop(node, {
    clients: WRITING_CLIENTS,
    seconds,
    next: (turn) => ({
      method: 'POST',
      path: `/${organisation}/fhir/R4/Observation`,
      token,
      type: 'application/fhir+json',
      body: observation(patients[turn % patients.length]!, turn),
    }),
  });
}

function patientsOf({ locations }: Filled): readonly string[] {
  return locations.filter((location) => location.startsWith('Patient/'));
}

function observation(patient: string, number: number): string {
  return JSON.stringify({
    resourceType: 'Observation',
    status: 'final',
    category: [
      { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/observation-category', code: 'laboratory' }] },
    ],
    code: { coding: [{ system: 'http://loinc.org', code: '2339-0', display: 'Glucose [Mass/volume] in Blood' }] },
    subject: { reference: patient },
    effectiveDateTime: '2026-03-01T08:00:00Z',
    valueQuantity: { value: 80 + (number % 70), unit: 'mg/dL', system: 'http://unitsofmeasure.org', code: 'mg/dL' },
  });
}

async function rssMb(node: NodeProcess): Promise<number> {
  return (await node.rssBytes()) / MB;
}
