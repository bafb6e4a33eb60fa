import { createHash } from 'node:crypto';
import { RecordsError } from '../records-error.ts';
import type { ObjectFolder, OpenObject } from './object-folder.ts';
import { demandId } from './object-id.ts';
import { S3Client, storedChecksum, textOf, textsOf } from './s3-client.ts';
import type { S3Place } from './s3-place.ts';

/** Bytes of one part of a larger object: S3 takes at least 5 MiB and at most 10,000 parts. */
export const PART_BYTES = 8 * 1024 * 1024;

/** Objects `<prefix><id>.<ending>` of a bucket. */
export class S3Folder implements ObjectFolder {
  readonly #client: S3Client;
  readonly #prefix: string;
  readonly #ending: string;

  constructor(place: S3Place, ending: string) {
    this.#client = new S3Client(place);
    this.#prefix = place.prefix;
    this.#ending = ending;
  }

  /** One request up to `PART_BYTES`, else in parts: an object is there whole, or not at all. */
  async write(id: string, pieces: AsyncIterable<Uint8Array>): Promise<void> {
    const parts = inParts(pieces)[Symbol.asyncIterator]();
    const first = await parts.next();
    const whole = first.done === true ? new Uint8Array(0) : first.value;
    const second = first.done === true ? first : await parts.next();
    if (second.done === true) return this.put(id, whole);
    const rest = { [Symbol.asyncIterator]: () => parts };
    await this.#putInParts(this.#keyOf(id), [whole, second.value], rest);
  }

  /** One object in one request, and what the server says it stored compared. */
  async put(id: string, body: Uint8Array): Promise<void> {
    const key = this.#keyOf(id);
    const answer = await this.#client.ask({ method: 'PUT', key, body });
    const checksum =
      storedChecksum(answer) ??
      storedChecksum(await this.#client.ask({ method: 'HEAD', key, headers: { 'x-amz-checksum-mode': 'ENABLED' } }));
    demandEqual(checksum, checksumOf(body));
  }

  async open(id: string): Promise<OpenObject | undefined> {
    const key = this.#keyOf(id);
    const head = await this.#client.ask({ method: 'HEAD', key }, [404]);
    if (head.status === 404) return undefined;
    const sizeBytes = Number(head.headers.get('content-length'));
    return {
      sizeBytes,
      read: (start, end) => this.read(id, start, Math.min(end, sizeBytes)),
      [Symbol.asyncDispose]: async () => undefined,
    };
  }

  /** Bytes `[start, end)`; a missing or shorter object throws `corrupt`. */
  async read(id: string, start: number, end: number): Promise<Uint8Array> {
    if (start >= end) return new Uint8Array(0);
    const headers = { range: `bytes=${start}-${end - 1}` };
    const answer = await this.#client.ask({ method: 'GET', key: this.#keyOf(id), headers }, [404, 416]);
    if (answer.status === 206 && answer.body.length === end - start) return answer.body;
    throw new RecordsError('corrupt', 'an object that rows name is missing or shorter than they say');
  }

  async remove(id: string): Promise<void> {
    await this.#client.ask({ method: 'DELETE', key: this.#keyOf(id) }, [404]);
  }

  async *list(): AsyncGenerator<readonly string[]> {
    const name = new RegExp(`^([\\w-]{22})\\.${this.#ending}$`);
    for (let token: string | undefined; ; ) {
      const query = {
        'list-type': '2',
        prefix: this.#prefix,
        ...(token === undefined ? {} : { 'continuation-token': token }),
      };
      const page = await this.#client.ask({ method: 'GET', key: '', query });
      yield textsOf(page, 'Key').flatMap((key) => name.exec(key.slice(this.#prefix.length))?.[1] ?? []);
      token = textOf(page, 'NextContinuationToken');
      if (token === undefined) return;
    }
  }

  async #putInParts(key: string, begun: readonly Uint8Array[], rest: AsyncIterable<Uint8Array>): Promise<void> {
    const headers = { 'x-amz-checksum-algorithm': 'SHA256' };
    const created = await this.#client.ask({ method: 'POST', key, query: { uploads: '' }, headers });
    const uploadId = textOf(created, 'UploadId') ?? '';
    try {
      const parts: string[] = [];
      for (const part of begun) parts.push(await this.#putPart(key, uploadId, parts.length + 1, part));
      for await (const part of rest) parts.push(await this.#putPart(key, uploadId, parts.length + 1, part));
      const body = Buffer.from(`<CompleteMultipartUpload>${parts.join('')}</CompleteMultipartUpload>`);
      const answer = await this.#client.ask({ method: 'POST', key, query: { uploadId }, body });
      // S3 may begin its answer before it knows whether it will succeed.
      if (textOf(answer, 'ETag') === undefined)
        throw new RecordsError('store-unavailable', 'an object was not put together');
    } catch (error) {
      // What cannot be given up now is removed by the bucket's own rule for unfinished uploads.
      await this.#client.ask({ method: 'DELETE', key, query: { uploadId } }, [404]).catch(() => undefined);
      throw error;
    }
  }

  async #putPart(key: string, uploadId: string, number: number, body: Uint8Array): Promise<string> {
    const query = { partNumber: String(number), uploadId };
    const { headers } = await this.#client.ask({ method: 'PUT', key, query, body });
    const checksum = checksumOf(body);
    demandEqual(storedChecksum({ headers }), checksum);
    const etag = headers.get('etag') ?? '';
    return `<Part><PartNumber>${number}</PartNumber><ETag>${etag}</ETag><ChecksumSHA256>${checksum}</ChecksumSHA256></Part>`;
  }

  #keyOf(id: string): string {
    demandId(id);
    return `${this.#prefix}${id}.${this.#ending}`;
  }
}

async function* inParts(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let waiting: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of pieces) {
    // A piece's buffer may be used again by who gave it.
    waiting.push(piece.slice());
    bytes += piece.length;
    if (bytes < PART_BYTES) continue;
    yield Buffer.concat(waiting);
    waiting = [];
    bytes = 0;
  }
  if (bytes > 0) yield Buffer.concat(waiting);
}

function checksumOf(body: Uint8Array): string {
  return createHash('sha256').update(body).digest('base64');
}

function demandEqual(stored: string | null, given: string): void {
  if (stored === given) return;
  throw new RecordsError('store-refused', 'the object storage does not confirm the SHA-256 of what it stored');
}
