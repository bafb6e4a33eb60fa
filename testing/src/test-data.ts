import { existsSync } from 'node:fs';
import { dirname, isAbsolute, join, normalize, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

const repositoryRoot = resolve(dirname(fileURLToPath(import.meta.url)), '..', '..');
const announced = new Set<string>();

/**
 * The absolute path of published test data (vectors, Synthea bundles), which are read and never copied:
 * `path`, relative, below the folder `SALUS_TEST_DATA`, else below `../shared/data` beside the repository.
 *
 * Absent data is `undefined`, and stderr says once what is skipped; under `SALUS_TEST_REQUIRE=all`
 * (set by `.ci/run`) it throws instead, because a check that can pass on nothing is a bug.
 */
export function testData(path: string): string | undefined {
  const relative = normalize(path);
  if (isAbsolute(relative) || relative.split(sep).includes('..')) {
    throw new RangeError(`test data must be named by a path below the data folder, not ${JSON.stringify(path)}`);
  }
  const folder = resolve(process.env.SALUS_TEST_DATA ?? join(repositoryRoot, '..', 'shared', 'data'));
  const found = join(folder, relative);
  if (existsSync(found)) return found;

  const missing = `test data ${JSON.stringify(path)} is absent from ${folder} (set SALUS_TEST_DATA)`;
  if (process.env.SALUS_TEST_REQUIRE === 'all') throw new Error(missing);
  if (!announced.has(found)) {
    announced.add(found);
    process.stderr.write(`skipped: ${missing}\n`);
  }
  return undefined;
}
