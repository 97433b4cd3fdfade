import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { listeningAddress, stop } from './child.ts';
import { CHROMIUM_FLAGS } from './chromium.ts';
import { findBrowsers } from './find.ts';
import { type BrowserPage, type ConsoleLine, pollPage } from './page.ts';
import { RpcConnection } from './rpc.ts';

const VIEWPORT = { width: 412, height: 915, deviceScaleFactor: 2, mobile: true };

/** A page of Chromium that is as on a phone, and can lie behind another tab: Playwright holds every page for visible. */
export interface PhonePage extends BrowserPage {
  /** Its main thread gets one of so many parts of a core; 1: all of it. */
  throttle(rate: number): Promise<void>;
  /** Another tab is in front of it, or no more. Resolves when the page knows. */
  setHidden(hidden: boolean): Promise<void>;
  /** Of live objects, after a garbage collection. */
  heapBytes(): Promise<number>;
}

/** Headless, a phone's viewport and a finger. Throws when there is no Chromium (`findBrowsers`). */
export async function launchPhone(): Promise<PhonePage> {
  const executable = findBrowsers().chromium;
  if (executable === undefined) throw new Error('no Chromium here; HAYATE_CHROMIUM may name one');
  const profile = await mkdtemp(join(tmpdir(), 'hayate-phone-'));
  const own = ['--headless=new', `--user-data-dir=${profile}`, '--remote-debugging-port=0', 'about:blank'];
  const child = spawn(executable, [...CHROMIUM_FLAGS, ...own], { stdio: ['ignore', 'ignore', 'pipe'] });
  const end = async () => {
    await stop(child);
    await rm(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  };
  try {
    return await openPage(await listeningAddress(child, /DevTools listening on (ws:\/\/\S+)/), child.pid ?? 0, end);
  } catch (error) {
    await end();
    throw error;
  }
}

async function openPage(url: string, pid: number, end: () => Promise<void>): Promise<PhonePage> {
  const lines: ConsoleLine[] = [];
  const loaded: (() => void)[] = [];
  const devtools = await RpcConnection.open(url, (method, params) => {
    if (method === 'Page.loadEventFired') loaded.shift()?.();
    if (method === 'Runtime.consoleAPICalled') {
      const { type, args } = params as { type: string; args: { value?: unknown; description?: string }[] };
      const text = args.map(({ value, description }) => String(value ?? description)).join(' ');
      lines.push({ level: type === 'warning' ? 'warn' : type, text });
    }
    if (method === 'Runtime.exceptionThrown') {
      lines.push({
        level: 'exception',
        text: textOf((params as Required<Pick<Evaluated, 'exceptionDetails'>>).exceptionDetails),
      });
    }
  });
  const open = async () =>
    (await devtools.command<{ targetId: string }>('Target.createTarget', { url: 'about:blank' })).targetId;
  const target = await open();
  const attach = { targetId: target, flatten: true };
  const { sessionId } = await devtools.command<{ sessionId: string }>('Target.attachToTarget', attach);
  const send = <T>(method: string, params: object = {}) => devtools.command<T>(method, params, sessionId);
  await send('Page.enable');
  await send('Runtime.enable');
  await send('Emulation.setDeviceMetricsOverride', VIEWPORT);
  await send('Emulation.setTouchEmulationEnabled', { enabled: true });
  const { product } = await devtools.command<{ product: string }>('Browser.getVersion');
  let front: string | undefined;
  let closing: Promise<void> | undefined;
  const page: PhonePage = {
    browser: product.replace('/', ' '),
    pid,
    console: lines,
    async goto(url) {
      const done = new Promise<void>((resolve) => loaded.push(resolve));
      await send('Page.navigate', { url });
      await done;
    },
    async evaluate<T>(expression: string) {
      const answer = await send<Evaluated>('Runtime.evaluate', {
        ...{ expression, awaitPromise: true, returnByValue: true },
      });
      if (answer.exceptionDetails) throw new Error(textOf(answer.exceptionDetails));
      return answer.result.value as T;
    },
    async screenshot() {
      const { data } = await send<{ data: string }>('Page.captureScreenshot');
      return Buffer.from(data, 'base64');
    },
    waitFor: (expression, timeoutMs) => pollPage(page, expression, timeoutMs),
    async throttle(rate) {
      await send('Emulation.setCPUThrottlingRate', { rate });
    },
    async setHidden(hidden) {
      front ??= await open();
      await devtools.command('Target.activateTarget', { targetId: hidden ? front : target });
      await page.waitFor(`document.hidden === ${hidden}`, 5000);
    },
    async heapBytes() {
      await send('HeapProfiler.collectGarbage');
      return (await send<{ usedSize: number }>('Runtime.getHeapUsage')).usedSize;
    },
    close() {
      closing ??= (async () => {
        devtools.close();
        await end();
      })();
      return closing;
    },
  };
  return page;
}

interface Evaluated {
  result: { value?: unknown };
  exceptionDetails?: { text: string; exception?: { description?: string } };
}

const textOf = ({ exception, text }: NonNullable<Evaluated['exceptionDetails']>): string =>
  exception?.description ?? text;
