import type { LogLevel } from '../settings.ts';

const LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const satisfies readonly LogLevel[];
type Fields = { readonly [name: string]: unknown };

/** Members of a line that any caller may fill; whatever else a caller passes is dropped, so that no value slips in. */
const NAMES = new Set([
  'method',
  'route',
  'status',
  'ms',
  'code',
  'organisation',
  'height',
  'address',
  'count',
  'pending',
  'block',
  'transaction',
]);
const TEXT_LENGTH_MAX = 200;

/** Structured lines, one JSON object each; the shape that Fastify expects of a logger. */
export interface Log {
  level: string;
  debug(fields: unknown, message?: string): void;
  info(fields: unknown, message?: string): void;
  warn(fields: unknown, message?: string): void;
  error(fields: unknown, message?: string): void;
  fatal(fields: unknown, message?: string): void;
  trace(fields: unknown, message?: string): void;
  silent(fields: unknown, message?: string): void;
  child(bindings: unknown): Log;
}

/**
 * A log without health data by construction: it writes only members of a closed list, and of an error its type, its code
 * and the frames of its stack, never its message, which could quote what was parsed.
 */
export function openLog(
  level: LogLevel,
  write: (line: string) => void = (line) => void process.stdout.write(line),
): Log {
  const threshold = LEVELS.indexOf(level);
  const line =
    (of: (typeof LEVELS)[number]) =>
    (fields: unknown, message?: string): void => {
      if (LEVELS.indexOf(of) < threshold) return;
      // Text without fields comes from the framework: its own words, which may quote an address or a path.
      if (typeof fields !== 'object' || fields === null) return;
      const text = message === undefined ? {} : { message };
      write(`${JSON.stringify({ at: new Date().toISOString(), level: of, ...text, ...chosen(fields as Fields) })}\n`);
    };
  const nothing = (): void => undefined;
  const log: Log = {
    level,
    debug: line('debug'),
    info: line('info'),
    warn: line('warn'),
    error: line('error'),
    fatal: line('error'),
    trace: nothing,
    silent: nothing,
    // Fastify binds a request's id: nothing that helps to read a log.
    child: () => log,
  };
  return log;
}

function chosen(fields: Fields): Fields {
  const kept = Object.entries(fields).filter(([name, value]) => NAMES.has(name) && isPlain(value));
  const error = fields.err;
  return { ...Object.fromEntries(kept), ...(error instanceof Error ? { error: describe(error) } : {}) };
}

function isPlain(value: unknown): boolean {
  return (
    typeof value === 'number' ||
    typeof value === 'boolean' ||
    (typeof value === 'string' && value.length <= TEXT_LENGTH_MAX)
  );
}

function describe(error: Error): Fields {
  const { code } = error as { readonly code?: unknown };
  const frames = (error.stack ?? '').split('\n').filter((frame) => frame.startsWith('    at '));
  const cause = error.cause instanceof Error ? { cause: describe(error.cause) } : {};
  return {
    type: error.name,
    ...(typeof code === 'string' ? { code } : {}),
    stack: frames.map((frame) => frame.trim()),
    ...cause,
  };
}
