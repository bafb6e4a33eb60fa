import type { BenchResult } from './bench-result.ts';
import { sendJson, startNode } from './node-process.ts';
import { tellPlaces } from './patient-session.ts';
import { percentile } from './percentile.ts';

const P95_TARGET_MS = 1_000;
const PLACES = 12;
const WARM_UP = 3;
const DAY_MS = 86_400_000;

/** Where else a patient was treated: one signed request, one use of the grant on the ledger, one sealed list. */
export async function benchTreatedElsewhere({
  looks = 60,
}: {
  readonly looks?: number;
} = {}): Promise<readonly BenchResult[]> {
  await using node = await startNode();
  const [author, reader] = [await node.logIn('a.rossi'), await node.logIn('b.novak')];
  const resource = { resourceType: 'Patient', name: [{ family: 'Elsewhere', given: ['Treated'] }] };
  const { entry } = await sendJson<{ entry: readonly { response: { location: string } }[] }>(node.send, {
    method: 'POST',
    path: `/api/v1/orgs/${author.organisation}/imports`,
    token: author.token,
    type: 'application/fhir+json',
    body: JSON.stringify({
      resourceType: 'Bundle',
      type: 'transaction',
      entry: [{ resource, request: { method: 'POST', url: 'Patient' } }],
    }),
  });
  const patientId = entry[0]!.response.location.split('/')[1]!;
  const places = Array.from({ length: PLACES }, (_, at) => ({
    ...{ organisation: 'laboratory', pid: `place-${at}`.padEnd(22, 'x'), categories: ['laboratory', 'medication'] },
    ...{ fromMs: at * DAY_MS, toMs: null },
  }));
  const look = await tellPlaces(node, { author, reader, patientId }, places);
  const timesMs: number[] = [];
  for (let turn = 0; turn < WARM_UP + looks; turn += 1) {
    const startMs = performance.now();
    const found = await look();
    if (found.length !== PLACES) throw new Error('not every place was told');
    if (turn >= WARM_UP) timesMs.push(performance.now() - startMs);
  }
  const p95 = percentile(timesMs, 0.95);
  return [
    {
      name: 'node: treated elsewhere, with consent, p95',
      value: p95,
      limit: P95_TARGET_MS,
      ratio: p95 / P95_TARGET_MS,
      target: 1,
      sense: 'at-most',
      details: { unit: 'ms', p50: percentile(timesMs, 0.5), places: PLACES, looks },
    },
  ];
}
