import { describe, expect, it } from 'vitest';
import { conditionOn } from './preferences.ts';

describe('the condition of a create', () => {
  const place = { type: 'Location', baseUrl: 'https://a.example/hospital-a/fhir/R4' };

  it.each(['', '?', 'Location?', 'https://a.example/hospital-a/fhir/R4/Location?'])(
    'is the same after %j',
    (before) => {
      expect(conditionOn(`${before}identifier=x%7Cy`, place)).toBe('identifier=x%7Cy');
    },
  );

  it.each(['Patient?', 'https://b.example/hospital-a/fhir/R4/Location?', '/Location?'])(
    'is refused after %j',
    (before) => {
      expect(() => conditionOn(`${before}identifier=x`, place)).toThrow('If-None-Exist holds the parameters');
    },
  );
});
