import { expect, test } from 'vitest';
import { appCodeOf } from './apps.ts';

test('a code is read as people type it', () => {
  for (const text of ['4yq2-8fwd', ' 4YQ2 8FWD ', '4YQ28FWD']) expect(appCodeOf(text)).toBe('4YQ2-8FWD');
  expect(appCodeOf('OIL2-8FWD')).toBe('0112-8FWD');
});

test('what is no code is not sent anywhere', () => {
  for (const text of ['', '4YQ2', '4YQ2-8FWU', '4YQ2-8FWD-1', '../../x']) expect(appCodeOf(text)).toBeUndefined();
});
