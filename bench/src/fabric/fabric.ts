import { bundleChaincode } from '@salus/ledger-fabric/bundle';
import { networkLayout, requireBinaries, startTestNetwork, type TestNetwork } from '@salus/network';
import type { BenchResult } from '../bench-result.ts';
import { percentile } from '../percentile.ts';
import { type BareChannel, openBareChannel } from './bare-channel.ts';
import { type CommitLoad, commitCall, createCommitLoad, IMPORT_BATCHES, RECORDS_PER_IMPORT } from './commit-load.ts';
import { keepLedgers, type Ledgers } from './ledgers.ts';
import { cpuMsEach, measure, type Phase, perSecond, sumOf } from './phase.ts';
import { rssMbOf, type Watched } from './process-usage.ts';
import { measureSpread } from './spread.ts';
import { readShape, type TransactionShape } from './transaction-shape.ts';
import { usageTable } from './usage-table.ts';

const BASE_PORT = 26_500;
const ORGANISATIONS = ['hospital-a', 'hospital-b', 'laboratory'];
const OWN = 'hospital-a';
const BATCH_TIMEOUT_MS = 50;
/** Callers that each wait for an answer before they go on. */
const CALLERS = 64;
const GATHERED_CALLERS = 2_000;
const IMPORT_CALLERS = 256;
const READERS = 16;
const WARM_UP_SECONDS = 2;
const SINGLE = { callsMax: 1, transactionsMax: CALLERS, endorsingMax: CALLERS };
/** A revoked identity is refused everywhere within so long. */
const SPREAD_MS_MAX = 2_000;
const SIZES = { rounds: 3, seconds: 10, latencies: 200 };
const QUICK = { rounds: 1, seconds: 3, latencies: 20 };

type Sizes = typeof SIZES;
type Setting = {
  readonly network: TestNetwork;
  readonly ledgers: Ledgers;
  readonly bare: BareChannel;
  readonly load: CommitLoad;
  readonly shape: TransactionShape;
  readonly processes: readonly Watched[];
};

/** Our `Ledger` on Fabric against the bare SDK with a bare chaincode of the same shape, on the same network in the same run. */
export async function benchFabric(quick: boolean): Promise<readonly BenchResult[]> {
  const binaries = await requireBinaries({
    environment: process.env,
    layout: networkLayout(process.env.SALUS_NETWORK ?? 'network-data'),
  });
  const sizes = quick ? QUICK : SIZES;
  await using network = await startTestNetwork({
    binaries,
    bundle: bundleChaincode,
    basePort: BASE_PORT,
    organisations: ORGANISATIONS,
    batchTimeoutMs: BATCH_TIMEOUT_MS,
  });
  using ledgers = keepLedgers(network, OWN);
  const { load, shape } = await found(network, ledgers);
  await using bare = await openBareChannel(network, OWN);
  await bare.seed(shape);
  say(`reads ${shape.absent + shape.shared.length}, writes ${shape.writes.length}`);
  const watched = network.processes().map(({ name, pid }) => ({ name, pid }));
  const processes = [...watched, ...bare.processes, { name: 'node and load', pid: process.pid }];
  return await compare({ network, ledgers, bare, load, shape, processes }, sizes);
}

async function found(network: TestNetwork, ledgers: Ledgers) {
  await using ledger = await ledgers.open();
  const load = await createCommitLoad(ledger);
  say('founded');
  await load.prepare(1);
  const block = await commitCall(ledger, load.next());
  return { load, shape: await readShape(network, { organisation: OWN, ledger, block }) };
}

async function compare(setting: Setting, sizes: Sizes): Promise<readonly BenchResult[]> {
  const { bare, shape, processes } = setting;
  const bares: Phase[] = [];
  const singles: Phase[] = [];
  const options = { callers: CALLERS, seconds: sizes.seconds };
  const submitBare = async (): Promise<number> => {
    await bare.submit(shape);
    return 1;
  };
  // In turns: whatever else the machine does meets both. Each has its connections and compiled code before it is measured.
  for (let round = 0; round < sizes.rounds; round += 1) {
    await measure(processes, { callers: CALLERS, seconds: WARM_UP_SECONDS }, submitBare);
    bares.push(await measure(processes, options, submitBare));
    singles.push(await measureSingle(setting, options));
    say(`bare ${perSecond(bares.at(-1)!).toFixed(0)}/s, single ${perSecond(singles.at(-1)!).toFixed(0)}/s`);
  }
  const bareRate = sumOf(bares);
  const single = sumOf(singles);
  const gathered = await measureGathered(setting, sizes.seconds);
  say(`gathered ${perSecond(gathered).toFixed(0)}/s`);
  const imported = await measureImport(setting, sizes.seconds);
  say(`import ${perSecond(imported).toFixed(0)}/s`);
  const latencies = await measureLatency(setting, sizes.latencies);
  const spread = await measureOthers(setting, sizes.latencies);
  const evaluate = await measure(processes, { callers: READERS, seconds: sizes.seconds / 2 }, async () => {
    await bare.evaluate();
    return 1;
  });
  const reads = await measureReads(setting, sizes.seconds / 2);
  const rssMb = rssMbOf(processes);
  const phases = new Map([
    ['bare', bareRate],
    ['single', single],
    ['gathered', gathered],
    ['import', imported],
    ['bare evaluate', evaluate],
    ['read', reads],
  ]);
  process.stdout.write(`${usageTable(phases, rssMb)}\n`);
  const details = { ...shapeDetails(shape), memoryMb: JSON.stringify(rounded(rssMb)) };
  const p50 = percentile(latencies, 0.5);
  const slowest = percentile(spread, 1);
  return [
    {
      ...against('single signed calls', single, bareRate, 0.9),
      details: { ...detailsOf(single, bareRate), ...details },
    },
    { ...against('gathered signed calls', gathered, bareRate, 10), details: detailsOf(gathered, bareRate) },
    {
      ...against('records by import', imported, bareRate, 20),
      details: { ...detailsOf(imported, bareRate), recordsPerCall: RECORDS_PER_IMPORT, batchesPerCall: IMPORT_BATCHES },
    },
    {
      name: 'fabric: submit p50 at concurrency 1',
      value: p50,
      limit: 150,
      ratio: p50 / 150,
      target: 1,
      sense: 'at-most',
      details: {
        unit: 'ms',
        p90: percentile(latencies, 0.9),
        p99: percentile(latencies, 0.99),
        batchTimeoutMs: BATCH_TIMEOUT_MS,
      },
    },
    { ...against('reads', reads, evaluate, 0.9), details: detailsOf(reads, evaluate) },
    {
      name: 'fabric: from a call sent until it counts at every organisation, slowest',
      value: slowest,
      limit: SPREAD_MS_MAX,
      ratio: slowest / SPREAD_MS_MAX,
      target: 1,
      sense: 'at-most',
      details: { unit: 'ms', p50: percentile(spread, 0.5), calls: spread.length },
    },
  ];
}

async function measureSingle(
  { ledgers, load, processes }: Setting,
  options: Parameters<typeof measure>[1],
): Promise<Phase> {
  await using ledger = await ledgers.open(SINGLE);
  await load.prepare((options.seconds + WARM_UP_SECONDS) * 1_000);
  const act = async (): Promise<number> => {
    await commitCall(ledger, load.next());
    return 1;
  };
  await measure(processes, { callers: CALLERS, seconds: WARM_UP_SECONDS }, act);
  return await measure(processes, options, act);
}

async function measureGathered({ ledgers, load, processes }: Setting, seconds: number): Promise<Phase> {
  await using ledger = await ledgers.open();
  await load.prepare((seconds + WARM_UP_SECONDS) * 6_000);
  const act = async (): Promise<number> => {
    await commitCall(ledger, load.next());
    return 1;
  };
  await measure(processes, { callers: GATHERED_CALLERS, seconds: WARM_UP_SECONDS }, act);
  return await measure(processes, { callers: GATHERED_CALLERS, seconds }, act);
}

async function measureImport({ ledgers, load, processes }: Setting, seconds: number): Promise<Phase> {
  await using ledger = await ledgers.open();
  return await measure(processes, { callers: IMPORT_CALLERS, seconds }, async () => {
    const { call, records } = await load.importCall();
    await commitCall(ledger, call);
    return records;
  });
}

async function measureLatency({ ledgers, load }: Setting, count: number): Promise<readonly number[]> {
  await using ledger = await ledgers.open();
  await load.prepare(count);
  const latencies: number[] = [];
  while (latencies.length < count) {
    const start = performance.now();
    await commitCall(ledger, load.next());
    latencies.push(performance.now() - start);
  }
  return latencies;
}

async function measureOthers({ network, ledgers, load }: Setting, count: number): Promise<readonly number[]> {
  await using own = await ledgers.open();
  const organisations = ORGANISATIONS.filter((organisation) => organisation !== OWN);
  return await measureSpread({ network, own, load }, { organisations, count });
}

async function measureReads({ ledgers, processes }: Setting, seconds: number): Promise<Phase> {
  await using ledger = await ledgers.open();
  const keys = (await ledger.range('patient/pid/', 'patient/pid0', 1_000)).map(({ key }) => key);
  let at = 0;
  return await measure(processes, { callers: READERS, seconds }, async () => {
    if ((await ledger.get(keys[at++ % keys.length]!)) === undefined) throw new Error('a patient is missing');
    return 1;
  });
}

/** How far it is, for whoever waits. */
function say(step: string): void {
  process.stderr.write(`  ${step}\n`);
}

function against(what: string, phase: Phase, bare: Phase, target: number) {
  const [value, limit] = [perSecond(phase), perSecond(bare)];
  return { name: `fabric: ${what}`, value, limit, ratio: value / limit, target, sense: 'at-least' } as const;
}

/** The ratio of processor times says what remains when other work slows the clock's seconds. */
function detailsOf(phase: Phase, bare: Phase): BenchResult['details'] {
  return {
    unit: '1/s',
    count: phase.count,
    seconds: phase.seconds,
    cpuMsEach: cpuMsEach(phase),
    bareCpuMsEach: cpuMsEach(bare),
    ratioByCpu: cpuMsEach(bare) / cpuMsEach(phase),
    cpuMsByProcess: JSON.stringify(eachOf(phase)),
    bareCpuMsByProcess: JSON.stringify(eachOf(bare)),
  };
}

function eachOf({ count, cpuMs }: Phase): Readonly<Record<string, number>> {
  return rounded(new Map([...cpuMs].map(([name, ms]) => [name, ms / count])));
}

function rounded(values: ReadonlyMap<string, number>): Readonly<Record<string, number>> {
  return Object.fromEntries([...values].map(([name, value]) => [name, Number(value.toPrecision(3))]));
}

function shapeDetails({ absent, shared, writes }: TransactionShape): BenchResult['details'] {
  return {
    reads: absent + shared.length,
    absent,
    readBytes: sum(shared),
    writes: writes.length,
    writeBytes: sum(writes),
  };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
