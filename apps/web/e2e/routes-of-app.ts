import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const SOURCE = join(import.meta.dirname, '../src');
const AREA = /\bprefix: '([^']+)'.*\bimport\('\.\.\/([^']+)'\)/g;
const TOKEN = /[{}]|\bindex: true|\bpath: '([^']+)'/g;

/** An area of the app: where its routes hang, and the file that has them, relative to the app's sources. */
interface AreaFile {
  readonly prefix: string;
  readonly file: string;
}

/** The areas that the shell knows. */
export function areasOfApp(): readonly AreaFile[] {
  const text = readFileSync(join(SOURCE, 'shell/areas.ts'), 'utf8');
  return [...text.matchAll(AREA)].map(([, prefix = '', file = '']) => ({ prefix, file }));
}

/** The whole patterns of all routes, as `/patient/access/record`: parts of them are the same in several areas. */
export function routesOfApp(): readonly string[] {
  const routes = areasOfApp().flatMap(({ prefix, file }) => routesIn(readFileSync(join(SOURCE, file), 'utf8'), prefix));
  return ['/', ...routes];
}

/** The routes that a file of an area has; a route within another's braces hangs below it. */
export function routesIn(text: string, prefix: string): readonly string[] {
  const open = [prefix];
  const routes = new Set<string>();
  for (const [token, path] of text.matchAll(TOKEN)) {
    const above = open.at(-1) ?? prefix;
    if (token === '{') open.push(above);
    else if (token === '}') open.pop();
    else {
      const route = path === undefined ? above : `${above}/${path}`;
      open[open.length - 1] = route;
      routes.add(route);
    }
  }
  return [...routes];
}
