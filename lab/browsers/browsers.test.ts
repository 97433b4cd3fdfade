import { selfSignedCertificate, webSocketServer } from '@hayate/transport/fails-components';
import { describe, expect, test } from 'vitest';
import { openConformancePage, trustFlag } from './conformance/bodies.ts';
import { findBrowsers, launchChromium, launchFirefox, servePages } from './index.ts';

const browsers = [
  { name: 'Chromium', launch: launchChromium, missing: findBrowsers().chromium === undefined },
  { name: 'Firefox', launch: launchFirefox, missing: findBrowsers().firefox === undefined },
];

describe.each(browsers)('$name', ({ name, launch, missing }) => {
  test('a page is opened, evaluated, watched, pictured and closed', { timeout: 60_000 }, async ({ skip }) => {
    if (missing) skip(`no ${name} here`);
    const pages = await servePages({});
    const page = await launch();
    try {
      await page.goto(pages.origin);
      expect(page.browser).toMatch(new RegExp(`^${name} \\d+`));
      expect(await page.evaluate('(async () => ({ sum: 1 + 2, secure: isSecureContext }))()')).toEqual({
        sum: 3,
        secure: true,
      });
      await expect(page.evaluate("Promise.reject(new Error('on purpose'))")).rejects.toThrow('on purpose');
      await page.evaluate("(console.warn('seen'), setTimeout(() => { globalThis.later = 7; }, 20), 0)");
      expect(await page.waitFor('globalThis.later', 5000)).toBe(7);
      await expect(page.waitFor('globalThis.never', 100)).rejects.toThrow('seen');
      expect(page.console).toContainEqual({ level: 'warn', text: 'seen' });
      expect((await page.screenshot()).subarray(1, 4).toString()).toBe('PNG');
    } finally {
      await page.close();
      await page.close();
      await pages.close();
    }
    await expect(page.evaluate('1')).rejects.toThrow();
  });
});

test('the fallback in a page opens its WebSocket and dials nothing else', { timeout: 60_000 }, async ({ skip }) => {
  if (findBrowsers().chromium === undefined) skip('no Chromium here');
  const pem = selfSignedCertificate();
  const server = await webSocketServer({ certificate: pem, paths: ['/conformance'] });
  const open = await openConformancePage(() => launchChromium({ args: [trustFlag(pem)] }));
  try {
    const target = { url: `https://127.0.0.1:${server.address.port}`, deadUrl: '', hashes: [] };
    const served = server.sessions
      .getReader()
      .read()
      .then(({ value }) => value!.session.closed);
    await open.run('close-by-client', 'websocket', target, {});
    expect((await served).closeCode).toBe(302);
    expect(await open.page.evaluate('dialled')).toEqual([]);
    // The recorder works: a session that the page does open is there.
    await open.run('given-up', 'native', { ...target, url: 'https://127.0.0.1:9' }, {});
    expect(await open.page.evaluate('dialled')).toEqual(['https://127.0.0.1:9/conformance']);
  } finally {
    await open.close();
    await server.close();
  }
});

test('HAYATE_CHROMIUM names the browser; what is not there is not found', () => {
  expect(findBrowsers({ HAYATE_CHROMIUM: process.execPath, PATH: '' }).chromium).toBe(process.execPath);
  expect(findBrowsers({ HAYATE_CHROMIUM: '/nowhere/chromium', PATH: '' }).chromium).not.toBe('/nowhere/chromium');
});
