import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { BenchResult } from './bench-result.ts';
import { benchFabric } from './fabric/fabric.ts';
import { benchFhir, benchFhirGrowth } from './fhir/fhir.ts';
import { benchHttpWrite } from './http-write.ts';
import { benchImport } from './import.ts';
import { benchLedgerGrowth } from './ledger-growth.ts';
import { benchLedgerThroughput } from './ledger-throughput.ts';
import { benchLedgerVerify } from './ledger-verify.ts';
import { describeMachine } from './machine.ts';
import { benchPatientSearch } from './patient-search.ts';
import { benchRecordRead } from './record-read.ts';
import { report } from './report.ts';
import { benchTreatedElsewhere } from './treated-elsewhere.ts';
import { benchWeb } from './web.ts';

/** `quick` shows that a bench runs; only full runs are published. */
type Bench = (quick: boolean) => Promise<readonly BenchResult[]>;

const BENCHES: Readonly<Record<string, Bench>> = {
  'ledger-throughput': async (quick) => [await benchLedgerThroughput(quick ? { seconds: 2 } : {})],
  'ledger-verify': async (quick) => [await benchLedgerVerify(quick ? { transactions: 5_000 } : {})],
  'node-write': async (quick) => [await benchHttpWrite(quick ? { writes: 100 } : {})],
  'node-import': async (quick) => [await benchImport(quick ? { rounds: 1 } : {})],
  'patient-search': (quick) => benchPatientSearch(quick ? { patients: 500, searches: 50 } : {}),
  'treated-elsewhere': (quick) => benchTreatedElsewhere(quick ? { looks: 10 } : {}),
  'node-read': (quick) => benchRecordRead(quick ? { records: 2_000, seconds: 3 } : {}),
  web: (quick) => benchWeb(quick ? { visits: 2, rounds: 1, resources: 500 } : {}),
  fabric: benchFabric,
  fhir: benchFhir,
  'fhir-growth': benchFhirGrowth,
  'ledger-growth': (quick) => benchLedgerGrowth(quick ? { transactions: 30_000 } : {}),
};

const RESULTS = fileURLToPath(new URL('../results/', import.meta.url));

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { quick: { type: 'boolean', default: false }, list: { type: 'boolean', default: false } },
});
const unknown = positionals.filter((name) => !(name in BENCHES));
if (values.list || unknown.length > 0) {
  process.stdout.write(
    `npm run bench -- [--quick] [NAME…]\n${Object.keys(BENCHES)
      .map((name) => `  ${name}\n`)
      .join('')}`,
  );
  process.exitCode = unknown.length > 0 ? 2 : 0;
} else {
  await runAll(positionals.length > 0 ? positionals : Object.keys(BENCHES), values.quick);
}

/** One bench after the other, alone on the machine; a full run leaves its result in bench/results. */
async function runAll(names: readonly string[], quick: boolean): Promise<void> {
  const machine = describeMachine();
  for (const name of names) {
    process.stderr.write(`${name} …\n`);
    const results = await BENCHES[name]!(quick);
    process.stdout.write(`${report(results)}\n`);
    if (quick) continue;
    mkdirSync(RESULTS, { recursive: true });
    const result = { bench: name, measured: new Date().toISOString(), machine, results };
    writeFileSync(`${RESULTS}${name}.json`, `${JSON.stringify(result, null, 2)}\n`);
  }
}
