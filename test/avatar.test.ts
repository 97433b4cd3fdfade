import { expect, it } from 'vitest';
import { findBrowsers, launchChromium, servePages } from '../lab/browsers/index.ts';
import { bundle } from '../lab/browsers/serve.ts';

const missing = findBrowsers().chromium === undefined ? 'no Chromium here' : undefined;
if (missing) console.log(`SKIPPED what each channel moves in the drawing: ${missing}`);

/** Of 288 000 pixels: a wrinkle beside the nose is the least of them. */
const LEAST_PIXELS = 40;

it.skipIf(missing !== undefined)('each of the 61 channels moves the drawing', { timeout: 180_000 }, async () => {
  const body = await bundle(new URL('./avatar-page.ts', import.meta.url).pathname);
  const server = await servePages({ '/page.js': { type: 'text/javascript', body } });
  const page = await launchChromium();
  try {
    await page.goto(server.origin);
    await page.evaluate("import('/page.js').then(() => true)");
    const { nothing, ...counts } = await page.evaluate<Record<string, number>>('seen()');
    // Control: the same values are the same picture.
    expect(nothing).toBe(0);
    expect(Object.keys(counts)).toHaveLength(61);
    const unseen = Object.entries(counts).filter(([, pixels]) => pixels < LEAST_PIXELS);
    console.log(
      `least: ${JSON.stringify(
        Object.entries(counts)
          .toSorted((a, b) => a[1] - b[1])
          .slice(0, 8),
      )}`,
    );
    expect(unseen).toEqual([]);
  } finally {
    await page.close();
    await server.close();
  }
});
