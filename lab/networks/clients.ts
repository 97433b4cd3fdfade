import { createHash, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type RelayTarget, watch } from '@hayate/client';
import { findBrowsers, launchChromium, launchFirefox, servePages } from '../browsers/index.ts';
import { bundle } from '../browsers/serve.ts';
import { type Seen, type ViewerOptions, view } from './viewer.ts';

/** A viewer that runs somewhere: in this process or in a page. */
export interface Client {
  name: string;
  enter(target: RelayTarget, options: ViewerOptions): Promise<void>;
  seen(): Promise<Seen>;
  reset(): Promise<void>;
  close(): Promise<void>;
}

export interface ClientKind {
  name: 'Node' | 'Chromium' | 'Firefox' | 'Chromium, hybrid';
  /** Why there is none; undefined: there is. */
  missing: string | undefined;
  /** @param stateDir of the relay, whose certificate is to be trusted */
  open(stateDir: string): Promise<Client>;
}

const PAGE = fileURLToPath(new URL('./page.ts', import.meta.url));

const node: ClientKind = {
  name: 'Node',
  missing: undefined,
  async open() {
    let viewer: ReturnType<typeof view> | undefined;
    return {
      name: 'Node',
      async enter(target, options) {
        viewer?.close();
        viewer = view({ watch }, target, options);
      },
      seen: async () => viewer!.seen(),
      reset: async () => viewer!.reset(),
      close: async () => viewer?.close(),
    };
  },
};

/** Chromium takes a WebSocket's certificate by the hash of its public key. */
function trust(stateDir: string): string {
  const { publicKey } = new X509Certificate(readFileSync(join(stateDir, 'current.pem')));
  const hash = createHash('sha256')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest('base64');
  return `--ignore-certificate-errors-spki-list=${hash}`;
}

function browser(name: 'Chromium' | 'Firefox', { hybrid = false } = {}): ClientKind {
  const found = findBrowsers();
  return {
    name: name === 'Chromium' && hybrid ? 'Chromium, hybrid' : name,
    missing: (name === 'Chromium' ? found.chromium : found.firefox) === undefined ? `no ${name} here` : undefined,
    async open(stateDir) {
      const pages = await servePages({ '/page.js': { type: 'text/javascript', body: await bundle(PAGE) } });
      const page = await (name === 'Chromium' ? launchChromium({ args: [trust(stateDir)] }) : launchFirefox());
      await page.goto(pages.origin);
      await page.evaluate("import('/page.js').then(() => true)");
      return {
        name: hybrid ? `${page.browser}, hybrid` : page.browser,
        async enter(target, options) {
          await page.evaluate(`network.enter(${JSON.stringify(target)}, ${JSON.stringify({ ...options, hybrid })})`);
        },
        seen: () => page.evaluate<Seen>('network.seen()'),
        reset: async () => void (await page.evaluate('(network.reset(), true)')),
        async close() {
          await page.close();
          await pages.close();
        },
      };
    },
  };
}

export const clientKinds: readonly ClientKind[] = [node, browser('Chromium'), browser('Firefox')];

/** Chromium has streams that last: it stands in for browsers that have none. The relay has to run with `--hybrid`. */
export const hybridClient: ClientKind = browser('Chromium', { hybrid: true });
