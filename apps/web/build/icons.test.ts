import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { drawingOf, ICONS } from './icons.ts';

const web = resolve(import.meta.dirname, '..');
const bytesOf = (file: string): Buffer => readFileSync(join(web, 'public/icons', file));

interface Manifest {
  readonly icons: readonly { readonly src: string; readonly sizes: string; readonly type: string }[];
}

describe('the icons', () => {
  it('are PNG images of the size that their name and the manifest say', () => {
    for (const { file, sizePx } of ICONS) {
      const bytes = bytesOf(file);
      // PNG, third edition, 5.2 and 11.2.1: the signature, then IHDR with width and height.
      expect(bytes.subarray(0, 8).toString('latin1'), file).toBe('\u0089PNG\r\n\u001a\n');
      expect([bytes.readUInt32BE(16), bytes.readUInt32BE(20)], file).toEqual([sizePx, sizePx]);
    }
  });

  it('stand in the manifest, small, large and to be cut, and on the page for iOS', () => {
    const manifest = JSON.parse(readFileSync(join(web, 'public/manifest.webmanifest'), 'utf8')) as Manifest;
    const listed = manifest.icons.map(({ src, sizes, type }) => `${src} ${sizes} ${type}`);
    const page = readFileSync(join(web, 'index.html'), 'utf8');
    for (const { file, sizePx } of ICONS) {
      if (file === 'apple-touch-icon.png') expect(page).toContain(`rel="apple-touch-icon" href="/icons/${file}"`);
      else expect(listed).toContain(`/icons/${file} ${sizePx}x${sizePx} image/png`);
    }
    expect(listed).toContain('/icons/salus.svg any image/svg+xml');
  });

  it('fill their corners where a system cuts them', () => {
    const svg = bytesOf('salus.svg').toString('utf8');
    for (const icon of ICONS) expect(drawingOf(svg, icon).includes(' rx=')).toBe(!icon.isToTheEdge);
  });
});
