import { createHash, createHmac } from 'node:crypto';
import { ByteSearch } from './byte-search.ts';

/** From here on a string is too long to stand in random base64 by chance; a shorter one counts where nothing touches it. */
const LONG = 12;
/** Shorter ones stand in random bytes by chance, once in a thousand thefts: others of their kind are looked for alone. */
const WORD_MIN = 7;
/** From here on a string is looked for in base64 and hex. */
const ENCODED_MIN = 8;
const HASHES = ['sha256', 'sha512', 'sha1', 'md5'] as const;

/** What a thief looks for about one person: words in clear, in every disguise that needs no key. */
export interface Term {
  readonly text: string;
  /** Who and what it is, for the message; never the text itself. */
  readonly label: string;
}

/**
 * All that a careless program could have stored of these terms: the text in several cases and encodings, its base64 and hex at
 * every alignment, and its hashes and HMACs under what is no secret, whole and cut to 16 bytes, raw and as text.
 */
export function searchFor(terms: readonly Term[], publicKeys: readonly string[]): ByteSearch {
  const search = new ByteSearch();
  for (const { text, label } of terms) {
    for (const form of formsOf(text)) {
      addText(search, form, label);
      for (const [kind, digest] of digestsOf(form, publicKeys)) addDigest(search, digest, `${label} ${kind}`);
    }
  }
  return search;
}

function formsOf(text: string): ReadonlySet<string> {
  const plain = text.normalize('NFKD').replaceAll(/\p{M}/gu, '');
  return new Set([text, text.toLowerCase(), text.toUpperCase(), plain, plain.toLowerCase()]);
}

function addText(search: ByteSearch, text: string, label: string): void {
  const bytes = Buffer.from(text);
  const wide = Buffer.from(text, 'utf16le');
  if (bytes.length >= WORD_MIN) search.add(bytes, label, bytes.length < LONG);
  search.add(wide, `${label} utf-16le`);
  search.add(Buffer.from(wide).swap16(), `${label} utf-16be`);
  if (bytes.length < ENCODED_MIN) return;
  search.add(Buffer.from(encodeURIComponent(text)), `${label} percent-encoded`);
  for (const hex of [bytes.toString('hex'), bytes.toString('hex').toUpperCase()]) {
    search.add(Buffer.from(hex), `${label} hex`);
  }
  for (const core of base64Cores(bytes)) search.add(Buffer.from(core), `${label} base64`);
}

/** The characters of base64 that depend on these bytes only, for each of the three places where they can begin. */
function base64Cores(bytes: Buffer): readonly string[] {
  return [0, 1, 2].flatMap((before) => {
    const padded = Buffer.concat([Buffer.alloc(before), bytes, Buffer.alloc((3 - ((before + bytes.length) % 3)) % 3)]);
    const first = Math.ceil((before * 8) / 6);
    const last = Math.floor(((before + bytes.length) * 8) / 6);
    return [padded.toString('base64').slice(first, last), padded.toString('base64url').slice(first, last)];
  });
}

function* digestsOf(text: string, publicKeys: readonly string[]): Generator<readonly [string, Buffer]> {
  for (const name of HASHES) yield [name, createHash(name).update(text).digest()];
  for (const key of publicKeys) {
    yield ['hmac', createHmac('sha256', key).update(text).digest()];
    yield ['salted with something public', createHash('sha256').update(key).update(text).digest()];
    yield [
      'hash of a tuple',
      createHash('sha256')
        .update(JSON.stringify([key, text]))
        .digest(),
    ];
  }
}

function addDigest(search: ByteSearch, digest: Buffer, label: string): void {
  const cut = digest.subarray(0, 16);
  search.add(cut, label);
  search.add(Buffer.from(cut.toString('hex')), `${label} hex`);
  search.add(Buffer.from(cut.toString('hex').toUpperCase()), `${label} hex`);
  // Without the last character, which depends on what follows.
  search.add(Buffer.from(cut.toString('base64').slice(0, 21)), `${label} base64`);
  search.add(Buffer.from(cut.toString('base64url').slice(0, 21)), `${label} base64url`);
}
