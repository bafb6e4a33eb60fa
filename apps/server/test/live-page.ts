import type { TestServer } from './hospital.ts';
import { portOf } from './port-of.ts';

export interface Told {
  readonly event: string;
  readonly data: { readonly kind?: string; readonly [member: string]: unknown };
}

/** An open page that listens for what changed. */
export interface LivePage {
  readonly status: number;
  readonly told: readonly Told[];
  readonly isEnded: () => boolean;
  close(): void;
}

/** Opens the stream as a browser does, over a socket. */
export async function openLivePage(server: TestServer, organisation: string, token: string): Promise<LivePage> {
  const port = await portOf(server);
  const ending = new AbortController();
  const answer = await fetch(`http://127.0.0.1:${port}/api/v1/orgs/${organisation}/events`, {
    headers: { authorization: `Bearer ${token}` },
    signal: ending.signal,
  });
  const told: Told[] = [];
  let isEnded = false;
  const listen = async (): Promise<void> => {
    let text = '';
    for await (const chunk of answer.body!.pipeThrough(new TextDecoderStream())) {
      text += chunk;
      const frames = text.split('\n\n');
      text = frames.pop()!;
      told.push(...frames.flatMap(parseFrame));
    }
    isEnded = true;
  };
  void listen().catch(() => {
    isEnded = true;
  });
  return { status: answer.status, told, isEnded: () => isEnded, close: () => ending.abort() };
}

function parseFrame(frame: string): readonly Told[] {
  const fields = new Map(frame.split('\n').map((line) => [line.split(': ')[0]!, line.slice(line.indexOf(': ') + 2)]));
  const event = fields.get('event');
  return event === undefined ? [] : [{ event, data: JSON.parse(fields.get('data')!) as Told['data'] }];
}
