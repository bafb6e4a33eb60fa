import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const SHARED_DATA = fileURLToPath(new URL('../../../../shared/data', import.meta.url));
const DAY_MS = 86_400_000;
/** Copies of one patient lie this many days apart, within what a date may become. */
const SHIFT_DAYS = 11;
const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;
const DATE = /(?<=")\d{4}-\d{2}-\d{2}(?=["T])/g;
const NAME = /(?<="(?:family|given)": ?\[? ?")[^"]+(?=")/g;
/** Record, insurance and licence numbers; provider numbers recur with their providers. */
const NUMBER = /(?<="system": ?"http:\/\/hl7\.org\/fhir\/sid\/us-ssn",\s*"value": ?")[^"]+(?=")/g;

/** A transaction bundle, and how many resources it holds. */
export interface Copy {
  readonly body: Buffer;
  readonly resources: number;
}

/**
 * The Synthea bundles again and again, every time with other ids, names, numbers and dates, until there are `resources`.
 * Made one by one: what is not needed any more is not kept.
 */
export function* syntheaCopies(resources: number, firstCopy = 1): Generator<Copy, void, undefined> {
  const directory = join(process.env.SALUS_TEST_DATA ?? SHARED_DATA, 'synthea');
  if (!existsSync(directory)) throw new Error('FHIR is measured with the Synthea bundles of SALUS_TEST_DATA');
  const files = readdirSync(directory).filter((file) => file.endsWith('.json') && file !== 'manifest.json');
  const texts = files.map((file) => {
    const bundle = JSON.parse(readFileSync(join(directory, file), 'utf8')) as { readonly entry: readonly unknown[] };
    return { text: JSON.stringify(bundle), resources: bundle.entry.length };
  });
  let made = 0;
  for (let copy = firstCopy; made < resources; copy += 1) {
    for (const { text, resources: count } of texts) {
      if (made >= resources) return;
      yield { body: Buffer.from(copyOf(text, copy)), resources: count };
      made += count;
    }
  }
}

function copyOf(text: string, copy: number): string {
  return text
    .replaceAll(UUID, (uuid) => otherUuid(uuid, copy))
    .replaceAll(DATE, (date) => shifted(date, copy))
    .replaceAll(NAME, (name) => `${name}${copy}`)
    .replaceAll(NUMBER, (number) => `${number}-${copy}`);
}

/** The same in every reference of one copy. */
function otherUuid(uuid: string, copy: number): string {
  const hex = createHash('sha256').update(`${copy}/${uuid}`).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

function shifted(date: string, copy: number): string {
  const days = SHIFT_DAYS * (copy % 300);
  return new Date(Date.parse(date) - days * DAY_MS).toISOString().slice(0, 10);
}
