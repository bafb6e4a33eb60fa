import { QueryClient, QueryObserver } from '@tanstack/react-query';
import { beforeEach, expect, it, vi } from 'vitest';
import { takeEvent, takeGap } from './live-effects.ts';

const PATIENCE = { timeout: 60_000, interval: 5 };
const chartKey = ['chart', 'staff', 'patient'];
const accessKey = ['elsewhere', 'staff', 'patient'];
const own = { key: 'own', isOwn: true };
const foreign = { key: 'foreign', isOwn: false };
const grantOf = (grant: string) => ({ terms: { grant } });

let client: QueryClient;
beforeEach(() => {
  client = new QueryClient({ defaultOptions: { queries: { retry: false } } });
  client.setQueryData(chartKey, { entries: [own, foreign], isPart: false });
  client.setQueryData(accessKey, { grants: [grantOf('ended'), grantOf('other')], pid: 'p' });
});

it('takes what an ended grant had opened off the page before anything is asked again, and nothing else', () => {
  takeEvent(client, { kind: 'revoked', grant: 'ended' });
  expect(client.getQueryData(chartKey)).toEqual({ entries: [own], isPart: false });
  expect(client.getQueryData(accessKey)).toEqual({ grants: [grantOf('other')], pid: 'p' });
  for (const key of [chartKey, accessKey]) expect(client.getQueryState(key)?.isInvalidated).toBe(true);
});

it('shows nothing of others after a gap until it was asked again', () => {
  takeGap(client);
  expect(client.getQueryData(chartKey)).toEqual({ entries: [own], isPart: false });
  expect(client.getQueryState(accessKey)?.isInvalidated).toBe(true);
});

it('only asks again where nothing ended', () => {
  for (const kind of ['grant', 'record', 'emergency']) takeEvent(client, { kind });
  expect(client.getQueryData(chartKey)).toEqual({ entries: [own, foreign], isPart: false });
  expect(client.getQueryState(chartKey)?.isInvalidated).toBe(true);
});

it('leaves a chart alone that was not read yet', () => {
  client.removeQueries({ queryKey: chartKey });
  takeEvent(client, { kind: 'revoked', grant: 'ended' });
  expect(client.getQueryData(chartKey)).toBeUndefined();
});

/** A query on an open page, whose readings end when the test says so. */
function openPage<Answer>(queryKey: readonly string[]) {
  const readings: PromiseWithResolvers<Answer>[] = [];
  const queryFn = (): Promise<Answer> => {
    const reading = Promise.withResolvers<Answer>();
    readings.push(reading);
    return reading.promise;
  };
  new QueryObserver(client, { queryKey, queryFn, staleTime: Number.POSITIVE_INFINITY }).subscribe(() => undefined);
  return readings;
}

it('asks again after a first reading that was under way when something happened', async () => {
  const readings = openPage<string>(['task', 'visits']);
  takeEvent(client, { kind: 'task' });
  expect(readings).toHaveLength(1);
  readings[0]!.resolve('before');
  await vi.waitFor(() => expect(readings).toHaveLength(2), PATIENCE);
  readings[1]!.resolve('after');
  await vi.waitFor(() => expect(client.getQueryData(['task', 'visits'])).toBe('after'), PATIENCE);
});

it('asks once more, however much happens during a reading, and after one that failed', async () => {
  const readings = openPage<string>(['access', 'log']);
  readings[0]!.resolve('first');
  await vi.waitFor(() => expect(client.getQueryData(['access', 'log'])).toBe('first'), PATIENCE);
  for (let event = 0; event < 50; event += 1) takeEvent(client, { kind: 'access' });
  expect(readings).toHaveLength(2);
  readings[1]!.reject(new Error('no answer'));
  await vi.waitFor(() => expect(readings).toHaveLength(3), PATIENCE);
  readings[2]!.resolve('third');
  await vi.waitFor(() => expect(client.getQueryData(['access', 'log'])).toBe('third'), PATIENCE);
  expect(readings).toHaveLength(3);
});

it.each([
  ['when a grant ends', () => takeEvent(client, { kind: 'revoked', grant: 'ended' })],
  ['after a gap', takeGap],
])('does not show what was on its way %s', async (_when, happens) => {
  const fresh = ['chart', 'staff', 'another'];
  const readings = openPage<{ readonly entries: readonly unknown[] }>(fresh);
  happens(client);
  await vi.waitFor(() => expect(readings).toHaveLength(2), PATIENCE);
  readings[0]!.resolve({ entries: [own, foreign] });
  readings[1]!.resolve({ entries: [own] });
  await vi.waitFor(() => expect(client.getQueryData(fresh)).toEqual({ entries: [own] }), PATIENCE);
});
