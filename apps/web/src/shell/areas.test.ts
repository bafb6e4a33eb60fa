import { describe, expect, it } from 'vitest';
import { areaOf } from './areas.ts';

describe('areas', () => {
  it('go by the longest prefix of the path', () => {
    expect(areaOf('/patient/record/timeline')?.prefix).toBe('/patient/record');
    expect(areaOf('/patient/start')?.prefix).toBe('/patient');
    expect(areaOf('/clinician')?.prefix).toBe('/clinician');
  });

  it('are not entered by a path that only begins with the same letters', () => {
    expect(areaOf('/patient/recordings')?.prefix).toBe('/patient');
    expect(areaOf('/stewardship')).toBeUndefined();
    expect(areaOf('/')).toBeUndefined();
  });
});
