import { DatabaseError } from 'pg';
import { RecordsError } from '../../records-error.ts';

/** SQLSTATE classes and codes (PostgreSQL, Appendix A) with which the server ends a connection, or begins none. */
const ENDED = /^(?:08|57P0[1-5]|25P03)/;
/** The server has no room: connections, memory, disk. */
const FULL = /^53/;
/** A time-out of a statement or lock. */
const LATE = new Set(['57014', '55P03']);

/** The connection ended, or never was: of what was sent last nobody knows whether it was done. */
export class LostConnection extends RecordsError {
  constructor(cause?: unknown) {
    const { code } = (cause ?? {}) as NodeJS.ErrnoException;
    const why = code === undefined ? '' : ` (${code})`;
    super('store-unavailable', `the database cannot be reached${why}: nothing was done, try again`);
  }
}

/** What the rest of the package is told of a query's failure; what the server says of values stays behind. */
export function translated(error: unknown): unknown {
  if (error instanceof RecordsError || error instanceof RangeError) return error;
  if (!(error instanceof DatabaseError)) return new LostConnection(error);
  const { code = '' } = error;
  if (ENDED.test(code)) return new LostConnection(error);
  if (LATE.has(code)) return new RecordsError('overloaded', 'the database did not answer in time');
  if (FULL.test(code)) {
    return new RecordsError('store-unavailable', `the database has no room (SQLSTATE ${code}): nothing was done`);
  }
  return new Error(`${error.message} (SQLSTATE ${code})`);
}
