import { describe, expect, it } from 'vitest';
import { formatPatientCode, parsePatientCode } from './patient-code.ts';

const pid = 'AbCdEfGhIjKlMnOpQrStUv';

describe('the code that a patient shows', () => {
  it('is read back, also with spaces around it, and as a bare number of the own organisation', () => {
    const code = { organisation: 'hospital-a', pid };
    expect(parsePatientCode(` ${formatPatientCode(code)}\n`, 'hospital-b')).toEqual(code);
    expect(parsePatientCode(pid, 'hospital-b')).toEqual({ organisation: 'hospital-b', pid });
  });

  it.each(['', 'SALUS-PATIENT:2:hospital-a:x', `SALUS-PATIENT:1:Hospital:${pid}`, `${pid}x`, 'https://x.example'])(
    'is nothing of %j',
    (text) => expect(parsePatientCode(text, 'hospital-a')).toBeUndefined(),
  );
});
