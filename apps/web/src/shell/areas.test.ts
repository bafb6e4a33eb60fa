import { globSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { describe, expect, it } from 'vitest';
import { areaOf } from './areas.ts';

const SOURCE = join(import.meta.dirname, '..');
const FOLDERS = ['clinician', 'patient', 'steward', 'visit'];
/** Whose grants and appointments are made with what the patient's own are made with: one way to sign them, looked at once. */
const MAY_LEAN = ['clinician/guardians', 'visit'];
const LEANED_ON = 'patient/access';

/** Every import that leads from one area's folder into another's, as `importer → imported`. */
function importsBetween(): readonly (readonly [importer: string, imported: string])[] {
  const files = globSync(`{${FOLDERS.join(',')}}/**/*.{ts,tsx}`, { cwd: SOURCE });
  expect(files.length).toBeGreaterThan(100);
  return files.flatMap((file) => {
    const specifiers = readFileSync(join(SOURCE, file), 'utf8').matchAll(/\b(?:from|import) ?\(?'(\.[^']+)'/g);
    const targets = [...specifiers].map(([, to = '']) => posix.normalize(posix.join(posix.dirname(file), to)));
    const [own = ''] = file.split('/', 1);
    return targets
      .filter((target) => !target.startsWith(`${own}/`) && FOLDERS.some((area) => target.startsWith(`${area}/`)))
      .map((target) => [file, target] as const);
  });
}

describe('areas', () => {
  it('import no other area, but for the ways of giving access that the patient has too', () => {
    const imports = importsBetween();
    const may = ([from, to]: readonly [string, string]) =>
      to.startsWith(`${LEANED_ON}/`) && MAY_LEAN.some((folder) => from.startsWith(`${folder}/`));
    expect(imports.filter((one) => !may(one))).toEqual([]);
    expect(MAY_LEAN.filter((folder) => !imports.some(([from]) => from.startsWith(`${folder}/`)))).toEqual([]);
  });

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
