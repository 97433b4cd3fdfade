import { readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { watch } from '@hayate/client';
import { engineAvailable, openEngine } from '@hayate/engine';
import { engineConnector } from '@hayate/transport/engine';
import { pino } from 'pino';
import { expect, it } from 'vitest';
import { startTwoRegions } from './two-regions.ts';

const OCEAN_MS = 40;
const folders = () => readdirSync(tmpdir()).filter((name) => name.startsWith('hayate-two-regions-'));

it('shows one liver in two regions, the further one later by the ocean, and leaves nothing behind', {
  timeout: 120_000,
}, async ({ skip }) => {
  const available = engineAvailable();
  if (!available.ok) return skip(available.reason);
  const before = folders();
  const logger = pino({ level: 'silent' });
  const demo = await startTwoRegions({ room: 'demo', seed: 1, oceanMs: OCEAN_MS, httpPort: 0, logger });
  const engine = openEngine();
  try {
    const page = await (await fetch(demo.page)).text();
    const panes = [...page.matchAll(/<iframe title="([^"]*)" src="([^"]*)"/g)].map(([, title, url]) => ({
      title,
      url,
    }));
    expect(panes.map(({ title }) => title)).toEqual(['Tokyo, with the liver', 'Chicago']);
    const seen = await Promise.all(
      panes.map(async ({ url }) => {
        const pane = await fetch(url!);
        expect(pane.status).toBe(200);
        // Else a page that is isolated itself does not show it.
        expect(pane.headers.get('cross-origin-embedder-policy')).toBe('require-corp');
        expect(pane.headers.get('cross-origin-resource-policy')).toBe('cross-origin');
        const answer = await fetch(new URL('/v1/rooms', url), {
          ...{
            method: 'POST',
            headers: { 'content-type': 'application/json' },
            body: JSON.stringify({ room: 'demo' }),
          },
        });
        const { tokens, ...target } = (await answer.json()) as {
          url: string;
          certificateHashes: string[];
          tokens: { viewer: string };
        };
        const watcher = watch({ ...target, token: tokens.viewer }, { connector: engineConnector(engine) });
        await expect
          .poll(() => watcher.stats().slots.get(0)?.motion.received ?? 0, { timeout: 20_000 })
          .toBeGreaterThan(60);
        await expect.poll(async () => (await watcher.route()).slots[0]?.lagMs, { timeout: 20_000 }).toBeDefined();
        const route = await watcher.route();
        const { p50 } = watcher.stats().slots.get(0)!.motion.lagMs;
        watcher.close();
        return { p50, route };
      }),
    );
    const [tokyo, chicago] = seen as [(typeof seen)[0], (typeof seen)[0]];
    expect(tokyo.route).toMatchObject({ relay: 'tokyo', region: 'jp' });
    expect(tokyo.route.slots[0]).not.toHaveProperty('from');
    expect(chicago.route).toMatchObject({ relay: 'chicago', slots: [{ from: { relay: 'tokyo', region: 'jp' } }] });
    expect(chicago.route.slots[0]!.from!.rttMs).toBeGreaterThan(2 * (OCEAN_MS - 5));
    expect(chicago.p50).toBeGreaterThan(OCEAN_MS - 5);
  } finally {
    await demo.close();
    await engine.close();
  }
  expect(folders()).toEqual(before);
  await expect(fetch(demo.page)).rejects.toThrow();
});
