import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { chromium, type Page } from 'playwright-core';
import { findBrowsers } from '../../browsers/find.ts';
import { root } from '../../lib/processes.ts';
import { Checks, type Claim, type ClaimContext } from '../claim.ts';
import { SCRIPTS, startTest, withRelay } from './relay-and-script.ts';

const PICTURE = join(root, 'docs/loadtest-report.png');

/** Charts that have something drawn: pixels of a canvas that are not transparent. */
function charts(page: Page): Promise<{ title: string; drawn: number }[]> {
  return page.evaluate(() =>
    [...document.querySelectorAll('.plots section')].map((section) => {
      const canvas = section.querySelector('canvas');
      const pixels = canvas?.getContext('2d')?.getImageData(0, 0, canvas.width, canvas.height).data ?? [];
      let drawn = 0;
      for (let at = 3; at < pixels.length; at += 4) if (pixels[at] !== 0) drawn += 1;
      return { title: section.querySelector('h2')?.textContent ?? '', drawn };
    }),
  );
}

/** Contrast (WCAG) of the words against what is behind them. */
function contrast(page: Page): Promise<number> {
  return page.evaluate(() => {
    const luminance = (color: string) => {
      const [r, g, b] = (color.match(/[\d.]+/g) ?? []).map(Number).map((c) => {
        const share = c / 255;
        return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
      });
      return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!;
    };
    const style = getComputedStyle(document.body);
    const [a, b] = [luminance(style.color), luminance(style.backgroundColor)];
    return Number(((Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)).toFixed(1));
  });
}

async function run(context: ClaimContext) {
  const checks = new Checks();
  const folder = mkdtempSync(join(tmpdir(), 'hayate-report-'));
  const file = join(folder, 'report.html');
  const executablePath = findBrowsers().chromium;
  if (executablePath === undefined) {
    checks.skip('no Chromium here; HAYATE_CHROMIUM may name one');
    return checks.outcome();
  }
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
  try {
    context.log('evening.ts with --report');
    await withRelay(
      ({ stateDir }) =>
        startTest(join(SCRIPTS, 'evening.ts'), stateDir, { HOUR_SECONDS: '5' }, ['--report', file]).ended,
    );
    const wrong: string[] = [];
    for (const look of ['light', 'dark', 'print'] as const) {
      const page = await browser.newPage({
        viewport: { width: 1080, height: 1500 },
        colorScheme: look === 'dark' ? 'dark' : 'light',
      });
      page.on('console', (message) => wrong.push(message.text()));
      page.on('pageerror', (error) => wrong.push(error.message));
      page.on('request', (request) => {
        if (!request.url().startsWith('file:')) wrong.push(`asks for ${request.url()}`);
      });
      if (look === 'print') await page.emulateMedia({ media: 'print' });
      await page.goto(pathToFileURL(file).href);
      await page.waitForFunction(() => document.querySelectorAll('canvas').length > 0);
      const found = await charts(page);
      checks.figure(`charts, ${look}`, Object.fromEntries(found.map(({ title, drawn }) => [title, drawn])));
      checks.check(found.length >= 9, `${look}: only ${found.length} plots`);
      checks.check(
        found.every(({ drawn }) => drawn > 500),
        `${look}: a plot is empty`,
      );
      const ratio = await contrast(page);
      checks.figure(`contrast, ${look}`, ratio);
      checks.check(ratio >= 7, `${look}: contrast ${ratio}`);
      if (look === 'light') await page.screenshot({ path: PICTURE });
      await page.close();
    }
    checks.figure('errors and requests', wrong);
    checks.check(wrong.length === 0, `the page complains: ${wrong[0]}`);
  } finally {
    await browser.close();
    rmSync(folder, { recursive: true, force: true });
  }
  return checks.outcome();
}

export const reportPage: Claim = {
  id: 'loadtest.4',
  title:
    'The report in Chromium: plots there, no console error, no request, readable in light, dark and print; its picture in the docs',
  seconds: 60,
  run,
};
