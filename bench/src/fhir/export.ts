import { setTimeout as delay } from 'node:timers/promises';
import type { NodeProcess, StaffSession } from '../node-process.ts';

const POLL_MS = 250;
const WAIT_MS_MAX = 600_000;
const MB = 2 ** 20;

export interface Exported {
  readonly resources: number;
  /** From the kick-off until the last file was downloaded. */
  readonly seconds: number;
  readonly rssBeforeMb: number;
  readonly rssMaxMb: number;
}

/** A patient-level `$export` of all that the caller may see: kick-off, polls, and every file downloaded. */
export async function exportAll(node: NodeProcess, { organisation, token }: StaffSession): Promise<Exported> {
  const rssBeforeMb = (await node.rssBytes()) / MB;
  let rssMaxMb = rssBeforeMb;
  const look = async (): Promise<void> => {
    rssMaxMb = Math.max(rssMaxMb, (await node.rssBytes()) / MB);
  };
  const startMs = performance.now();
  const kickOff = await node.send({
    method: 'GET',
    path: `/${organisation}/fhir/R4/Patient/$export`,
    token,
    headers: { prefer: 'respond-async' },
  });
  if (kickOff.status !== 202) throw new Error(`an export answered ${kickOff.status}: ${kickOff.text.slice(0, 300)}`);
  const status = pathOf(kickOff.headers['content-location'] ?? '');
  const { output } = await finished(node, status, { token, look });
  let resources = 0;
  for (const { url } of output) {
    const { status: code, text } = await node.send({ method: 'GET', path: pathOf(url), token });
    if (code !== 200) throw new Error(`a file answered ${code}`);
    resources += text.split('\n').filter((line) => line !== '').length;
    await look();
  }
  const seconds = (performance.now() - startMs) / 1_000;
  await node.send({ method: 'DELETE', path: status, token });
  return { resources, seconds, rssBeforeMb, rssMaxMb };
}

async function finished(
  node: NodeProcess,
  path: string,
  { token, look }: { readonly token: string; readonly look: () => Promise<void> },
): Promise<{ readonly output: readonly { readonly url: string }[] }> {
  const endMs = performance.now() + WAIT_MS_MAX;
  while (performance.now() < endMs) {
    const { status, text } = await node.send({ method: 'GET', path, token });
    if (status === 200) return JSON.parse(text) as { readonly output: readonly { readonly url: string }[] };
    if (status !== 202) throw new Error(`the state of an export answered ${status}: ${text.slice(0, 300)}`);
    await look();
    await delay(POLL_MS);
  }
  throw new Error('an export did not end');
}

function pathOf(url: string): string {
  const { pathname, search } = new URL(url, 'http://localhost');
  return `${pathname}${search}`;
}
