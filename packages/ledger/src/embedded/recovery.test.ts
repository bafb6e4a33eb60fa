import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { newSigner, newWriter, type Writer } from '../../test/notebook.ts';
import { newPlace, type Place } from '../../test/open-notebook.ts';
import { verifyLedger } from '../verify/verify.ts';
import { readCheckpointFile } from './checkpoint-file.ts';
import { createEmbeddedLedger, openEmbeddedLedger } from './open.ts';
import { rebuildLedger } from './rebuild.ts';

const runtimeModule = new URL('../../test/notebook-runtime.ts', import.meta.url).href;

let place: Place;
let writer: Writer;

beforeEach(() => {
  place = newPlace();
  writer = newWriter();
});

afterEach(() => place.remove());

/** Creates a ledger with a few blocks and closes it; `count` pages, each in a block of its own. */
async function written(count: number): Promise<void> {
  await using ledger = await place.create();
  await ledger.submit(await writer.enrol());
  for (let page = 0; page < count; page += 1)
    await ledger.submit(
      await writer.write([
        [`page/${page}`, page],
        ['hot', page],
      ]),
    );
}

function dump(table: string): unknown[] {
  using database = new DatabaseSync(place.file, { readOnly: true });
  return database.prepare(`SELECT * FROM ${table}`).all();
}

const clean = { findings: [] };
const verify = () => verifyLedger(place.file, { checkpointFile: place.checkpointFile, runtimeModule });

describe('opening', () => {
  it('goes on where the ledger was closed', async () => {
    await written(3);
    await using ledger = await place.open();
    expect(await ledger.height()).toBe(4);
    expect(ledger.rollbackNeeded).toBeUndefined();
    expect(await ledger.get('page/2')).toBe(2);
    expect((await ledger.checkpoint()).number).toBe(4);
    expect(await ledger.submit(await writer.write([['page/9', 9]]))).toMatchObject({ kind: 'committed', block: 5 });
  });

  it('gives the committed result of a call that is sent again after a restart', async () => {
    const call = await writer.write([['page/1', 1]]);
    let first: unknown;
    {
      await using ledger = await place.create();
      await ledger.submit(await writer.enrol());
      first = await ledger.submit(call);
    }
    await using ledger = await place.open();
    expect(await ledger.submit(call)).toEqual(first);
    expect(await ledger.height()).toBe(2);
  });

  it('refuses a second opener, another key, a file that is no ledger, and to found over a file', async () => {
    await written(1);
    const options = {
      file: place.file,
      checkpointFile: place.checkpointFile,
      checkpointSigners: () => [],
      clock: () => 0,
      signer: newSigner(),
    };
    await expect(openEmbeddedLedger(options)).rejects.toMatchObject({ code: 'wrong-key' });
    await expect(createEmbeddedLedger({ ...options, network: 'A'.repeat(22) })).rejects.toMatchObject({
      code: 'already-exists',
    });
    const elsewhere = { ...options, file: join(place.folder, 'new.db'), network: 'A'.repeat(22) };
    await expect(createEmbeddedLedger(elsewhere)).rejects.toMatchObject({ code: 'bad-checkpoint-file' });
    await expect(createEmbeddedLedger({ ...options, network: 'short' })).rejects.toMatchObject({
      code: 'bad-argument',
    });
    {
      await using first = await place.open();
      expect(await first.height()).toBe(2);
      await expect(place.open()).rejects.toMatchObject({ code: 'in-use' });
    }
    const file = join(place.folder, 'other.db');
    await expect(openEmbeddedLedger({ ...options, file })).rejects.toMatchObject({ code: 'not-a-ledger' });
    writeFileSync(file, '');
    await expect(openEmbeddedLedger({ ...options, file })).rejects.toMatchObject({ code: 'not-a-ledger' });
    await using again = await place.open();
    expect(await again.height()).toBe(2);
  });

  it('founds over what a power cut left of an earlier founding', async () => {
    writeFileSync(`${place.file}.founding`, 'half a file');
    writeFileSync(`${place.file}.founding-wal`, 'and its log');
    await using ledger = await place.create();
    expect(await ledger.height()).toBe(0);
    expect(readdirSync(place.folder).filter((name) => name.includes('founding'))).toEqual([]);
  });

  it('refuses a ledger whose newest block was changed', async () => {
    await written(2);
    using database = new DatabaseSync(place.file);
    database.exec('DELETE FROM body WHERE position = (SELECT max(position) FROM body)');
    database.close();
    await expect(place.open()).rejects.toMatchObject({ code: 'not-a-ledger' });
  });

  it('adds the checkpoint that a power cut left out, and cuts off a torn one', async () => {
    await written(3);
    const whole = readFileSync(place.checkpointFile, 'latin1');
    const lines = whole.split('\n');
    writeFileSync(place.checkpointFile, `${lines.slice(0, -2).join('\n')}\n${lines.at(-2)!.slice(0, 50)}`);
    await using ledger = await place.open();
    expect(ledger.rollbackNeeded).toBeUndefined();
    expect(readCheckpointFile(place.checkpointFile).at(-1)?.checkpoint.number).toBe(4);
    await ledger[Symbol.asyncDispose]();
    expect(await verify()).toMatchObject(clean);
  });

  it('starts a new checkpoint file when there is none, and refuses one of another network', async () => {
    await written(1);
    const foreign = readFileSync(place.checkpointFile);
    rmSync(place.checkpointFile);
    {
      await using ledger = await place.open();
      expect(ledger.rollbackNeeded).toBeUndefined();
    }
    expect(readCheckpointFile(place.checkpointFile).length).toBe(1);
    const other = newPlace();
    try {
      await (
        await createEmbeddedLedger({
          file: other.file,
          checkpointFile: other.checkpointFile,
          checkpointSigners: () => [],
          clock: () => 0,
          signer: other.signer,
          network: 'BBBBBBBBBBBBBBBBBBBBBA',
        })
      )[Symbol.asyncDispose]();
      writeFileSync(other.checkpointFile, foreign);
      await expect(other.open()).rejects.toMatchObject({ code: 'bad-checkpoint-file' });
    } finally {
      other.remove();
    }
  });
});

describe('closing', () => {
  it('comes to its end when nothing else keeps the process alive', () => {
    const child = fileURLToPath(new URL('../../test/close-child.ts', import.meta.url));
    expect(execFileSync(process.execPath, [child], { encoding: 'utf8' })).toBe('closed\n');
  });
});

describe('a restored backup', () => {
  it('names the lost range, keeps naming it over restarts and writes, and is released by its rollback', async () => {
    const backup = join(place.folder, 'backup.db');
    let lostHash: string;
    {
      await using ledger = await place.create();
      await ledger.submit(await writer.enrol());
      await ledger.submit(await writer.write([['page/1', 1]]));
      const copied = await ledger.backup(backup);
      expect(copied).toMatchObject({ number: 2, hash: (await ledger.checkpoint()).hash });
      await ledger.submit(await writer.write([['page/2', 2]]));
      await ledger.submit(await writer.write([['page/3', 3]]));
      lostHash = (await ledger.checkpoint()).hash;
    }
    expect(await verifyLedger(backup, { runtimeModule })).toMatchObject(clean);
    copyFileSync(backup, place.file);
    const lost = { from: 3, to: 4, hash: lostHash };
    {
      await using ledger = await place.open();
      expect(ledger.rollbackNeeded).toEqual(lost);
      await ledger.submit(await writer.write([['page/4', 4]]));
      await ledger.submit(await writer.write([['access/rollback/wrong', { ...lost, to: 9 }]]));
      expect(ledger.rollbackNeeded).toEqual(lost);
    }
    const unnamed = await verify();
    expect(unnamed.findings.map(({ code }) => code)).toContain('rollback-unnamed');
    {
      await using ledger = await place.open();
      expect(ledger.rollbackNeeded).toEqual(lost);
      await ledger.submit(await writer.write([['access/rollback/right', lost]]));
      expect(ledger.rollbackNeeded).toBeUndefined();
    }
    {
      await using ledger = await place.open();
      expect(ledger.rollbackNeeded).toBeUndefined();
      expect(await ledger.get('page/2')).toBeUndefined();
    }
    expect(await verify()).toMatchObject(clean);
  });

  it('says so when the ledger is cut back again within a range that was named before', async () => {
    const [backup, second] = [join(place.folder, 'backup.db'), join(place.folder, 'second.db')];
    {
      await using ledger = await place.create();
      await ledger.submit(await writer.enrol());
      await ledger.backup(backup);
      for (let page = 0; page < 4; page += 1) await ledger.submit(await writer.write([[`page/${page}`, page]]));
    }
    copyFileSync(backup, place.file);
    {
      await using ledger = await place.open();
      const lost = ledger.rollbackNeeded!;
      expect(lost).toMatchObject({ from: 2, to: 5 });
      await ledger.submit(await writer.write([['access/rollback/named', lost]]));
      await ledger.backup(second);
      await ledger.submit(await writer.write([['page/again', 1]]));
    }
    expect(await verify()).toMatchObject(clean);
    copyFileSync(second, place.file);
    expect(await verify()).toMatchObject({ findings: [{ code: 'checkpoint', block: 3 }] });
  });

  it('names all that is lost when an older backup is restored before the first loss was named', async () => {
    const [older, backup] = [join(place.folder, 'older.db'), join(place.folder, 'backup.db')];
    {
      await using ledger = await place.create();
      await ledger.submit(await writer.enrol());
      await ledger.backup(older);
      for (let page = 0; page < 2; page += 1) await ledger.submit(await writer.write([[`page/${page}`, page]]));
      await ledger.backup(backup);
      await ledger.submit(await writer.write([['page/2', 2]]));
    }
    copyFileSync(backup, place.file);
    {
      await using ledger = await place.open();
      expect(ledger.rollbackNeeded).toMatchObject({ from: 4, to: 4 });
    }
    copyFileSync(older, place.file);
    {
      await using ledger = await place.open();
      expect(ledger.rollbackNeeded).toMatchObject({ from: 2, to: 4 });
      await ledger.submit(await writer.write([['access/rollback/named', ledger.rollbackNeeded!]]));
      expect(ledger.rollbackNeeded).toBeUndefined();
    }
    expect(await verify()).toMatchObject(clean);
  });

  it('needs no second rollback when the power failed after the first one’s block', async () => {
    const backup = join(place.folder, 'backup.db');
    {
      await using ledger = await place.create();
      await ledger.submit(await writer.enrol());
      await ledger.backup(backup);
      await ledger.submit(await writer.write([['page/2', 2]]));
    }
    copyFileSync(backup, place.file);
    {
      await using ledger = await place.open();
      await ledger.submit(await writer.write([['access/rollback/x', { ...ledger.rollbackNeeded! }]]));
      expect(ledger.rollbackNeeded).toBeUndefined();
    }
    const lines = readFileSync(place.checkpointFile, 'latin1').trimEnd().split('\n');
    writeFileSync(place.checkpointFile, `${lines.slice(0, -1).join('\n')}\n`);
    await using ledger = await place.open();
    expect(ledger.rollbackNeeded).toBeUndefined();
  });
});

describe('backup', () => {
  it('copies one moment of a ledger under load, with the root of its state', async () => {
    await using ledger = await place.create();
    await ledger.submit(await writer.enrol());
    let done = false;
    const load = (async () => {
      for (let page = 0; !done; page += 1)
        await ledger.submit(
          await writer.write([
            [`page/${page}`, page],
            ['hot', page],
          ]),
        );
    })();
    const backup = join(place.folder, 'backup.db');
    const first = await ledger.backup(backup);
    const second = await ledger.backup(backup);
    done = true;
    await load;
    expect(second.number).toBeGreaterThan(first.number);
    expect((await ledger.block(second.number))?.hash).toBe(second.hash);
    expect((await ledger.block(second.number))?.header.stateCommitment).toBe(second.stateCommitment);
    expect(await verifyLedger(backup, { runtimeModule })).toMatchObject({ ...clean, head: { number: second.number } });
    const rebuilt = rebuildLedger(backup);
    expect(rebuilt).toEqual(second);
  });
});

describe('rebuilding', () => {
  it('gives the same rows and commitment after state, history and index were dropped', async () => {
    await written(5);
    {
      await using ledger = await place.open();
      await ledger.submit(await writer.call('swap', { key: 'none', from: 1, to: 2 }));
      await ledger.submit(
        await writer.write([
          ['page/1', null],
          ['numbers', { '10': 1, '9': 2 }],
        ]),
      );
    }
    const tables = ['block', 'body', 'state', 'history', 'refusal'];
    const before = tables.map(dump);
    expect(before.every((rows) => rows.length > 0)).toBe(true);
    {
      using database = new DatabaseSync(place.file);
      database.exec('DROP TABLE state; DROP TABLE history; DELETE FROM refusal');
    }
    const head = rebuildLedger(place.file);
    expect(tables.map(dump)).toEqual(before);
    expect(existsSync(`${place.file}.rebuild`)).toBe(false);
    expect(await verify()).toMatchObject({
      ...clean,
      head: { stateCommitment: head.stateCommitment, hash: head.hash },
    });
    await using ledger = await place.open();
    expect((await ledger.submit(await writer.write([['page/7', 7]]))).kind).toBe('committed');
  });

  it('stops at a block with other write sets and leaves the file as it was', async () => {
    await written(2);
    {
      using database = new DatabaseSync(place.file);
      database.exec(`UPDATE body SET text = replace(text, '["page/1",1]', '["page/1",7]')`);
    }
    const before = readFileSync(place.file);
    expect(() => rebuildLedger(place.file)).toThrow(expect.objectContaining({ code: 'not-a-ledger' }));
    expect(readFileSync(place.file).equals(before)).toBe(true);
  });

  it('waits for nobody: an open ledger is refused', async () => {
    await using ledger = await place.create();
    expect(() => rebuildLedger(place.file)).toThrow(expect.objectContaining({ code: 'in-use' }));
    expect(await ledger.height()).toBe(0);
  });
});
