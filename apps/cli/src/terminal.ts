import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import cliProgress from 'cli-progress';
import { CliError } from './cli-error.ts';

/** What a command reads from and writes to; the process's own, or a test's. */
export interface Streams {
  readonly stdin: NodeJS.ReadableStream & { readonly isTTY?: boolean };
  readonly stdout: NodeJS.WritableStream;
  readonly stderr: NodeJS.WritableStream & { readonly isTTY?: boolean };
}

/** How a command talks to whoever runs it. */
export interface Terminal {
  readonly json: boolean;
  /** The result, on standard output: text for people, or the one JSON document of --json. */
  result(text: string, json: unknown): void;
  /** What happens meanwhile, on standard error. */
  say(text: string): void;
  /** What went wrong and what to do next; with --json the code on standard output too. */
  fail(error: CliError): void;
  progress(what: string, total: number): Progress;
  /** A secret, typed without echo. */
  askSecret(question: string): Promise<string>;
  confirm(question: string): Promise<boolean>;
}

export interface Progress {
  at(done: number, note?: string): void;
  end(): void;
}

/** Without a terminal questions are refused: a command in a script never hangs. */
export function openTerminal(streams: Streams, json: boolean): Terminal {
  const { stdout, stderr } = streams;
  const say = (text: string): void => {
    stderr.write(`${printable(text)}\n`);
  };
  const document = (value: unknown): void => {
    stdout.write(`${JSON.stringify(value, null, 2)}\n`);
  };
  return {
    json,
    say,
    result: (text, value) => {
      if (json) document(value);
      else if (text !== '') stdout.write(`${printable(text)}\n`);
    },
    fail: ({ code, message, next }) => {
      if (json) document({ error: { code, message, ...(next === undefined ? {} : { next }) } });
      say(`salus: ${message} (${code})${next === undefined ? '' : `\n  → ${next}`}`);
    },
    progress: (what, total) =>
      stderr.isTTY === true && !json ? bar(what, total, stderr) : lines({ what, total, say }),
    askSecret: (question) => ask(streams, question, true),
    confirm: async (question) => /^y(es)?$/i.test(await ask(streams, `${question} [y/N] `, false)),
  };
}

/** What others wrote may hold escape sequences that would rewrite what the terminal shows: only text is shown. */
function printable(text: string): string {
  return text.replaceAll(/[^\P{Cc}\n\t]/gu, '\u{FFFD}');
}

function bar(what: string, total: number, stream: NodeJS.WritableStream): Progress {
  const format = `${what} {bar} {percentage}% {value}/{total} {note}`;
  const shown = new cliProgress.SingleBar({ format, stream, hideCursor: true }, cliProgress.Presets.shades_classic);
  shown.start(total, 0, { note: '' });
  return {
    at: (done, note = '') => {
      if (done > shown.getTotal()) shown.setTotal(done);
      shown.update(done, { note });
    },
    end: () => shown.stop(),
  };
}

const LINE_EVERY_MS = 2_000;

/** In a log file: a line now and then, and one at the end. */
function lines({
  what,
  total,
  say,
}: {
  readonly what: string;
  readonly total: number;
  readonly say: (text: string) => void;
}): Progress {
  let lastMs = performance.now();
  return {
    at: (done, note = '') => {
      const nowMs = performance.now();
      if (nowMs - lastMs < LINE_EVERY_MS && done < total) return;
      lastMs = nowMs;
      say(`${what} ${done}/${total} ${note}`.trimEnd());
    },
    end: () => undefined,
  };
}

async function ask({ stdin, stderr }: Streams, question: string, hidden: boolean): Promise<string> {
  if (stdin.isTTY !== true) {
    const next = hidden
      ? 'Give --passphrase-file FILE (or --password-file FILE), mode 0600.'
      : 'Give --yes to go on without being asked.';
    throw new CliError('no-terminal', 'There is no terminal to ask at.', { next });
  }
  stderr.write(question);
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const reader = createInterface({ input: stdin, output: hidden ? silent : stderr, terminal: true });
  try {
    const ended = once(reader, 'close').then(() => [undefined]);
    const [line] = (await Promise.race([once(reader, 'line'), ended])) as unknown as readonly [string | undefined];
    if (line === undefined) throw new CliError('cancelled', 'Nothing was answered, so nothing was done.');
    return line;
  } finally {
    reader.close();
    if (hidden) stderr.write('\n');
  }
}

/** Rows under headings, columns as wide as their widest cell. */
export function table(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = headings.map((heading, column) =>
    Math.max(heading.length, ...rows.map((row) => (row[column] ?? '').length)),
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd();
  return [line(headings), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n');
}

/** ISO 8601 in UTC, to the second. */
export function when(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d{3}Z$/, 'Z');
}
