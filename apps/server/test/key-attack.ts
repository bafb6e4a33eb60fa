import { createCipheriv, createDecipheriv, createECDH, createHash, createSecretKey } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { createMasterKey } from '@salus/records';

const KEY_BYTES = 32;
const BLOCK_BYTES = 16;
/** magic 4 ‖ version 1 ‖ algorithm 1 ‖ nonce 12, as sealed objects and wrapped keys begin. */
const HEADER_BYTES = 6;
const NONCE_BYTES = 12;

interface Sealed {
  readonly organisation: string;
  readonly recordId: string;
  readonly keyId: string;
  readonly wrapNonce: Buffer;
  readonly wrapped: Buffer;
  readonly nonce: Buffer;
  readonly body: Buffer;
}

/** How many candidates are tried, evenly drawn from all of them: each use of a key costs something else. */
export interface Effort {
  /** As the key of every object. */
  readonly objects: number;
  /** As the key of wrapped keys, and as private and master keys. */
  readonly others: number;
  /** Wrapped keys, one of each key id, that one candidate is tried on; the next is tried on the next. */
  readonly wraps: number;
}

export interface Decrypted {
  /** Record ids. */
  readonly records: readonly string[];
  readonly masterKeys: readonly string[];
  /** Public keys on the ledger whose private half was found. */
  readonly privateKeys: readonly string[];
}

/** Tries everything that has the size of a key on everything that is encrypted, tags and contexts ignored. */
export class KeyAttack {
  readonly #sealed: readonly Sealed[];
  readonly #checks: readonly { readonly organisation: string; readonly sealed: Buffer }[];
  readonly #publicKeys: ReadonlySet<string>;
  readonly #network: string;
  readonly #wraps: readonly Sealed[];
  readonly #wrapCounters: Buffer;

  /** `directory`: a copy of a data directory. */
  constructor(directory: string, network: string) {
    this.#network = network;
    const organisations = readdirSync(join(directory, 'orgs'));
    this.#sealed = organisations.flatMap((organisation) => sealedRecords(directory, organisation));
    this.#wraps = onePerKey(this.#sealed);
    this.#wrapCounters = Buffer.concat(
      this.#wraps.flatMap(({ wrapNonce }) => [2, 3].map((at) => counterBlock(wrapNonce, at))),
    );
    this.#checks = organisations.map((organisation) => ({
      organisation,
      sealed: masterCheck(directory, organisation),
    }));
    this.#publicKeys = publicKeysOf(readFileSync(join(directory, 'ledger', 'ledger.sqlite'), 'latin1'));
  }

  get records(): number {
    return this.#sealed.length;
  }

  /** Every text, column and file part of 32 bytes, parts of longer ones, and hashes of each. */
  candidates(files: readonly string[]): readonly Buffer[] {
    const found = new Map<string, Buffer>();
    const add = (bytes: Buffer): void => {
      if (bytes.length === KEY_BYTES) found.set(bytes.toString('latin1'), bytes);
    };
    const tokens = new Set<string>();
    for (const path of files) {
      const bytes = readFileSync(path);
      for (const [token] of bytes.toString('latin1').matchAll(/[\w-]{22,}/g)) tokens.add(token);
      const values = path.endsWith('.sqlite') ? blobsOf(path) : [bytes];
      for (const value of values) for (const part of partsOf(value)) add(part);
    }
    for (const token of tokens) {
      const value = Buffer.from(token, 'base64url');
      for (const start of [0, 1, -KEY_BYTES]) add(value.subarray(start).subarray(0, KEY_BYTES));
      add(createHash('sha256').update(token).digest());
      add(createHash('sha256').update(value).digest());
      if (/^[0-9a-fA-F]{64}$/.test(token)) add(Buffer.from(token, 'hex'));
    }
    return [...found.values()];
  }

  decrypt(candidates: readonly Buffer[], effort: Effort): Decrypted {
    const records = new Set<string>();
    const counters = Buffer.concat(this.#sealed.map(({ nonce }) => counterBlock(nonce, 2)));
    for (const key of sample(candidates, effort.objects)) {
      const stream = encryptBlocks(key, counters);
      this.#sealed.forEach((record, index) => {
        if (isText(stream, index * BLOCK_BYTES, record.body) && opens(key, record)) records.add(record.recordId);
      });
    }
    const others = sample(candidates, effort.others);
    others.forEach((key, turn) => {
      for (const recordId of this.#unwrapWith(key, turn * effort.wraps, effort.wraps)) records.add(recordId);
    });
    return {
      records: [...records],
      masterKeys: others.flatMap((key) => this.#masterKeyOf(key)),
      privateKeys: others.flatMap((key) => this.#privateKeyOf(key)),
    };
  }

  #unwrapWith(key: Buffer, from: number, count: number): readonly string[] {
    const stream = encryptBlocks(key, this.#wrapCounters);
    const opened: string[] = [];
    for (let turn = 0; turn < Math.min(count, this.#wraps.length); turn += 1) {
      const index = (from + turn) % this.#wraps.length;
      const record = this.#wraps[index]!;
      const dek = xor(stream, index * KEY_BYTES, record.wrapped);
      const first = encryptBlocks(dek, counterBlock(record.nonce, 2));
      if (isText(first, 0, record.body) && opens(dek, record)) opened.push(record.recordId);
    }
    return opened;
  }

  #masterKeyOf(key: Buffer): readonly string[] {
    return this.#checks.flatMap(({ organisation, sealed }) => {
      try {
        createMasterKey(key, { network: this.#network, organisation }).open('master-check', [], sealed);
        return [organisation];
      } catch (error) {
        if ((error as { readonly code?: unknown }).code === 'corrupt') return [];
        throw error;
      }
    });
  }

  #privateKeyOf(key: Buffer): readonly string[] {
    const curve = createECDH('prime256v1');
    try {
      curve.setPrivateKey(key);
    } catch {
      return []; // Zero, or beyond the curve's order: no private key.
    }
    const publicKey = curve.getPublicKey('base64url');
    return this.#publicKeys.has(publicKey) ? [publicKey] : [];
  }
}

function sealedRecords(directory: string, organisation: string): readonly Sealed[] {
  const place = join(directory, 'orgs', organisation);
  using database = new DatabaseSync(join(place, 'records.sqlite'), { readOnly: true });
  const rows = database
    .prepare(
      `select "recordId", "keyId", "batchId", "packOffset", "packLength", "wrap" from "record" where "wrap" is not null`,
    )
    .all() as { readonly [column: string]: string | number }[];
  return rows.map(({ recordId, keyId, batchId, packOffset, packLength, wrap }) => {
    const pack = readFileSync(join(place, 'objects', 'packs', String(batchId).slice(0, 2), `${batchId}.pack`));
    const object = pack.subarray(Number(packOffset), Number(packOffset) + Number(packLength));
    const wrapBytes = Buffer.from(String(wrap), 'base64url');
    const start = HEADER_BYTES + NONCE_BYTES;
    return {
      ...{ organisation, recordId: String(recordId), keyId: String(keyId) },
      wrapNonce: wrapBytes.subarray(HEADER_BYTES, start),
      wrapped: wrapBytes.subarray(start, start + KEY_BYTES),
      nonce: object.subarray(HEADER_BYTES, start),
      body: object.subarray(start, object.length - BLOCK_BYTES),
    };
  });
}

function masterCheck(directory: string, organisation: string): Buffer {
  using database = new DatabaseSync(join(directory, 'orgs', organisation, 'records.sqlite'), { readOnly: true });
  const row = database.prepare(`select "value" from "meta" where "key" = 'master-check'`).get();
  return Buffer.from(String(row!.value), 'base64url');
}

/** Public keys as they stand, and those in certificates (the bit string of an uncompressed point in DER). */
function publicKeysOf(ledger: string): ReadonlySet<string> {
  const plain = ledger.match(/(?<![\w-])B[\w-]{86}(?![\w-])/g) ?? [];
  const certified = (ledger.match(/MII[\w-]{200,}/g) ?? []).flatMap((text) => {
    const der = Buffer.from(text, 'base64url');
    const at = der.indexOf(Buffer.from('03420004', 'hex'));
    return at < 0 ? [] : [der.subarray(at + 3, at + 68).toString('base64url')];
  });
  return new Set([...plain, ...certified]);
}

function blobsOf(path: string): readonly Buffer[] {
  using database = new DatabaseSync(path, { readOnly: true });
  const tables = database.prepare(`select "name" from sqlite_master where "type" = 'table'`).all();
  return tables.flatMap(({ name }) =>
    database
      .prepare(`select * from "${String(name)}"`)
      .all()
      .flatMap((row) =>
        Object.values(row).flatMap((value) => (value instanceof Uint8Array ? [Buffer.from(value)] : [])),
      ),
  );
}

/** Where a careless layout would put a key into a longer value: at its ends, or behind a header or a nonce. */
function partsOf(bytes: Buffer): readonly Buffer[] {
  const starts = [0, 1, 4, 6, 12, 13, 16, 18, 32];
  const parts = starts.map((start) => bytes.subarray(start, start + KEY_BYTES));
  return [...parts, bytes.subarray(-KEY_BYTES), createHash('sha256').update(bytes).digest()];
}

function onePerKey(sealed: readonly Sealed[]): readonly Sealed[] {
  return [...new Map(sealed.map((record) => [record.keyId, record])).values()];
}

/** GCM encrypts its first block with counter 2 (SP 800-38D §7.1). */
function counterBlock(nonce: Buffer, counter: number): Buffer {
  const block = Buffer.alloc(BLOCK_BYTES);
  nonce.copy(block);
  block.writeUInt32BE(counter, NONCE_BYTES);
  return block;
}

function encryptBlocks(key: Buffer, blocks: Buffer): Buffer {
  // A key object first: Node takes four times as long over raw bytes.
  return createCipheriv('aes-256-ecb', createSecretKey(key), null).setAutoPadding(false).update(blocks);
}

function xor(stream: Buffer, from: number, body: Buffer): Buffer {
  return Buffer.from(body.map((byte, at) => byte ^ stream[from + at]!));
}

/** A resource begins as JSON does: a brace, then printable characters. */
function isText(stream: Buffer, from: number, body: Buffer): boolean {
  if ((body[0]! ^ stream[from]!) !== 0x7b) return false;
  const text = xor(stream, from, body.subarray(0, BLOCK_BYTES));
  return text.every((byte) => (byte >= 0x20 && byte < 0x7f) || byte === 0x0a || byte === 0x0d);
}

function opens(key: Buffer, { nonce, body }: Sealed): boolean {
  const counter = counterBlock(nonce, 2);
  const text = createDecipheriv('aes-256-ctr', key, counter).update(body).toString();
  return text.includes('"resourceType"');
}

function sample(candidates: readonly Buffer[], count: number): readonly Buffer[] {
  if (candidates.length <= count) return candidates;
  const step = candidates.length / count;
  return Array.from({ length: count }, (_, index) => candidates[Math.floor(index * step)]!);
}
