import { afterAll, beforeAll, expect, test } from 'vitest';
import { createStory, type Story } from '../../test/story.ts';
import type { AuditLine } from '../audit.ts';
import { BundleWorkers } from '../bundle-workers.ts';
import { type CrossCheckSide, crossCheckAudits } from './cross-check.ts';

const workers = new BundleWorkers(1);
let story: Story;

beforeAll(async () => {
  story = await createStory(workers);
  const { consortium, author, readerSide, patient } = story;
  const token = await consortium.grant({ author, reader: readerSide, patient });
  const { reader, deliveries } = readerSide.exchange;
  const { session } = await reader.open(await consortium.use(token, readerSide.clinician));
  const chart = await reader.chart(session);
  for (const recordId of chart.records.keys()) await reader.read(session, [recordId]);
  const [first = ''] = chart.records.keys();
  await reader.readReferences(session, first, [story.practitioner]);
  const { id, organisation, roles } = readerSide.clinician;
  const who = { kind: 'member', id, organisation, roles } as const;
  await deliveries.send({ delivery: 'A'.repeat(22), to: 'hospital-a', kind: 'task', body: '{}', who, pid: null });
}, 240_000);

afterAll(async () => {
  await story.consortium[Symbol.asyncDispose]();
  await workers[Symbol.asyncDispose]();
});

const sides = (): readonly [CrossCheckSide, CrossCheckSide] => [
  { organisation: 'hospital-a', audit: story.author.vault.audit },
  { organisation: 'hospital-b', audit: story.readerSide.vault.audit },
];

/** A log that shows other lines than it has. */
function altered(side: CrossCheckSide, change: (lines: readonly AuditLine[]) => readonly AuditLine[]): CrossCheckSide {
  return { ...side, audit: { list: async (query) => change(await side.audit.list(query)) } };
}

test('finds that two honest organisations logged the same exchanges', async () => {
  const [author, reader] = sides();
  expect(await crossCheckAudits(author, reader)).toEqual([]);
  const lines = await reader.audit.list({ limit: 50 });
  expect(lines.filter(({ event }) => event.kind === 'read')).toHaveLength(4);
});

test('finds a read that one side left out, whichever side it is', async () => {
  const [author, reader] = sides();
  const [line] = (await author.audit.list({ limit: 50 })).filter(({ event }) => event.kind === 'read');
  const id = line?.event.exchange?.id;
  const without = (side: CrossCheckSide) =>
    altered(side, (lines) => lines.filter(({ event }) => event.exchange?.id !== id));
  expect(await crossCheckAudits(author, without(reader))).toEqual([
    { code: 'missing', organisation: 'hospital-b', other: { organisation: 'hospital-a', seq: line?.seq } },
  ]);
  expect(await crossCheckAudits(without(author), reader)).toMatchObject([
    { code: 'missing', organisation: 'hospital-a' },
  ]);
});

test('finds a read that one side logged with other records', async () => {
  const [author, reader] = sides();
  const emptied = altered(reader, (lines) =>
    lines.map((line) => (line.event.kind === 'read' ? { ...line, event: { ...line.event, records: [] } } : line)),
  );
  const findings = await crossCheckAudits(author, emptied);
  expect(findings.length).toBeGreaterThanOrEqual(4);
  expect(new Set(findings.map(({ code }) => code))).toEqual(new Set(['different']));
});
