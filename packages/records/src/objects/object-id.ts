import { RecordsError } from '../records-error.ts';

const ID = /^[\w-]{22}$/;

/** An id of another shape throws `bad-input`, so that no path can be made of it. */
export function demandId(id: string): void {
  if (!ID.test(id)) throw new RecordsError('bad-input', 'an object’s id has 22 characters of base64url');
}
