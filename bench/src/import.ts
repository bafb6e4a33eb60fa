import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { BenchResult } from './bench-result.ts';
import type { TransactionAnswer } from './http-write.ts';
import { sendJson, startNode } from './node-process.ts';

const SHARED_DATA = fileURLToPath(new URL('../../../shared/data', import.meta.url));
const TARGET = 2_000;
/** Bundles under way at once, as `salus import` sends them. */
const AT_ONCE = 4;

/** Resources per second of the Synthea bundles over HTTP: parsed, validated, encrypted, committed and acknowledged. */
export async function benchImport({ rounds = 4 }: { readonly rounds?: number } = {}): Promise<BenchResult> {
  const directory = join(process.env.SALUS_TEST_DATA ?? SHARED_DATA, 'synthea');
  if (!existsSync(directory)) throw new Error('the import is measured with the Synthea bundles of SALUS_TEST_DATA');
  const files = readdirSync(directory).filter((file) => file.endsWith('.json') && file !== 'manifest.json');
  const bundles = files.map((file) => readFileSync(join(directory, file)));
  await using node = await startNode();
  const { organisation, token } = await node.logIn('a.rossi');
  const path = `/api/v1/orgs/${organisation}/imports?again=1`;
  const importAll = async (waiting: Buffer[]): Promise<number> => {
    let entries = 0;
    const work = async (): Promise<void> => {
      for (let body = waiting.pop(); body !== undefined; body = waiting.pop()) {
        const answer = await sendJson<TransactionAnswer>(node.send, {
          method: 'POST',
          path,
          token,
          body,
          type: 'application/fhir+json',
        });
        entries += answer.entry.length;
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    return entries;
  };
  await importAll(bundles.slice(0, 3));
  const cpuBeforeMs = await node.cpuMs();
  const startMs = performance.now();
  const entries = await importAll(Array.from({ length: rounds }, () => bundles).flat());
  const seconds = (performance.now() - startMs) / 1_000;
  const value = entries / seconds;
  const details = {
    unit: 'resources/s',
    resources: entries,
    seconds,
    bundles: bundles.length * rounds,
    nodeCpuMsPerResource: ((await node.cpuMs()) - cpuBeforeMs) / entries,
    nodeRssMb: (await node.rssBytes()) / 2 ** 20,
  };
  return {
    name: 'node: import of FHIR bundles',
    value,
    limit: TARGET,
    ratio: value / TARGET,
    target: 1,
    sense: 'at-least',
    details,
  };
}
