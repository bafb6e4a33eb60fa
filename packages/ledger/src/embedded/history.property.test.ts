import type { Json, SignedCall } from '@salus/contracts';
import { callId } from '@salus/crypto';
import { scaled } from '@salus/testing';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { newWriter, type Writer } from '../../test/notebook.ts';
import { newPlace } from '../../test/open-notebook.ts';
import { verifyLedger } from '../verify/verify.ts';
import type { EmbeddedLedger } from './embedded-ledger.ts';
import { rebuildLedger } from './rebuild.ts';

/** Clean runs in which `verify` must raise no alarm. */
const RUNS = scaled(6, 50);
const runtimeModule = new URL('../../test/notebook-runtime.ts', import.meta.url).href;

const keys = ['a', 'a/b', 'a0', 'hot', 'z'];
const value = fc.oneof(
  fc.integer({ min: -5, max: 5 }),
  fc.constantFrom('ä', '"\\', ''),
  fc.record({ '10': fc.nat(3), '9': fc.boolean() }),
);
const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('write' as const),
      key: fc.constantFrom(...keys),
      value: fc.oneof(value, fc.constant(null)),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('swap' as const), key: fc.constantFrom(...keys), from: value, to: value }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('again' as const), earlier: fc.nat(20) }) },
);
/** Steps of one batch are submitted at the same time, by writers in turn. */
const story = fc.array(fc.array(step, { minLength: 1, maxLength: 12 }), { minLength: 1, maxLength: 10 });
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** What a ledger must say, kept in the simplest way. */
class Model {
  readonly versions = new Map<string, (Json | null)[]>();

  current(key: string): Json | null {
    return this.versions.get(key)?.at(-1) ?? null;
  }

  write(key: string, next: Json | null): void {
    this.versions.set(key, [...(this.versions.get(key) ?? []), next]);
  }
}

async function signed(writer: Writer, move: Step, earlier: readonly SignedCall[]): Promise<SignedCall> {
  switch (move.kind) {
    case 'write':
      return writer.write([[move.key, move.value]]);
    case 'swap':
      return writer.call('swap', { key: move.key, from: move.from, to: move.to });
    case 'again':
      return earlier[move.earlier % Math.max(1, earlier.length)] ?? writer.write([['first', 1]]);
  }
}

/** Whether the call commits, as the model sees it; applies it. */
function apply(model: Model, call: SignedCall, committed: Set<string>): boolean {
  const id = callId(call.payload as Parameters<typeof callId>[0]);
  if (committed.has(id)) return true;
  const args = call.payload.args as { pages?: [string, Json | null][]; key: string; from: Json; to: Json };
  if (args.pages === undefined) {
    if (JSON.stringify(model.current(args.key)) !== JSON.stringify(args.from)) return false;
    model.write(args.key, args.to);
  }
  for (const [key, next] of args.pages ?? []) model.write(key, next);
  committed.add(id);
  return true;
}

async function compare(ledger: EmbeddedLedger, model: Model): Promise<void> {
  for (const key of keys) {
    expect(await ledger.get(key), key).toEqual(model.current(key) ?? undefined);
    const versions = await ledger.history(key, { limit: 1_000 });
    expect(
      versions.map((version) => version.value),
      key,
    ).toEqual([...(model.versions.get(key) ?? [])].reverse());
  }
  const live = keys.filter((key) => model.current(key) !== null);
  const entries = (await ledger.range('a', '{', 100)).filter(({ key }) => keys.includes(key));
  expect(entries.map(({ key }) => key)).toEqual([...live].sort());
}

it(`agrees with a simple model over ${RUNS} random histories, restarts and rebuilds, and verifies each`, async () => {
  let calls = 0;
  let refusals = 0;
  await fc.assert(
    fc.asyncProperty(story, async (batches) => {
      const place = newPlace();
      const writers = [newWriter(), newWriter()];
      const model = new Model();
      const committed = new Set<string>();
      const earlier: SignedCall[] = [];
      let ledger = await place.create();
      try {
        for (const writer of writers) await ledger.submit(await writer.enrol());
        for (const [at, batch] of batches.entries()) {
          const sent: SignedCall[] = [];
          for (const [index, move] of batch.entries()) {
            sent.push(await signed(writers[index % writers.length]!, move, earlier));
            earlier.push(sent.at(-1)!);
          }
          const results = await Promise.all(sent.map((call) => ledger.submit(call)));
          for (const [index, call] of sent.entries()) {
            const commits = apply(model, call, committed);
            expect(results[index]?.kind).toBe(commits ? 'committed' : 'refused');
            if (!commits) refusals += 1;
            calls += 1;
          }
          if (at % 4 === 3) {
            await ledger[Symbol.asyncDispose]();
            ledger = await place.open();
          }
        }
        await compare(ledger, model);
        await ledger[Symbol.asyncDispose]();
        const { checkpointFile } = place;
        const report = await verifyLedger(place.file, { checkpointFile, runtimeModule, reexecute: true });
        expect(report.findings).toEqual([]);
        const rebuilt = rebuildLedger(place.file);
        expect(rebuilt.stateCommitment).toBe(report.head?.stateCommitment);
        ledger = await place.open();
        await compare(ledger, model);
      } finally {
        await ledger[Symbol.asyncDispose]();
        place.remove();
      }
    }),
    { numRuns: RUNS },
  );
  expect(calls).toBeGreaterThan(3 * RUNS);
  expect(refusals).toBeGreaterThan(0);
});
