import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { toBase64url } from '@salus/crypto';
import { derivedKeyPairs, parseDeviceCode } from '@salus/wallet';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { press } from './by-keys.ts';
import { hasBrowser, openStage, type PatientPerson, type Stage } from './harness.ts';
import { signIn } from './sign-in.ts';

const CHUNK_BYTES = 16 * 1024 * 1024;
const OVERLAP_BYTES = 1_024;
/** A loaded machine reads some hundred megabytes. */
const SEARCH_MS = 300_000;
/** What the prescriptions of this patient say. The node's own sources have the words, but not as a record holds them. */
const DOSAGE = 'One tablet with the evening meal.';

let stage: Stage;
let patient: PatientPerson & { readonly device: string };

/** What is looked for: a name, and the bytes. */
type Needle = readonly [name: string, bytes: Buffer];

/** Which of them lie in the memory of a process (Linux: proc(5), /proc/pid/mem). */
function findInMemory(pid: number, needles: readonly Needle[]): readonly string[] {
  const found = new Set<string>();
  const memory = openSync(`/proc/${pid}/mem`, 'r');
  const buffer = Buffer.alloc(CHUNK_BYTES);
  try {
    for (const [from, to] of writableRegions(pid)) {
      // Chunks overlap, so that nothing is cut in two.
      for (let at = from; at < to; at += CHUNK_BYTES - OVERLAP_BYTES) {
        const read = readAt(memory, { buffer, length: Math.min(CHUNK_BYTES, to - at), at });
        const chunk = buffer.subarray(0, read);
        for (const [name, bytes] of needles) if (chunk.includes(bytes)) found.add(name);
      }
    }
  } finally {
    closeSync(memory);
  }
  return [...found].sort();
}

/** A text as UTF-8 and as the engine keeps it with other letters beside. */
function textNeedles(name: string, text: string): readonly Needle[] {
  return [
    [name, Buffer.from(text)],
    [name, Buffer.from(text, 'utf16le')],
  ];
}

/** The root secret, and the private scalar of each pid's signing key (RFC 5915: the first octet string of 32 bytes). */
async function keyNeedles(device: string): Promise<readonly Needle[]> {
  const code = parseDeviceCode(device);
  if (code.kind !== 'patient') throw new Error('the line is not a patient\u2019s');
  const { rootSecret, content } = code;
  const scalars = await Promise.all(
    content.pids.map(async ({ pid }): Promise<Needle> => {
      const pkcs8 = Buffer.from((await derivedKeyPairs(rootSecret, pid)).signing.privateKey);
      const at = pkcs8.indexOf(Buffer.from([0x04, 0x20]));
      if (at < 0) throw new Error('the key is not of the form that was expected');
      return ['signing key', pkcs8.subarray(at + 2, at + 34)];
    }),
  );
  return [['root secret', Buffer.from(rootSecret)], ...textNeedles('root secret', toBase64url(rootSecret)), ...scalars];
}

function writableRegions(pid: number): readonly (readonly [from: number, to: number])[] {
  return readFileSync(`/proc/${pid}/maps`, 'utf8')
    .split('\n')
    .flatMap((line) => {
      const [, from, to] = /^([0-9a-f]+)-([0-9a-f]+) rw/.exec(line) ?? [];
      return from === undefined || to === undefined
        ? []
        : [[Number.parseInt(from, 16), Number.parseInt(to, 16)] as const];
    });
}

/** Bytes read; none where the region was given back meanwhile. */
function readAt(
  file: number,
  { buffer, length, at }: { readonly buffer: Buffer; readonly length: number; readonly at: number },
): number {
  try {
    return readSync(file, buffer, 0, length, at);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EIO' || code === 'EFAULT') return 0;
    throw error;
  }
}

describe.skipIf(!hasBrowser || process.platform !== 'linux')('a patient who reads', () => {
  beforeAll(async () => {
    stage = await openStage();
    const found = stage.cast.patients.find(
      (one) => one.device !== undefined && one.at.some(({ organisation }) => organisation === 'laboratory'),
    );
    if (found?.device === undefined) throw new Error('no claimed patient is known at the laboratory');
    patient = { ...found, device: found.device };
  });
  afterAll(async () => (stage as Stage | undefined)?.close());

  it(
    'leaves neither a key nor a word of the record on the wire or in the memory of the node',
    async () => {
      const page = await stage.newDevice();
      const wire: string[] = [];
      page.on('request', (request) => wire.push(`${request.url()} ${request.postData() ?? ''}`));
      page.on('response', (response) => {
        if (!response.url().includes('/api/')) return;
        // A stream of events does not end; what it says are ids.
        if (response.headers()['content-type']?.includes('event-stream') === true) return;
        void response.text().then(
          (text) => wire.push(text),
          () => wire.push(''),
        );
      });
      await signIn(page, patient.device);
      await page.goto('/patient/record/medication');
      await page.getByText(DOSAGE).first().waitFor();
      await page.getByText('Your records are being opened').waitFor({ state: 'detached' });
      const medicine = page.locator('.mantine-Card-root').filter({ hasText: DOSAGE });
      await press(medicine.getByText('All entries'));
      const row = medicine.getByRole('listitem').filter({ hasText: 'Prescription' }).first();
      const address = await row.getByRole('link').getAttribute('href');
      await page.goto(address ?? '');
      const download = page.waitForEvent('download');
      await press(page.getByRole('button', { name: 'Save as a file' }));
      const record = readFileSync(await (await download).path(), 'utf8');
      const at = record.indexOf(DOSAGE);
      expect(at).toBeGreaterThan(20);
      const plaintext = record.slice(at - 20, at + DOSAGE.length);

      const keys = await keyNeedles(patient.device);
      expect(keys.length).toBeGreaterThan(3);
      expect(wire.some((text) => text.includes('"ciphertext"'))).toBe(true);
      const secret = keys.map(([, bytes]) => toBase64url(bytes));
      for (const text of wire) for (const word of [DOSAGE, ...secret]) expect(text).not.toContain(word);
      // The pid shows that the search finds what is there.
      const needles = [...textNeedles('pid', patient.at[0]!.pid), ...textNeedles('plaintext', plaintext), ...keys];
      expect(findInMemory(stage.node.process.pid!, needles)).toEqual(['pid']);
    },
    SEARCH_MS,
  );
});
