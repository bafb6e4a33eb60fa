import { assignAll } from './assign-patients.ts';
import type { BenchResult } from './bench-result.ts';
import { closedLoop, type Load } from './closed-loop.ts';
import type { TransactionAnswer } from './http-write.ts';
import { patientBundle } from './made-bundle.ts';
import { type NodeProcess, type StaffSession, sendJson, startNode } from './node-process.ts';
import { openReading, type ReadingSession } from './patient-session.ts';

const P95_TARGET_MS = 5;
const RATE_TARGET = 2_000;
/** From the patient's revocation to the first refusal in a session that is open. */
const REVOKED_TARGET_MS = 1_000;
const REFUSAL_WAIT_MS = 30_000;
const PER_PATIENT = 500;
const CLIENTS = 6;
/** Prime to every number of paths: all of them are visited, in no order of storage. */
const STRIDE = 7_919;
/** Records of one request, for a chart that is opened whole. */
const TOGETHER = 10;

/**
 * Reads of single records at 100,000 records, from six clients at once, each read decided, decrypted, checked against both
 * hashes and audited durably: by a clinician at home, and by a clinician of another hospital in a session under a grant,
 * where both sides decide and audit and the receiver checks the proofs.
 */
export async function benchRecordRead({
  records = 100_000,
  seconds = 15,
}: {
  readonly records?: number;
  readonly seconds?: number;
} = {}): Promise<readonly BenchResult[]> {
  await using node = await startNode();
  const author = await node.logIn('a.rossi');
  const reader = await node.logIn('b.novak');
  const made = await fill(node, author, records);
  await assignAll(node, author, made.locations);
  const patientId = made.locations.find((location) => location.startsWith('Patient/'))?.split('/')[1] ?? '';
  const session = await openReading(node, { author, reader, patientId });
  const home = made.locations.map((location) => `/${author.organisation}/fhir/R4/${location.split('/_history')[0]}`);
  const facts = { records: made.count, clients: CLIENTS, seconds };
  const loop = { clients: CLIENTS, seconds };
  const atHome = await closedLoop(node, {
    ...loop,
    next: (turn) => ({ method: 'GET', path: home[(turn * STRIDE) % home.length]!, token: author.token }),
  });
  const { records: ids } = session;
  const underGrant = await closedLoop(node, {
    ...loop,
    next: (turn) => ({
      method: 'GET',
      path: `${session.path}/${ids[(turn * STRIDE) % ids.length]!}`,
      token: reader.token,
    }),
  });
  const bodies = Array.from({ length: Math.floor(session.records.length / TOGETHER) }, (_, at) =>
    JSON.stringify({ records: session.records.slice(at * TOGETHER, (at + 1) * TOGETHER) }),
  );
  const together = await closedLoop(node, {
    ...loop,
    next: (turn) => ({ method: 'POST', path: session.path, body: bodies[turn % bodies.length]!, token: reader.token }),
  });
  const rssMb = (await node.rssBytes()) / 2 ** 20;
  const refusedMs = await timeToRefusal(node, session, reader);
  return [
    ...figures('at home', atHome, { ...facts, nodeRssMb: rssMb }),
    ...figures('under a grant, both nodes in one process', underGrant, { ...facts, nodeRssMb: rssMb }),
    togetherFigure(together, { ...facts, nodeRssMb: rssMb }),
    {
      name: 'node: from a revocation sent to the first read refused in the open session',
      value: refusedMs,
      limit: REVOKED_TARGET_MS,
      ratio: refusedMs / REVOKED_TARGET_MS,
      target: 1,
      sense: 'at-most',
      details: { unit: 'ms' },
    },
  ];
}

/** One read after the other, from the moment at which the revocation leaves the patient's device. */
async function timeToRefusal(node: NodeProcess, session: ReadingSession, { token }: StaffSession): Promise<number> {
  const read = () => node.send({ method: 'GET', path: `${session.path}/${session.records[0]!}`, token });
  const { status } = await read();
  if (status !== 200) throw new Error(`a record is not read before the revocation: ${status}`);
  const startMs = performance.now();
  const revoked = session.revoke();
  for (;;) {
    const answer = await read();
    const passedMs = performance.now() - startMs;
    if (answer.status >= 400 && answer.status < 500) {
      await revoked;
      return passedMs;
    }
    if (passedMs > REFUSAL_WAIT_MS) throw new Error('a record is still read after the grant was revoked');
  }
}

function figures(
  where: string,
  { rate, p50, p95, nodeCpuMs }: Load,
  details: BenchResult['details'],
): readonly BenchResult[] {
  return [
    {
      name: `node: record read ${where}, p95`,
      value: p95,
      limit: P95_TARGET_MS,
      ratio: p95 / P95_TARGET_MS,
      target: 1,
      sense: 'at-most',
      details: { unit: 'ms', p50, ...details },
    },
    {
      name: `node: record reads ${where}`,
      value: rate,
      limit: RATE_TARGET,
      ratio: rate / RATE_TARGET,
      target: 1,
      sense: 'at-least',
      details: { unit: 'reads/s', nodeCpuMsPerRead: nodeCpuMs, ...details },
    },
  ];
}

/** A request of several records takes as long as all of them: its rate is that of records, its time stands beside it. */
function togetherFigure({ rate, p50, p95, nodeCpuMs }: Load, details: BenchResult['details']): BenchResult {
  const value = rate * TOGETHER;
  return {
    name: `node: records read under a grant, ${TOGETHER} a request, both nodes in one process`,
    value,
    limit: RATE_TARGET,
    ratio: value / RATE_TARGET,
    target: 1,
    sense: 'at-least',
    details: {
      unit: 'records/s',
      requestP50Ms: p50,
      requestP95Ms: p95,
      nodeCpuMsPerRecord: nodeCpuMs / TOGETHER,
      ...details,
    },
  };
}

async function fill(
  node: NodeProcess,
  author: StaffSession,
  records: number,
): Promise<{ readonly locations: readonly string[]; readonly count: number }> {
  const path = `/api/v1/orgs/${author.organisation}/imports`;
  const patients = Math.ceil(records / (PER_PATIENT + 1));
  const locations: string[] = [];
  let count = 0;
  let next = 1;
  const work = async (): Promise<void> => {
    while (next <= patients) {
      const body = patientBundle(next, PER_PATIENT);
      next += 1;
      const { entry } = await sendJson<TransactionAnswer>(node.send, {
        method: 'POST',
        path,
        token: author.token,
        body,
        type: 'application/fhir+json',
      });
      count += entry.length;
      locations.push(...entry.map(({ response }) => response.location ?? ''));
      process.stderr.write(`\r${count} of ${records} records `);
    }
  };
  await Promise.all([work(), work(), work(), work()]);
  process.stderr.write('\n');
  return { locations, count };
}
