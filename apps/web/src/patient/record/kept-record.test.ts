import { describe, expect, it } from 'vitest';
import { entryOf } from '../../../test/record-entries.ts';
import { findKeptRecord, KEPT_BYTES_MAX, keepRecord } from './kept-record.ts';

function memoryStore() {
  const kept = new Map<string, Uint8Array<ArrayBuffer>>();
  return {
    kept,
    find: async (name: string) => kept.get(name),
    put: async (name: string, bytes: Uint8Array) => {
      kept.set(name, new Uint8Array(bytes));
    },
    remove: async (name: string) => {
      kept.delete(name);
    },
  };
}

describe('the record that a device keeps', () => {
  it('comes back as it was, number literals too, for its own pid only', async () => {
    const store = memoryStore();
    const entry = entryOf({ resourceType: 'Observation', valueQuantity: { value: JSON.rawJSON('1.50') } });
    await keepRecord(store, 'pid-1', [entry]);
    const [found, ...others] = await findKeptRecord(store, 'pid-1');
    expect(others).toEqual([]);
    expect(found!.text).toContain('1.50');
    expect(JSON.stringify(found)).toBe(JSON.stringify(entry));
    expect(await findKeptRecord(store, 'pid-2')).toEqual([]);
  });

  it('of another version of the app is as none', async () => {
    const store = memoryStore();
    await store.put('record/pid', new TextEncoder().encode('{"version":0,"entries":[{}]}'));
    expect(await findKeptRecord(store, 'pid')).toEqual([]);
  });

  it('is forgotten where it grew too large', async () => {
    const store = memoryStore();
    await keepRecord(store, 'pid', [entryOf({ resourceType: 'Observation' })]);
    const large = entryOf({ resourceType: 'Binary' }, { text: 'x'.repeat(KEPT_BYTES_MAX) });
    await keepRecord(store, 'pid', [large]);
    expect(store.kept.size).toBe(0);
  });
});
