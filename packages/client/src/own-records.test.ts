import { expect, it } from 'vitest';
import { type OwnKeys, readOwnRecords } from './own-records.ts';
import type { NodeSession } from './session.ts';

const keys: OwnKeys = { owner: 'pid:p', open: () => Promise.reject(new Error('nothing is sealed here')) };

/** A node that has none of the records and says `nextOf` of those asked for. */
function sessionOf(nextOf: (asked: readonly string[]) => readonly string[]) {
  const asked: (readonly string[])[] = [];
  const send = async ({ body }: { readonly body: { readonly records: readonly string[] } }) => {
    asked.push(body.records);
    return { records: [], next: nextOf(body.records) };
  };
  return { asked, session: { organisation: 'a', token: 't', api: { send } } as unknown as NodeSession };
}

it('asks again for what did not fit one answer', async () => {
  const { asked, session } = sessionOf((records) => records.slice(2));
  expect(await readOwnRecords(session, keys, ['one', 'two', 'three', 'four', 'five'])).toEqual([]);
  expect(asked).toEqual([['one', 'two', 'three', 'four', 'five'], ['three', 'four', 'five'], ['five']]);
});

it('does not follow a node that never comes to an end', async () => {
  const { asked, session } = sessionOf((records) => records);
  await expect(readOwnRecords(session, keys, ['one', 'two'])).rejects.toMatchObject({ code: 'proof-invalid' });
  expect(asked).toHaveLength(1);
});
