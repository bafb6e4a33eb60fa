import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { AwsClient } from 'aws4fetch';
import { RecordsError } from '../records-error.ts';
import type { S3Place } from './s3-place.ts';

/** A request is tried so often, each time for so long; the pauses between double. */
export const S3_ATTEMPTS_MAX = 4;
const ATTEMPT_MS_MAX = 60_000;
const PAUSE_MS_MIN = 100;
/** Requests under way in one process and place. */
export const S3_REQUESTS_MAX = 1_024;

export interface S3Request {
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE';
  /** Below the bucket. */
  readonly key: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
}

export interface S3Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Uint8Array;
}

/**
 * Signed requests (AWS Signature Version 4) to one bucket, path-style. The signature covers the SHA-256 of the body, and
 * the header `x-amz-checksum-sha256` has the server compare what it stores; every request may be sent twice without harm.
 */
export class S3Client {
  readonly #place: S3Place;
  readonly #signer: AwsClient;
  #running = 0;

  constructor(place: S3Place) {
    this.#place = place;
    const { accessKeyId, secretAccessKey, region } = place;
    this.#signer = new AwsClient({ accessKeyId, secretAccessKey, region, service: 's3', retries: 0 });
  }

  /**
   * An answer of the 2xx, or with one of these statuses. `store-unavailable` when there was none, `store-refused` when the
   * server has something against it that time does not heal; messages hold the server's code and no key.
   */
  async ask(request: S3Request, accepted: readonly number[] = []): Promise<S3Answer> {
    if (this.#running >= S3_REQUESTS_MAX) {
      throw new RecordsError('overloaded', `more than ${S3_REQUESTS_MAX} requests to the object storage are under way`);
    }
    this.#running += 1;
    try {
      for (let attempt = 1; ; attempt += 1) {
        const answer = await this.#once(request).catch((cause: unknown) => ({ cause }));
        if ('status' in answer) {
          if ((answer.status >= 200 && answer.status < 300) || accepted.includes(answer.status)) return answer;
          if (!isPassing(answer.status)) throw refusal(answer);
        }
        if (attempt >= S3_ATTEMPTS_MAX) throw unavailable(answer);
        await delay(PAUSE_MS_MIN * 2 ** attempt * (0.5 + Math.random()));
      }
    } finally {
      this.#running -= 1;
    }
  }

  async #once({ method, key, query = {}, headers = {}, body }: S3Request): Promise<S3Answer> {
    const { endpoint, bucket } = this.#place;
    const url = new URL(`${endpoint}/${bucket}/${key}`);
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
    const digest = createHash('sha256').update(body ?? new Uint8Array(0));
    const signed = await this.#signer.sign(url.href, {
      method,
      headers: {
        ...headers,
        'x-amz-content-sha256': digest.copy().digest('hex'),
        ...(method === 'PUT' ? { 'x-amz-checksum-sha256': digest.digest('base64') } : {}),
      },
      ...(body === undefined ? {} : { body: body as Uint8Array<ArrayBuffer> }),
    });
    // The signed request's own body is a stream, which would be sent in chunks of unknown number.
    const answer = await fetch(url, {
      method,
      headers: signed.headers,
      redirect: 'error',
      signal: AbortSignal.timeout(ATTEMPT_MS_MAX),
      ...(body === undefined ? {} : { body: body as Uint8Array<ArrayBuffer> }),
    });
    return { status: answer.status, headers: answer.headers, body: new Uint8Array(await answer.arrayBuffer()) };
  }
}

/** Text of an element that holds only text; S3's answers have no attributes there, and our names need no escapes. */
export function textOf(answer: S3Answer, element: string): string | undefined {
  return textsOf(answer, element)[0];
}

export function textsOf({ body }: Pick<S3Answer, 'body'>, element: string): readonly string[] {
  const text = Buffer.from(body).toString();
  return [...text.matchAll(new RegExp(`<${element}>([^<]*)</${element}>`, 'g'))].map((match) => match[1] ?? '');
}

/** Of what the server stored, base64; null where it does not say. */
export function storedChecksum({ headers }: Pick<S3Answer, 'headers'>): string | null {
  return headers.get('x-amz-checksum-sha256');
}

function isPassing(status: number): boolean {
  return status === 408 || status === 429 || status >= 500;
}

function refusal(answer: S3Answer): RecordsError {
  const code = textOf(answer, 'Code') ?? 'no code';
  return new RecordsError('store-refused', `the object storage answered ${answer.status} (${code})`);
}

function unavailable(answer: S3Answer | { readonly cause: unknown }): RecordsError {
  if ('status' in answer) {
    const code = textOf(answer, 'Code') ?? 'no code';
    return new RecordsError('store-unavailable', `the object storage answered ${answer.status} (${code}): try again`);
  }
  return new RecordsError('store-unavailable', 'the object storage cannot be reached: try again', answer);
}
