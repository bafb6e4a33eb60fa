import { copyFileSync, cpSync, existsSync, globSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EXIT } from '../exit-codes.ts';
import { type Demonstration, openDemonstration, openDesk, type Ran } from './desk.ts';

const TIMEOUT_MS = 240_000;

interface Verified {
  readonly ok: boolean;
  readonly findings: readonly { readonly place: string; readonly code: string }[];
  readonly ledger: {
    readonly blocks: number;
    readonly reexecuted: number;
    readonly checkpoint: { readonly kind: string };
  };
  readonly organisations: readonly {
    readonly organisation: string;
    readonly seen: { readonly records: number; readonly auditEvents: number };
  }[];
}

let demonstration: Demonstration;
let backup: string;

beforeAll(async () => {
  demonstration = await openDemonstration();
}, 240_000);

afterAll(() => demonstration[Symbol.asyncDispose]());

describe('salus backup, restore, rollback and verify', () => {
  it(
    'copies a running node, verifies the copy without any key, and finds what was changed in it',
    async () => {
      const { desk } = demonstration;
      expect((await desk.salus('backup', 'first', '--as', 'a.rossi')).exit).toBe(EXIT.denied);
      // The node goes on writing: only what it had acknowledged before says whether the backup is whole.
      const before = join(desk.home, 'before.jsonl');
      copyFileSync(join(desk.configDirectory, 'checkpoint.jsonl'), before);
      const made = (await done('backup', 'first', '--as', 'hospital-a.admin')).json<{
        directory: string;
        bytes: number;
      }>();
      backup = made.directory;
      expect(existsSync(join(backup, 'backup.json'))).toBe(true);
      expect(made.bytes).toBeGreaterThan(0);

      const clean = (await done('verify', '--data', backup, '--checkpoint', before, '--reexecute')).json<Verified>();
      expect(clean.ledger.reexecuted).toBeGreaterThan(100);
      expect(clean.organisations.map(({ organisation }) => organisation)).toEqual([
        'hospital-a',
        'hospital-b',
        'laboratory',
        'pharmacy',
        'research',
      ]);
      const [hospital] = clean.organisations;
      expect(hospital!.seen.records).toBeGreaterThan(10);
      expect(hospital!.seen.auditEvents).toBeGreaterThan(10);

      for (const [what, change, place] of CHANGES) {
        const copy = join(desk.home, 'changed');
        rmSync(copy, { recursive: true, force: true });
        cpSync(backup, copy, { recursive: true });
        change(copy);
        const wrong = await desk.salus('verify', '--data', copy, '--json');
        expect(wrong.exit, what).toBe(EXIT.refused);
        expect(
          wrong
            .json<Verified>()
            .findings.map((finding) => finding.place)
            .join('\n'),
          what,
        ).toMatch(place);
      }
    },
    TIMEOUT_MS,
  );

  it(
    'tells a ledger that was cut back by a checkpoint that was kept elsewhere, and says when there is none',
    async () => {
      const { desk } = demonstration;
      // The node goes on after the backup: the backup is shorter than what the checkpoint vouches for.
      await done('import', '--as', 'a.rossi', newBundle(desk.home));
      const checkpoint = join(desk.home, 'checkpoint.json');
      writeFileSync(checkpoint, (await done('ledger', 'checkpoint', '--as', 'a.rossi')).stdout);
      const cut = await desk.salus('verify', '--data', backup, '--checkpoint', checkpoint, '--json');
      expect(cut.exit).toBe(EXIT.refused);
      expect(cut.json<Verified>().findings).toMatchObject([
        { code: 'checkpoint', place: expect.stringMatching(/^ledger table block block \d+$/) },
      ]);

      using stranger = openDesk();
      const unknown = await stranger.salus('verify', '--data', backup);
      expect(unknown, unknown.stdout).toMatchObject({ exit: EXIT.ok });
      expect(unknown.stdout).toMatch(/No checkpoint: whether the newest blocks were cut off, nobody can tell/);

      const elsewhere = join(desk.home, 'elsewhere');
      const alone = await desk.salus('verify', '--data', backup, '--checkpoint', join(elsewhere, 'absent'));
      expect(alone).toMatchObject({ exit: EXIT.usage });
      const missing = await desk.salus('verify', '--data', elsewhere);
      expect(missing.exit).toBe(EXIT.usage);
      expect(missing.stderr).toContain('--data');
    },
    TIMEOUT_MS,
  );

  it(
    'restores into an empty directory only, and refuses a backup that was changed',
    async () => {
      const { desk } = demonstration;
      const to = join(desk.home, 'restored');
      await done('restore', backup, '--data', to);
      // It is whole, and the node's own checkpoints say that it is old.
      const verified = (await desk.salus('verify', '--data', to, '--json')).json<Verified>();
      expect(verified.findings.length).toBeGreaterThan(0);
      expect(verified.findings.every(({ code }) => code === 'checkpoint')).toBe(true);
      expect((await desk.salus('restore', backup, '--data', to)).exit).toBe(EXIT.refused);
      const damaged = join(desk.home, 'damaged');
      cpSync(backup, damaged, { recursive: true });
      const [pack = ''] = globSync(join(damaged, 'orgs/hospital-a/objects/packs/**/*.pack'));
      flipByte(pack);
      const refused = await desk.salus('restore', damaged, '--data', join(desk.home, 'nowhere'), '--json');
      expect(refused.exit).toBe(EXIT.refused);
      expect(refused.json()).toMatchObject({ error: { code: 'corrupt' } });
    },
    TIMEOUT_MS,
  );
});

describe('a node that was restored from an older backup', () => {
  it(
    'releases nothing until an administrator has named the lost blocks',
    async () => {
      const { desk } = demonstration;
      await demonstration.reopen(join(desk.home, 'restored'));
      const reading = ['records', '--at', 'hospital-a', '--as', 'patient-1', '--content'];
      const closed = await desk.salus(...reading, '--json');
      expect(closed.exit).toBe(EXIT.unreachable);
      expect(closed.json()).toMatchObject({
        error: { code: 'rollback-unnamed', next: expect.stringContaining('salus rollback') },
      });
      const unasked = await desk.salus('rollback', '--as', 'hospital-a.admin');
      expect(unasked).toMatchObject({ exit: EXIT.usage });
      expect((await desk.salus('rollback', '--yes', '--as', 'a.rossi')).exit).toBe(EXIT.refused);
      const named = (await done('rollback', '--yes', '--as', 'hospital-a.admin')).json<{
        lost: { from: number; to: number };
      }>();
      expect(named.lost.to).toBeGreaterThanOrEqual(named.lost.from);
      await done(...reading);
      expect((await done('rollback', '--as', 'hospital-a.admin')).json()).toEqual({ lost: null });
    },
    TIMEOUT_MS,
  );
});

/** What somebody with the disk could do, and where `verify` must see it. */
const CHANGES: readonly (readonly [what: string, change: (directory: string) => void, place: RegExp])[] = [
  [
    'a byte of an object',
    (copy) => flipByte(globSync(join(copy, 'orgs/hospital-a/objects/packs/**/*.pack'))[0]!),
    /hospital-a .*pack/,
  ],
  [
    'a value of the ledger’s state',
    (copy) =>
      sql(
        copy,
        'ledger/ledger.sqlite',
        "UPDATE state SET value = replace(value, 'active', 'Active') WHERE key LIKE 'grant/%'",
      ),
    /ledger table state .*key grant\//,
  ],
  [
    'a call in a block',
    (copy) =>
      sql(
        copy,
        'ledger/ledger.sqlite',
        "UPDATE body SET text = replace(text, 'register', 'Register') WHERE text LIKE '%register%'",
      ),
    /ledger .*block \d+/,
  ],
  [
    'an audit event',
    (copy) => sql(copy, 'orgs/hospital-b/records.sqlite', 'DELETE FROM "auditEvent" WHERE seq = 0'),
    /hospital-b .*audit/i,
  ],
  ['an organisation', (copy) => rmSync(join(copy, 'orgs/pharmacy'), { recursive: true }), /pharmacy /],
  ['the network’s file', (copy) => rmSync(join(copy, 'network.json')), /network\.json/],
];

function flipByte(file: string): void {
  const bytes = readFileSync(file);
  bytes[Math.floor(bytes.length / 2)]! ^= 1;
  writeFileSync(file, bytes);
}

function sql(copy: string, file: string, statement: string): void {
  using database = new DatabaseSync(join(copy, file));
  const { changes } = database.prepare(statement).run();
  expect(Number(changes), statement).toBeGreaterThan(0);
}

function newBundle(directory: string): string {
  const file = join(directory, 'late.json');
  const resource = { resourceType: 'Patient', name: [{ family: 'Late' }] };
  const entry = [
    { fullUrl: 'urn:uuid:00000000-0000-4000-8000-00000000000c', resource, request: { method: 'POST', url: 'Patient' } },
  ];
  writeFileSync(file, JSON.stringify({ resourceType: 'Bundle', type: 'transaction', entry }));
  return file;
}

async function done(...words: readonly string[]): Promise<Ran> {
  const ran = await demonstration.desk.salus(...words, '--json');
  expect(ran.exit, `${words.join(' ')}\n${ran.stderr}\n${ran.stdout.slice(0, 2_000)}`).toBe(EXIT.ok);
  return ran;
}
