import { QueryClient } from '@tanstack/react-query';
import { beforeEach, expect, it } from 'vitest';
import { takeEvent, takeGap } from './live-effects.ts';

const chartKey = ['chart', 'staff', 'patient'];
const accessKey = ['elsewhere', 'staff', 'patient'];
const own = { key: 'own', isOwn: true };
const foreign = { key: 'foreign', isOwn: false };
const grantOf = (grant: string) => ({ terms: { grant } });

let client: QueryClient;
beforeEach(() => {
  client = new QueryClient();
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
