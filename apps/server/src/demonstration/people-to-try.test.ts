import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { StaffCredential } from '../staff-credentials.ts';
import { peopleFile, peopleText, writePeople } from './people-to-try.ts';

const staff: readonly StaffCredential[] = [
  {
    ...{ kind: 'staff', organisation: 'hospital-a', name: 'Chiara Rossi', roles: ['clinician'], id: 'x' },
    ...{ account: 'a.rossi', password: 'secret', wallet: 'w', passphrase: 'p', device: 'SALUS-DEVICE:1:doctor' },
  },
];
const at = [{ organisation: 'hospital-a', fhirId: 'f', pid: 'p' }];
const patients = [
  { kind: 'patient', name: 'Ann Berg', story: 'a year', at, device: 'SALUS-DEVICE:1:ann' },
  { kind: 'patient', name: 'Bo Lind', story: 'a birth', at, slips: ['SALUS-SLIP:1:hospital-a:one'] },
] as const;

describe('the people of the demonstration for a browser', () => {
  it('each have their name, their place and one line to paste', () => {
    const text = peopleText({ staff, patients });
    expect(text).toContain('Chiara Rossi, clinician at hospital-a\nSALUS-DEVICE:1:doctor\n');
    expect(text).toContain('Ann Berg, patient of hospital-a (a year)\nSALUS-DEVICE:1:ann\n');
    expect(text).toContain('Bo Lind, patient of hospital-a (a birth)\nSALUS-SLIP:1:hospital-a:one\n');
    expect(text).not.toContain('secret');
  });

  it('lie in a file for its owner alone', () => {
    const directory = mkdtempSync(join(tmpdir(), 'salus-people-'));
    writePeople(directory, { staff, patients });
    expect(statSync(peopleFile(directory)).mode & 0o777).toBe(0o600);
    expect(readFileSync(peopleFile(directory), 'utf8')).toBe(peopleText({ staff, patients }));
    rmSync(directory, { recursive: true });
  });
});
