import { spawnSync } from 'node:child_process';

const RELEASE_MIN = 17;
let announced = false;

/**
 * Whether Java (17 or newer) and Maven are here, for suites that run another make's FHIR client. Their absence is said once on
 * stderr; under `SALUS_TEST_REQUIRE=all` it throws.
 */
export function hasJavaTools(): boolean {
  const java = spawnSync('java', ['-version'], { encoding: 'utf8' });
  const maven = spawnSync('mvn', ['--version'], { encoding: 'utf8' });
  const release = Number(/version "(\d+)/.exec(`${java.stderr ?? ''}`)?.[1] ?? 0);
  if (maven.status === 0 && release >= RELEASE_MIN) return true;
  const missing = `Java ${RELEASE_MIN} with Maven, for HAPI FHIR's client, is absent`;
  if (process.env.SALUS_TEST_REQUIRE === 'all') throw new Error(missing);
  if (!announced) {
    announced = true;
    process.stderr.write(`skipped: ${missing}\n`);
  }
  return false;
}
