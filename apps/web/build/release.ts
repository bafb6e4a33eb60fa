import { createHash } from 'node:crypto';
import { globSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { POLICY } from './policy.ts';

const RELEASE_VERSION = 'salus:web-release:v1';

/**
 * Writes `release.json`: the SHA-256 of every file of the build and the policy with which its page is served. The SHA-256
 * of its bytes is what the ledger lists.
 */
export function writeRelease(folder: string): void {
  const files = globSync('**/*', { cwd: folder })
    .map((path) => path.replaceAll('\\', '/'))
    .filter((path) => path !== 'release.json' && statSync(join(folder, path)).isFile())
    .sort()
    .map((path) => [
      `/${path}`,
      createHash('sha256')
        .update(readFileSync(join(folder, path)))
        .digest('hex'),
    ]);
  const release = { version: RELEASE_VERSION, policy: POLICY, files: Object.fromEntries(files) };
  writeFileSync(join(folder, 'release.json'), `${JSON.stringify(release, null, 1)}\n`);
}
