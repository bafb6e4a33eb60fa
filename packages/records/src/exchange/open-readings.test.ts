import { expect, it } from 'vitest';
import { APP_READINGS_MAX, OpenReadings } from './open-readings.ts';
import type { Reading } from './reading.ts';

let nowMs = 0;

function reading(name: string, isApp: boolean): Reading {
  const request = { author: 'hospital-a', reader: { id: isApp ? 'app' : 'doctor' }, ownPid: null, isApp };
  return { session: name, untilMs: nowMs + 1_000, owner: 'pid:1', request } as unknown as Reading;
}

it('patients’ apps leave people their sessions, however many they open', () => {
  const readings = new OpenReadings(() => nowMs);
  for (let at = 0; at < APP_READINGS_MAX; at += 1) readings.add(reading(`app ${at}`, true));
  expect(() => readings.add(reading('one more', true))).toThrow(expect.objectContaining({ code: 'overloaded' }));
  for (let at = 0; at < APP_READINGS_MAX; at += 1) readings.add(reading(`person ${at}`, false));
  expect(readings.listOf('doctor')).toHaveLength(APP_READINGS_MAX);
  expect(() => readings.add(reading('one person more', false))).toThrow(
    expect.objectContaining({ code: 'overloaded' }),
  );
  readings.delete('app 0');
  readings.add(reading('in its place', true));
  // Those that are over make room.
  nowMs = 2_000;
  readings.add(reading('later', true));
  expect(readings.listOf('app')).toHaveLength(1);
});
