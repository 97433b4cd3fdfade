import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Room, type Watcher, watch } from '@hayate/client';
import { demoAssets } from '@hayate/demo';
import { engineAvailable } from '@hayate/engine';
import { mintToken, type RunningRelay, readSharedKey, startRelay } from '@hayate/relay';
import { webSocketConnector } from '@hayate/transport/fails-components';
import { type BrowserPage, type ChromiumOptions, findBrowsers, launchChromium } from '../lab/browsers/index.ts';

/** Why the demo page cannot be tried here; undefined: it can. */
export const noBrowser = findBrowsers().chromium === undefined ? 'no Chromium here' : undefined;

/** Sound may wait for a slow machine; frames and figures may not. */
export const WAIT_MS = 40_000;

export interface DemoViewer {
  readonly room: Room;
  /** That came so far. */
  units(slot: number): { motion: number; voice: number };
  /** Rejects after `WAIT_MS`. */
  until(done: () => boolean): Promise<void>;
}

export interface DemoRig {
  readonly relay: RunningRelay;
  /** A browser of its own for each page: hidden tabs draw nothing. */
  open(query: string, options?: ChromiumOptions): Promise<BrowserPage>;
  /** A viewer without a browser, closed with the rig. */
  watch(room: string): Promise<DemoViewer>;
  /** Another relay at the same addresses. */
  restart(whileGone?: () => Promise<void>): Promise<void>;
  /** Ends all pages and viewers: they take the time of those that come. */
  leave(): Promise<void>;
  /** Ends them and the relay. */
  close(): Promise<void>;
}

/** `waitFor` of a page, whose error says what the page itself knew. */
function telling(page: BrowserPage): BrowserPage['waitFor'] {
  const { waitFor } = page;
  return async <T>(expression: string, timeoutMs: number) => {
    try {
      return await waitFor.call<BrowserPage, [string, number], Promise<T>>(page, expression, timeoutMs);
    } catch (error) {
      const known = `(({ state, sessions, ended, errors }) => JSON.stringify({ state, sessions, ended, errors }))(window.hayate)`;
      const text = await page.evaluate<string>(known).catch(String);
      throw new Error(`${(error as Error).message}\n  the page: ${text}`, { cause: error });
    }
  };
}

/** A development relay with the demo page, in this process. */
export async function startDemo(): Promise<DemoRig> {
  const stateDir = await mkdtemp(join(tmpdir(), 'hayate-demo-'));
  const assets = await demoAssets();
  const pages: BrowserPage[] = [];
  const watchers: Watcher[] = [];
  const start = (listenPort = 0, httpPort = 0) =>
    startRelay(
      {
        dev: true,
        stateDir,
        transport: engineAvailable().ok ? 'engine' : 'websocket',
        listen: { port: listenPort },
        http: { port: httpPort },
        metrics: { port: 0 },
        api: { port: 0 },
        log: { level: 'silent' },
      },
      { assets },
    );
  const leave = async () => {
    for (const watcher of watchers.splice(0)) watcher.close();
    await Promise.all(pages.splice(0).map((page) => page.close()));
  };
  let relay = await start();
  return {
    get relay() {
      return relay;
    },
    async open(query, options = {}) {
      const args = relay.transport === 'websocket' ? ['--ignore-certificate-errors'] : [];
      const page = await launchChromium({ ...options, args: [...args, ...(options.args ?? [])] });
      pages.push(page);
      await page.goto(`${relay.httpAddress}/${query}`);
      return Object.assign(page, { waitFor: telling(page) });
    },
    async watch(room) {
      const { url, certificateHashes, keyFile } = relay;
      const token = await mintToken(readSharedKey(keyFile!), {
        room,
        sub: 'in-node',
        roles: ['viewer'],
        ttlSeconds: 600,
      });
      const connector = relay.transport === 'websocket' ? { connector: webSocketConnector() } : {};
      const watcher = watch({ url, certificateHashes, token }, connector);
      watchers.push(watcher);
      await watcher.ready;
      return {
        room: watcher.room,
        units(slot) {
          const { motion, voice } = watcher.stats().slots.get(slot) ?? {};
          return { motion: motion?.received ?? 0, voice: voice?.received ?? 0 };
        },
        async until(done) {
          const limitMs = performance.now() + WAIT_MS;
          while (!done()) {
            if (performance.now() > limitMs) throw new Error(`not within ${WAIT_MS} ms: ${done}`);
            await new Promise((resolve) => setTimeout(resolve, 20));
          }
        },
      };
    },
    async restart(whileGone) {
      const { port } = relay.address;
      const http = Number(new URL(relay.httpAddress).port);
      await relay.close();
      await whileGone?.();
      relay = await start(port, http);
    },
    leave,
    async close() {
      await leave();
      await relay.close();
      await rm(stateDir, { recursive: true, force: true });
    },
  };
}
