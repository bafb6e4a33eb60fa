import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createCa, toBase64url, toPem } from '@salus/crypto';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { er7, openSender } from '../../test/feed.ts';
import { readHl7Configuration } from './hl7-configuration.ts';
import { type Hl7Listener, openHl7Listener } from './hl7-listener.ts';
import type { HandledMessage } from './message-handler.ts';

const MESSAGE = er7('MSH|^~\\&|A|B|||2026||ADT^A08|7|P|2.5.1');
const directory = mkdtempSync(join(tmpdir(), 'salus-mllp-'));
const refused: string[] = [];
const asked: string[] = [];

/** Answers with the name of the client that the connection is. */
const handler = {
  handle: async (client: string): Promise<HandledMessage> => {
    asked.push(client);
    return { acknowledgement: Buffer.from(`MSH|^~\\&\rMSA|AA|${client}\r`), taken: 'accepted', type: 'ADT^A08' };
  },
};

let plain: Hl7Listener;
let secret: Hl7Listener;

const file = (name: string): string => join(directory, name);
const fingerprintOf = (name: string): string => new X509Certificate(readFileSync(file(`${name}.pem`))).fingerprint256;
const openWith = async (listener: object): Promise<Hl7Listener> => {
  writeFileSync(
    file('hl7.json'),
    JSON.stringify({ listeners: [{ organisation: 'hospital-a', port: 0, ...listener }] }),
  );
  const [settings] = readHl7Configuration(file('hl7.json'));
  const onRefused = (reason: string): void => void refused.push(reason);
  return openHl7Listener({ settings: settings!, handler, onHandled: () => {}, onRefused, onFailure: () => {} });
};

beforeAll(async () => {
  for (const organisation of ['node', 'lab', 'stranger']) {
    const { certificate, privateKey } = await createCa({ organisation, nowMs: Date.now(), validDays: 2 });
    writeFileSync(file(`${organisation}.pem`), toPem('CERTIFICATE', certificate));
    writeFileSync(file(`${organisation}.key`), toPem('PRIVATE KEY', toBase64url(privateKey)));
  }
  plain = await openWith({ peers: [{ client: 'adt', address: '127.0.0.1' }] });
  secret = await openWith({
    tls: { certificateFile: 'node.pem', keyFile: 'node.key' },
    peers: [{ client: 'lab', fingerprint: fingerprintOf('lab') }],
  });
});

afterAll(async () => {
  await plain[Symbol.asyncDispose]();
  await secret[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true });
});

const shown = (name: string) => ({
  cert: readFileSync(file(`${name}.pem`)),
  key: readFileSync(file(`${name}.key`)),
  rejectUnauthorized: false,
});

describe('a listener', () => {
  it('tells its peers by address, or by the certificate that they show', async () => {
    const here = await openSender(plain.port);
    expect((await here.send(MESSAGE)).controlId).toBe('adt');
    here.close();
    const lab = await openSender(secret.port, shown('lab'));
    expect((await lab.send(MESSAGE)).controlId).toBe('lab');
    lab.close();
  });

  it('turns away who shows another certificate, none, or speaks no TLS', async () => {
    const before = asked.length;
    for (const options of [shown('stranger'), { rejectUnauthorized: false }]) {
      const sender = await openSender(secret.port, options);
      await expect(sender.send(MESSAGE)).rejects.toThrow('ended');
    }
    const bare = await openSender(secret.port);
    await expect(bare.send(MESSAGE)).rejects.toThrow('ended');
    expect(refused.filter((reason) => reason === 'unknown-peer')).toHaveLength(2);
    expect(asked).toHaveLength(before);
  });

  it('ends a connection that sends no blocks, and answers messages that come at once in their order', async () => {
    const socket = connect(plain.port, '127.0.0.1');
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.write('GET / HTTP/1.1\r\n\r\n');
    await closed;
    expect(refused).toContain('not-framed');
    const sender = await openSender(plain.port);
    const answers = await Promise.all([1, 2, 3].map(() => sender.send(MESSAGE)));
    expect(answers.map(({ code }) => code)).toEqual(['AA', 'AA', 'AA']);
    sender.close();
    await vi.waitFor(() => expect(plain.connections).toBe(0), { timeout: 60_000 });
  });
});

describe('the file of listeners', () => {
  const refusedWith = (listener: object): string => {
    writeFileSync(file('wrong.json'), JSON.stringify({ listeners: [{ organisation: 'a-b', port: 1, ...listener }] }));
    try {
      readHl7Configuration(file('wrong.json'));
      return 'taken';
    } catch (error) {
      return (error as Error).message;
    }
  };

  it('names what is wrong in it', () => {
    const peers = [{ client: 'adt', address: '127.0.0.1' }];
    const tls = { certificateFile: 'node.pem', keyFile: 'node.key' };
    expect(refusedWith({ peers })).toBe('taken');
    const wrong: readonly (readonly [object, string])[] = [
      [{}, 'peers'],
      [{ peers: [] }, 'peers'],
      [{ peers, port: 70_000 }, 'port'],
      [{ peers, host: 'localhost' }, 'host'],
      [{ peers, organisation: 'A' }, 'organisation'],
      [{ peers, timeZone: 'CET' }, 'timeZone'],
      [{ peers, systems: { X: 'no uri' } }, 'systems'],
      [{ peers, processingIds: ['X'] }, 'processingIds'],
      [{ peers, surprise: 1 }, 'surprise'],
      [{ peers: [...peers, ...peers] }, 'twice'],
      [{ peers: [{ client: 'adt' }] }, 'address'],
      // Behind TLS an address tells nobody.
      [{ peers, tls }, 'fingerprint'],
      [{ peers, tls: { certificateFile: 'x' } }, 'tls'],
    ];
    for (const [listener, name] of wrong) expect(refusedWith(listener), name).toContain(name);
  });
});
