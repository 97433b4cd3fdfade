import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { listeningAddress, stop } from './child.ts';
import { findBrowsers } from './find.ts';
import { type BrowserPage, type ConsoleLine, pollPage } from './page.ts';
import { RpcConnection } from './rpc.ts';

export interface FirefoxOptions {
  /** A tone instead of a microphone; the page is not asked. Firefox plays no file there. */
  fakeMic?: boolean;
  prefs?: Record<string, boolean | number | string>;
}

/** No first-run pages, and nothing dialled but what the page dials. */
const PREFS: Record<string, boolean | number | string> = {
  'app.normandy.enabled': false,
  'app.update.disabledForTesting': true,
  'browser.safebrowsing.downloads.enabled': false,
  'browser.safebrowsing.malware.enabled': false,
  'browser.safebrowsing.phishing.enabled': false,
  'browser.search.update': false,
  'browser.shell.checkDefaultBrowser': false,
  'browser.startup.page': 0,
  'datareporting.healthreport.uploadEnabled': false,
  'datareporting.policy.dataSubmissionEnabled': false,
  'extensions.update.enabled': false,
  'media.autoplay.default': 0,
  'media.gmp-manager.updateEnabled': false,
  'network.captive-portal-service.enabled': false,
  'network.connectivity-service.enabled': false,
  'services.settings.server': 'data:,',
  'toolkit.telemetry.enabled': false,
  'toolkit.telemetry.unified': false,
};

/** A page of headless Firefox over WebDriver BiDi, without geckodriver. Throws when there is none (`findBrowsers`). */
export async function launchFirefox(options: FirefoxOptions = {}): Promise<BrowserPage> {
  const executable = findBrowsers().firefox;
  if (executable === undefined) throw new Error('no Firefox here; HAYATE_FIREFOX may name one');
  const profile = await mkdtemp(join(tmpdir(), 'hayate-firefox-'));
  const mic = options.fakeMic
    ? { 'media.navigator.streams.fake': true, 'media.navigator.permission.disabled': true }
    : {};
  const prefs = Object.entries({ ...PREFS, ...mic, ...options.prefs });
  await writeFile(
    join(profile, 'user.js'),
    prefs.map(([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});\n`).join(''),
  );
  const child = spawn(executable, ['--headless', '--no-remote', '--profile', profile, '--remote-debugging-port', '0'], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, MOZ_CRASHREPORTER_DISABLE: '1', HOME: profile },
  });
  const end = async () => {
    await stop(child);
    await rm(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  };
  try {
    return await openPage(
      `${await listeningAddress(child, /WebDriver BiDi listening on (ws:\/\/\S+)/)}/session`,
      child.pid ?? 0,
      end,
    );
  } catch (error) {
    await end();
    throw error;
  }
}

async function openPage(url: string, pid: number, end: () => Promise<void>): Promise<BrowserPage> {
  const lines: ConsoleLine[] = [];
  const bidi = await RpcConnection.open(url, (method, params) => {
    if (method !== 'log.entryAdded') return;
    const entry = params as { type: string; level: string; text: string | null };
    lines.push({ level: entry.type === 'javascript' ? 'exception' : entry.level, text: entry.text ?? '' });
  });
  const { capabilities } = await bidi.command<{ capabilities: { browserVersion: string } }>('session.new', {
    capabilities: { alwaysMatch: { acceptInsecureCerts: true } },
  });
  await bidi.command('session.subscribe', { events: ['log.entryAdded'] });
  const tree = await bidi.command<{ contexts: { context: string }[] }>('browsingContext.getTree', {});
  const context = tree.contexts[0]?.context;
  if (context === undefined) throw new Error('Firefox opened no page');
  let closing: Promise<void> | undefined;
  const face: BrowserPage = {
    browser: `Firefox ${capabilities.browserVersion}`,
    pid,
    console: lines,
    async goto(address) {
      await bidi.command('browsingContext.navigate', { context, url: address, wait: 'complete' });
    },
    async evaluate<T>(expression: string) {
      // As JSON: BiDi's own serialisation has a shape for each type.
      const answer = await bidi.command<EvaluateResult>('script.evaluate', {
        expression: `(async () => JSON.stringify(await (${expression})))()`,
        target: { context },
        awaitPromise: true,
      });
      if (answer.type === 'exception') throw new Error(answer.exceptionDetails.text);
      return (answer.result.value === undefined ? undefined : JSON.parse(answer.result.value)) as T;
    },
    async screenshot() {
      const { data } = await bidi.command<{ data: string }>('browsingContext.captureScreenshot', { context });
      return Buffer.from(data, 'base64');
    },
    waitFor: (expression, timeoutMs) => pollPage(face, expression, timeoutMs),
    close() {
      closing ??= (async () => {
        // Asked first, so that it ends its own processes; it does not always answer.
        const asked = bidi.command('browser.close', {}).catch(() => {});
        await Promise.race([asked, new Promise((resolve) => setTimeout(resolve, 3000))]);
        bidi.close();
        await end();
      })();
      return closing;
    },
  };
  return face;
}

type EvaluateResult =
  | { type: 'success'; result: { type: string; value?: string } }
  | { type: 'exception'; exceptionDetails: { text: string } };
