import { createHash, X509Certificate } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { engineAvailable, openEngine } from '@hayate/engine';
import {
  type Body,
  type Lacks,
  openEngineFixture,
  openHybridFixture,
  openWebSocketFixture,
  type RunningBody,
  type Target,
  WEBSOCKET_LACKS,
} from '@hayate/transport/conformance';
import { type PemPair, selfSignedCertificate } from '@hayate/transport/fails-components';
import { launchChromium } from '../chromium.ts';
import { findBrowsers } from '../find.ts';
import { launchFirefox } from '../firefox.ts';
import type { BrowserPage } from '../page.ts';
import { bundle, servePages } from '../serve.ts';

const ENTRY = fileURLToPath(new URL('./page.ts', import.meta.url));

/** Records every WebTransport that anything in the page opens, before any other script runs. */
const PAGE = `<!doctype html><title>conformance</title>
<script>
  globalThis.dialled = [];
  if (globalThis.WebTransport) globalThis.WebTransport = new Proxy(globalThis.WebTransport, {
    construct(target, args, self) { dialled.push(String(args[0])); return Reflect.construct(target, args, self); },
  });
</script>
<script type="module" src="/page.js"></script>`;

export interface OpenPage {
  page: BrowserPage;
  origin: string;
  run(id: string, kind: 'native' | 'websocket' | 'hybrid', target: Target, lacks: Lacks): Promise<unknown>;
  close(): Promise<void>;
}

/** A browser with the suite's page loaded. */
export async function openConformancePage(launch: () => Promise<BrowserPage>): Promise<OpenPage> {
  const files = {
    '/': { type: 'text/html', body: PAGE },
    '/page.js': { type: 'text/javascript', body: await bundle(ENTRY) },
  };
  const pages = await servePages(files);
  const page = await launch();
  await page.goto(`${pages.origin}/`);
  await page.waitFor('globalThis.conformance !== undefined', 10_000);
  return {
    page,
    origin: pages.origin,
    run: (id, kind, target, lacks) =>
      page.evaluate(`conformance.run(${[id, kind, target, lacks].map((value) => JSON.stringify(value)).join(', ')})`),
    async close() {
      await page.close();
      await pages.close();
    },
  };
}

/** Chromium takes a WebSocket's certificate by the hash of its public key; hashes in the page do not reach that far. */
export function trustFlag(pem: PemPair): string {
  const key = new X509Certificate(pem.cert).publicKey.export({ type: 'spki', format: 'der' });
  return `--ignore-certificate-errors-spki-list=${createHash('sha256').update(key).digest('base64')}`;
}

type Launch = (pem: PemPair) => Promise<BrowserPage>;

const launchers: { name: string; found(): string | undefined; launch: Launch; lacks: Lacks }[] = [
  {
    name: 'Chromium',
    found: () => findBrowsers().chromium,
    launch: (pem) => launchChromium({ args: [trustFlag(pem)] }),
    lacks: { draining: 'Chromium 156 has no WebTransport.draining: the relay says it on the control stream as well' },
  },
  {
    name: 'Firefox',
    found: () => findBrowsers().firefox,
    launch: () => launchFirefox(),
    lacks: { draining: 'Firefox 153 has no WebTransport.draining: the relay says it on the control stream as well' },
  },
];

function nativeBody(browser: (typeof launchers)[number]): Body {
  return {
    name: `${browser.name} (WebTransport)`,
    lacks: browser.lacks,
    unavailable() {
      const engine = engineAvailable();
      if (!engine.ok) return `no engine: ${engine.reason}`;
      return browser.found() === undefined ? `no ${browser.name} here` : undefined;
    },
    async start(): Promise<RunningBody> {
      const engine = openEngine();
      const open = await openConformancePage(() => browser.launch(selfSignedCertificate()));
      return {
        make: open.page.browser,
        open: (settings, { cuttable }) =>
          openEngineFixture(engine, settings, {
            cuttable,
            origin: open.origin,
            runClient: (id, target) => open.run(id, 'native', target, browser.lacks),
          }),
        async close() {
          await open.close();
          await engine.close();
        },
      };
    },
  };
}

function webSocketBody(browser: (typeof launchers)[number]): Body {
  const lacks: Lacks = { ...WEBSOCKET_LACKS, pinning: 'certificate hashes do not hold for a WebSocket in a page' };
  return {
    name: `${browser.name} (WebSocket)`,
    lacks,
    unavailable: () => (browser.found() === undefined ? `no ${browser.name} here` : undefined),
    async start(): Promise<RunningBody> {
      const pem = selfSignedCertificate();
      const open = await openConformancePage(() => browser.launch(pem));
      return {
        make: open.page.browser,
        open: (settings, { cuttable }) =>
          openWebSocketFixture(pem, settings, {
            cuttable,
            origin: open.origin,
            runClient: (id, target) => open.run(id, 'websocket', target, lacks),
          }),
        close: () => open.close(),
      };
    },
  };
}

function hybridBody(browser: (typeof launchers)[number]): Body {
  const lacks: Lacks = { pinning: 'certificate hashes do not hold for a WebSocket in a page' };
  return {
    ...nativeBody(browser),
    name: `${browser.name} (hybrid)`,
    lacks,
    async start(): Promise<RunningBody> {
      const engine = openEngine();
      const pem = selfSignedCertificate();
      const open = await openConformancePage(() => browser.launch(pem));
      return {
        make: open.page.browser,
        open: (settings, { cuttable }) =>
          openHybridFixture(engine, pem, settings, {
            cuttable,
            origin: open.origin,
            runClient: (id, target) => open.run(id, 'hybrid', target, lacks),
          }),
        async close() {
          await open.close();
          await engine.close();
        },
      };
    },
  };
}

/** Every body that lives in a page. A hybrid session stands in for browsers that are not to be had here: one shows that it goes. */
export const browserBodies: Body[] = [
  ...launchers.flatMap((browser) => [nativeBody(browser), webSocketBody(browser)]),
  ...launchers.filter(({ name }) => name === 'Chromium').map(hybridBody),
];
