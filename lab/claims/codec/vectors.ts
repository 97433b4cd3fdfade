import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type BrowserPage, findBrowsers, launchChromium, launchFirefox, servePages } from '../../browsers/index.ts';
import { bundle } from '../../browsers/serve.ts';
import { root } from '../../lib/processes.ts';
import type { Checks, ClaimContext } from '../claim.ts';

const ENTRY = fileURLToPath(new URL('./vectors-page.ts', import.meta.url));

const LAUNCHERS: Record<'chromium' | 'firefox', () => Promise<BrowserPage>> = {
  chromium: () => launchChromium(),
  firefox: () => launchFirefox(),
};

/** A unit of the last case with units, one bit of it turned: a page that calls this right checks nothing. */
function spoiled<Case extends { units?: { hex: string }[] }>(cases: Case[]): Case[] {
  const copy = structuredClone(cases);
  const unit = copy.findLast((each) => each.units !== undefined)!.units!.at(-1)!;
  const last = unit.hex.length - 1;
  unit.hex = unit.hex.slice(0, last) + (Number.parseInt(unit.hex[last]!, 16) ^ 1).toString(16);
  return copy;
}

/** The golden vectors of motion, encoded and decoded in a page of each browser. */
export async function browserVectors(checks: Checks, context: ClaimContext): Promise<void> {
  const text = readFileSync(join(root, 'codec', 'vectors', 'motion.json'), 'utf8');
  const { cases } = JSON.parse(text) as { cases: { units?: { hex: string }[] }[] };
  const pages = await servePages({
    '/': {
      type: 'text/html',
      body: '<!doctype html><title>vectors</title><script type="module" src="/page.js"></script>',
    },
    '/page.js': { type: 'text/javascript', body: await bundle(ENTRY) },
  });
  try {
    for (const [name, launch] of Object.entries(LAUNCHERS)) {
      if (findBrowsers()[name as keyof typeof LAUNCHERS] === undefined) {
        checks.skip(`vectors in ${name}: not installed`);
        continue;
      }
      context.log(`${cases.length} golden vectors in ${name}`);
      const page = await launch();
      try {
        await page.goto(`${pages.origin}/`);
        await page.waitFor('globalThis.checkMotionVectors !== undefined', 20_000);
        const check = (which: object[]) => page.evaluate<string[]>(`checkMotionVectors(${JSON.stringify(which)})`);
        const failed = await check(cases);
        const control = await check(spoiled(cases));
        checks.figure(`vectors in ${page.browser}`, { cases: cases.length, failed: failed.length });
        checks.check(cases.length > 0 && failed.length === 0, `${page.browser}: ${failed.join('; ')}`);
        checks.check(control.length === 1, `${page.browser}: a spoiled vector was taken as good`);
      } finally {
        await page.close();
      }
    }
  } finally {
    await pages.close();
  }
}
