import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '@salus/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { networkLayout } from '../layout.ts';
import { withNetworkLock } from '../up/network-lock.ts';
import { findProcessStart } from './process-identity.ts';
import { type ProcessSpec, readProcessTable, recordProcess } from './process-table.ts';
import { awaitReady, killProcess, listProcesses, restartProcess, startProcess, stopProcess } from './supervisor.ts';

let folder = '';
let port = 0;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'salus-supervisor-'));
  port = await freePort();
});

afterEach(async () => {
  for (const { name, running } of listProcesses(layout())) if (running) await stopProcess(layout(), name);
  rmSync(folder, { recursive: true });
});

const layout = () => networkLayout(folder);

function listen(at: number): Promise<Server> {
  return new Promise((resolve) => {
    const server = createServer().listen(at, '127.0.0.1', () => resolve(server));
  });
}

/** A process that listens on its port, after saying something. */
function spec(
  code = `console.log('hello'); require('node:net').createServer().listen(${port}, '127.0.0.1')`,
): ProcessSpec {
  return {
    name: 'hospital-a-peer0',
    organisation: 'hospital-a',
    kind: 'peer',
    command: process.execPath,
    args: ['-e', code],
    environment: { MARK: 'here' },
    workingDirectory: folder,
    ports: [port],
  };
}

describe('the processes of a network', () => {
  it('start once, run on their own, and end by their pid', async () => {
    expect(await startProcess(layout(), spec())).toBe('started');
    await awaitReady(layout(), 'hospital-a-peer0');
    expect(await startProcess(layout(), spec())).toBe('running');
    const [before] = listProcesses(layout());
    expect(before).toMatchObject({ running: true, ports: [port] });
    await killProcess(layout(), 'hospital-a-peer0');
    expect(listProcesses(layout())).toMatchObject([{ running: false }]);
    await restartProcess(layout(), 'hospital-a-peer0');
    expect(listProcesses(layout())[0]?.pid).not.toBe(before?.pid);
    await stopProcess(layout(), 'hospital-a-peer0');
    expect(listProcesses(layout())).toEqual([]);
  });

  it('are never mistaken for another process that has their pid now', async () => {
    const start = 'another boot:1';
    recordProcess(layout().processTable, { ...spec(), pid: process.pid, start });
    expect(findProcessStart(process.pid)).not.toBe(start);
    expect(listProcesses(layout())).toMatchObject([{ running: false }]);
    // It would end this very process.
    await stopProcess(layout(), 'hospital-a-peer0');
    expect(readProcessTable(layout().processTable)).toEqual([]);
  });

  it('are refused a port where something else listens, with the name of both', async () => {
    const other = await listen(port);
    const refused = startProcess(layout(), spec());
    await expect(refused).rejects.toMatchObject({
      code: 'port-taken',
      message: `hospital-a-peer0 cannot listen on port ${port}: another program listens there.`,
    });
    await new Promise((resolve) => other.close(resolve));
  });

  it('tell the end of their log when they end before they are ready', async () => {
    await startProcess(layout(), spec("console.error('no such folder'); process.exit(3)"));
    await expect(awaitReady(layout(), 'hospital-a-peer0')).rejects.toMatchObject({
      code: 'process-ended',
      message: expect.stringMatching(/ended before it was ready\. The end of .*\nno such folder$/),
    });
    const absent = startProcess(layout(), { ...spec(), command: join(folder, 'absent') });
    await expect(absent).rejects.toMatchObject({ code: 'process-ended' });
  });

  it('are named when one is asked for that was never started', async () => {
    await expect(stopProcess(layout(), 'peer9')).rejects.toMatchObject({ code: 'not-found' });
  });

  it('refuse a table that is none', () => {
    writeFileSync(join(folder, 'table.json'), '{"version":"salus:processes:v2","processes":[]}');
    expect(() => readProcessTable(join(folder, 'table.json'))).toThrow(/version salus:processes:v1/);
  });
});

describe('the lock of a network', () => {
  it('lets one command work at a time, and outlives no process', async () => {
    const held = withNetworkLock(layout(), async () => {
      await expect(withNetworkLock(layout(), async () => 1)).rejects.toMatchObject({ code: 'busy' });
      return 2;
    });
    expect(await held).toBe(2);
    writeFileSync(layout().lock, `${process.pid} another boot:1`);
    expect(await withNetworkLock(layout(), async () => 3)).toBe(3);
  });
});
