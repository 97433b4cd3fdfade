import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectRoom } from '@hayate/client';
import { findBrowsers, launchChromium, servePages } from '../../browsers/index.ts';
import { bundle } from '../../browsers/serve.ts';
import { openOffice } from '../../lib/app-backend.ts';
import { hayate } from '../../lib/processes.ts';
import { startRelayProcess } from '../../lib/relay-process.ts';
import { Checks, type Claim } from '../claim.ts';

const WAIT_MS = 20_000;
const DELAY_MS = 150;

/** What the page dials: a link of its own, so that it can be cut. */
async function openLink(listen: string, to: string) {
  const way = `delay=${DELAY_MS}`;
  const link = hayate(['link', '--listen', listen, '--to', to, '--up', way, '--down', way, '--json']);
  const { port } = JSON.parse((await link.line(/"event":"ready"/, 30_000)).input) as { port: number };
  return { port, cut: () => link.stop('SIGKILL') };
}

async function run() {
  const checks = new Checks();
  if (findBrowsers().chromium === undefined) {
    checks.skip('chromium: not installed');
    return checks.outcome();
  }
  const stateDir = mkdtempSync(join(tmpdir(), 'hayate-gift-page-'));
  const relay = await startRelayProcess(stateDir);
  const { host, hostname } = new URL(relay.url);
  const script = await bundle(new URL('./browser-page.ts', import.meta.url).pathname);
  const server = await servePages({ '/page.js': { type: 'text/javascript', body: script } });
  let link = await openLink('127.0.0.1:0', host);
  const page = await launchChromium();
  const office = await openOffice(stateDir);
  const { url, hash } = await relay.tokens('show');
  // Straight at the relay: it knows of a gift before the page does.
  const near = connectRoom({ url, certificateHashes: [hash], token: await office.token('show', 'near') });
  try {
    const nearSaw: string[] = [];
    const first = Promise.withResolvers<void>();
    near.on('gift', ({ jti }) => {
      nearSaw.push(jti);
      first.resolve();
    });
    await near.ready;
    await page.goto(server.origin);
    await page.evaluate("import('/page.js').then(() => true)");
    const far = `https://${hostname}:${link.port}/v1`;
    const target = { url: far, certificateHashes: [hash], token: await office.token('show', 'ann') };
    await page.evaluate(`(page.join(${JSON.stringify(target)}), true)`);
    await page.waitFor("page.state === 'open'", WAIT_MS);
    const gift = {
      room: 'show',
      sender: 'ann',
      liver: 'mio',
      item: 'star',
      amount: 100,
      currency: 'JPY',
      reg: 'local',
    };
    const ticket = await office.ticket({ jti: 'cut', ...gift });
    await page.evaluate(`(page.give(${JSON.stringify(ticket)}), true)`);
    await first.promise;
    await link.cut();
    const before = await page.evaluate<string>('JSON.stringify([page.shown, page.receipt ?? null])');
    checks.figure('page when the link was cut, the gift durable and seen by another', before);
    checks.check(before === '[[],null]', 'the page had its answer before the cut: nothing was tried');
    await page.waitFor("page.state === 'reconnecting'", WAIT_MS);
    link = await openLink(`127.0.0.1:${link.port}`, host);
    await page.waitFor('page.receipt && page.shown.length > 0', WAIT_MS);
    // One more behind it: what would come twice has come by then.
    await page.evaluate(`(page.give(${JSON.stringify(await office.ticket({ jti: 'next', ...gift }))}), true)`);
    await page.waitFor("page.shown.some(({ jti }) => jti === 'next')", WAIT_MS);
    const seen = JSON.parse(
      await page.evaluate<string>(
        "JSON.stringify({ shown: page.shown, effects: document.querySelectorAll('.effect').length, sessions: page.sessions })",
      ),
    ) as { shown: { number: number; jti: string }[]; effects: number; sessions: number };
    checks.figure(page.browser, seen);
    checks.figure('the other client saw', nearSaw);
    checks.check(seen.sessions === 2, `${seen.sessions} sessions, not two`);
    checks.check(seen.shown.map(({ jti }) => jti).join() === 'cut,next', 'not each shown once and in order');
    checks.check(seen.effects === 2, `${seen.effects} effects of two gifts`);
    checks.check(nearSaw.join() === 'cut,next', 'the other client did not see each once');
  } finally {
    near.close();
    await page.close();
    await link.cut();
    await server.close();
    await relay.stop();
    rmSync(stateDir, { recursive: true, force: true });
  }
  return checks.outcome();
}

export const giftInBrowser: Claim = {
  id: 'gifts.5',
  title:
    'In Chromium, by the SDK: a gift, its effect, and a link that is cut when the gift is durable and its answer on the way: after the reconnect shown once',
  seconds: 30,
  run,
};
