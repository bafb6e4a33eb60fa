import { existsSync } from 'node:fs';

const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
let announced = false;

/**
 * The path of Chromium, for walks through the web app: `SALUS_CHROMIUM`, else where Linux distributions put it. Its absence is
 * said once on stderr; under `SALUS_TEST_REQUIRE=all` it throws.
 */
export function findChromium(): string | undefined {
  const given = process.env.SALUS_CHROMIUM;
  const found = (given === undefined ? PLACES : [given]).find((path) => existsSync(path));
  if (found !== undefined) return found;
  const missing = 'Chromium is absent (set SALUS_CHROMIUM)';
  if (process.env.SALUS_TEST_REQUIRE === 'all') throw new Error(missing);
  if (!announced) {
    announced = true;
    process.stderr.write(`skipped: ${missing}\n`);
  }
  return undefined;
}
