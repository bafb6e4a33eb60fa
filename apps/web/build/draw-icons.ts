// `node apps/web/build/draw-icons.ts`: draws the icons in public/icons anew from salus.svg, with Chromium. They are
// committed: a build needs no browser, and gives the same bytes, and so the same release, on every machine.
import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { findChromium } from '@salus/testing';
import { chromium } from 'playwright-core';
import { drawingOf, ICONS } from './icons.ts';

const folder = resolve(import.meta.dirname, '../public/icons');
const executablePath = findChromium();
if (executablePath === undefined) throw new Error('drawing icons needs Chromium');
const svg = readFileSync(join(folder, 'salus.svg'), 'utf8');
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
try {
  for (const icon of ICONS) {
    const viewport = { width: icon.sizePx, height: icon.sizePx };
    const page = await browser.newPage({ viewport });
    const source = Buffer.from(drawingOf(svg, icon)).toString('base64');
    await page.setContent(
      `<style>body{margin:0}img{display:block;width:100vw;height:100vh}</style><img src="data:image/svg+xml;base64,${source}">`,
    );
    writeFileSync(join(folder, icon.file), await page.screenshot({ omitBackground: true }));
    await page.close();
    process.stdout.write(`${icon.file}\n`);
  }
} finally {
  await browser.close();
}
