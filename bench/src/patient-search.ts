import type { BenchResult } from './bench-result.ts';
import { type NodeProcess, type StaffSession, sendJson, startNode } from './node-process.ts';
import { percentile } from './percentile.ts';

const P95_TARGET_MS = 300;
/** Patients of one bundle. */
const TOGETHER = 250;
const WARM_UP = 10;
const FAMILIES = [
  'Jovanović',
  'Grüber',
  'Ibáñez',
  'Müller',
  'Fontaine',
  'Çelik',
  'Nguyễn',
  'O’Brien',
  'Łukasik',
  'Smith',
];
const GIVENS = ['Hana', 'Florian', 'Beatriz', 'Émile', 'Søren', 'Divya', 'José', 'Anneliese', 'Mikołaj', 'Catherine'];
/** The same names as somebody types them who only heard them; prefixes, slips, sounds, other orders. */
const TYPED = ['yovanovic', 'gruber', 'ibanes', 'mueler', 'fonteyn', 'celik', 'nguyen', 'obrien', 'lukasik', 'smyth'];
const TYPED_GIVENS = [
  'hanna',
  'florain',
  'beatris',
  'emile',
  'soren',
  'divia',
  'jose',
  'anelise',
  'mikolai',
  'kathrin',
];
const SYLLABLES = ['ba', 'ce', 'di', 'fo', 'gu', 'ka', 'le', 'mi', 'no', 'ru'];

/**
 * Finding a patient among 5,000 by a misheard name, with or without a birth date, by telephone and by number: for the desk,
 * which sees all, and for a clinician, who sees few; each search decided, compared and audited durably.
 */
export async function benchPatientSearch({
  patients = 5_000,
  searches = 150,
}: {
  readonly patients?: number;
  readonly searches?: number;
} = {}): Promise<readonly BenchResult[]> {
  await using node = await startNode();
  const author = await node.logIn('a.rossi');
  const before = await measure(node, author, { patients: 0, searches });
  for (let first = 0; first < patients; first += TOGETHER) await importPatients(node, author, first);
  const desk = await node.logIn('a.desk');
  return [
    figure('the demonstration, a clinician', before, { patients: 12, searches }),
    figure(`${patients} patients, the desk`, await measure(node, desk, { patients, searches }), { patients, searches }),
    figure(`${patients} patients, a clinician`, await measure(node, author, { patients, searches }), {
      patients,
      searches,
    }),
  ];
}

interface Times {
  readonly p50: number;
  readonly p95: number;
}

/** One after the other, as a person types; the first ones are not counted. */
async function measure(
  { send }: NodeProcess,
  { organisation, token }: StaffSession,
  { patients, searches }: { readonly patients: number; readonly searches: number },
): Promise<Times> {
  const path = `/api/v1/orgs/${organisation}/patients/search`;
  const timesMs: number[] = [];
  for (let turn = 0; turn < WARM_UP + searches; turn += 1) {
    const body = JSON.stringify(askedOf(turn, Math.max(patients, 1)));
    const startMs = performance.now();
    await sendJson(send, { method: 'POST', path, token, body });
    if (turn >= WARM_UP) timesMs.push(performance.now() - startMs);
  }
  return { p50: percentile(timesMs, 0.5), p95: percentile(timesMs, 0.95) };
}

function askedOf(turn: number, patients: number): object {
  const number = (turn * 7_919) % patients;
  const { family, given, birthDate } = personOf(number);
  const typed = `${TYPED_GIVENS[GIVENS.indexOf(given)]} ${TYPED[FAMILIES.indexOf(family.split('-')[0]!)]}`;
  switch (turn % 5) {
    case 0:
      return { name: typed };
    case 1:
      return { name: typed.split(' ').reverse().join(' '), birthDate };
    case 2:
      return { name: typed.slice(-6), birthDate };
    case 3:
      return { phone: `0099555${String(100_000 + number)}` };
    default:
      return { identifier: `bench-${number}` };
  }
}

function personOf(number: number): { readonly family: string; readonly given: string; readonly birthDate: string } {
  const second = [10, 100, 1_000].map((unit) => SYLLABLES[Math.floor(number / unit) % 10]).join('');
  const two = (value: number): string => String(value).padStart(2, '0');
  return {
    family: `${FAMILIES[number % 10]}-${second.slice(0, 1).toUpperCase()}${second.slice(1)}`,
    given: GIVENS[Math.floor(number / 7) % 10]!,
    birthDate: `${1930 + (number % 80)}-${two(1 + (number % 12))}-${two(1 + (number % 28))}`,
  };
}

async function importPatients(node: NodeProcess, { organisation, token }: StaffSession, first: number): Promise<void> {
  const entry = Array.from({ length: TOGETHER }, (_, at) => {
    const { family, given, birthDate } = personOf(first + at);
    return {
      resource: {
        resourceType: 'Patient',
        identifier: [{ system: 'urn:salus:bench', value: `bench-${first + at}` }],
        name: [{ family, given: [given] }],
        telecom: [{ system: 'phone', value: `+99 555 ${100_000 + first + at}` }],
        birthDate,
      },
      request: { method: 'POST', url: 'Patient' },
    };
  });
  await sendJson(node.send, {
    method: 'POST',
    path: `/api/v1/orgs/${organisation}/imports`,
    token,
    type: 'application/fhir+json',
    body: JSON.stringify({ resourceType: 'Bundle', type: 'transaction', entry }),
  });
}

function figure(where: string, { p50, p95 }: Times, details: BenchResult['details']): BenchResult {
  return {
    name: `node: finding a patient, ${where}, p95`,
    value: p95,
    limit: P95_TARGET_MS,
    ratio: p95 / P95_TARGET_MS,
    target: 1,
    sense: 'at-most',
    details: { unit: 'ms', p50, ...details },
  };
}
