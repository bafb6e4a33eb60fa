import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { type EndpointRules, guardedLookup, mayCall } from './endpoint-guard.ts';

/** A subscriber answers within this time, or the attempt has failed. */
export const HOOK_TIMEOUT_MS = 10_000;

export type HookResult = 'delivered' | 'failed';

/** Posts a notification. Follows no redirect, reads no answer: the status alone counts. */
export function callHook(
  endpoint: string,
  {
    headers,
    body,
    rules,
  }: {
    readonly headers: readonly (readonly [string, string])[];
    /** undefined: an empty notification of R4. */
    readonly body: string | undefined;
    readonly rules: EndpointRules;
  },
): Promise<HookResult> {
  const url = new URL(endpoint);
  const send = url.protocol === 'https:' ? requestHttps : requestHttp;
  return new Promise((resolve) => {
    const call = send(
      url,
      {
        method: 'POST',
        agent: false,
        timeout: HOOK_TIMEOUT_MS,
        lookup: guardedLookup(url, rules),
        headers: {
          ...Object.fromEntries(headers),
          ...(body === undefined ? {} : { 'content-type': 'application/fhir+json' }),
          'content-length': String(Buffer.byteLength(body ?? '')),
        },
      },
      (response) => {
        const status = response.statusCode ?? 0;
        response.destroy();
        resolve(status >= 200 && status < 300 ? 'delivered' : 'failed');
      },
    );
    // A literal address is not looked up.
    call.on('socket', (socket) => {
      socket.on('connect', () => {
        if (socket.remoteAddress === undefined || !mayCall(url, socket.remoteAddress.replace(/^::ffff:/, ''), rules)) {
          call.destroy();
        }
      });
    });
    const deadline = setTimeout(() => call.destroy(), HOOK_TIMEOUT_MS);
    call.on('timeout', () => call.destroy());
    call.on('error', () => resolve('failed'));
    call.on('close', () => {
      clearTimeout(deadline);
      resolve('failed');
    });
    call.end(body ?? '');
  });
}
