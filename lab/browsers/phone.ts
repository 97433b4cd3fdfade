import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { listeningAddress, stop } from './child.ts';
import { CHROMIUM_FLAGS } from './chromium.ts';
import { findBrowsers } from './find.ts';
import { type BrowserPage, type ConsoleLine, pollPage } from './page.ts';

const VIEWPORT = { width: 412, height: 915, deviceScaleFactor: 2, mobile: true };
const ANSWER_MS = 60_000;

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
    const devtools = await Devtools.open(await listeningAddress(child, /DevTools listening on (ws:\/\/\S+)/));
    return await openPage(devtools, child.pid ?? 0, end);
  } catch (error) {
    await end();
    throw error;
  }
}

async function openPage(devtools: Devtools, pid: number, end: () => Promise<void>): Promise<PhonePage> {
  const open = async () =>
    (await devtools.send<{ targetId: string }>('Target.createTarget', { url: 'about:blank' })).targetId;
  const target = await open();
  const { sessionId } = await devtools.send<{ sessionId: string }>('Target.attachToTarget', {
    ...{ targetId: target, flatten: true },
  });
  const send = <T>(method: string, params: object = {}) => devtools.send<T>(method, params, sessionId);
  const lines: ConsoleLine[] = [];
  const loaded: (() => void)[] = [];
  devtools.onEvent = (method, params) => {
    if (method === 'Page.loadEventFired') loaded.shift()?.();
    if (method === 'Runtime.consoleAPICalled') {
      const { type, args } = params as { type: string; args: { value?: unknown; description?: string }[] };
      const text = args.map(({ value, description }) => String(value ?? description)).join(' ');
      lines.push({ level: type === 'warning' ? 'warn' : type, text });
    }
    if (method === 'Runtime.exceptionThrown') {
      const { exceptionDetails } = params as {
        exceptionDetails: { text: string; exception?: { description?: string } };
      };
      lines.push({ level: 'exception', text: exceptionDetails.exception?.description ?? exceptionDetails.text });
    }
  };
  await send('Page.enable');
  await send('Runtime.enable');
  await send('Emulation.setDeviceMetricsOverride', VIEWPORT);
  await send('Emulation.setTouchEmulationEnabled', { enabled: true });
  const { product } = await devtools.send<{ product: string }>('Browser.getVersion');
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
      if (answer.exceptionDetails) {
        throw new Error(answer.exceptionDetails.exception?.description ?? answer.exceptionDetails.text);
      }
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
      await devtools.send('Target.activateTarget', { targetId: hidden ? front : target });
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

/** Chromium's DevTools protocol over one WebSocket, sessions flattened. */
class Devtools {
  onEvent: (method: string, params: unknown) => void = () => {};
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>();
  #lastId = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.addEventListener('message', (event) => this.#message(String(event.data)));
    socket.addEventListener('close', () => {
      for (const waiting of this.#waiting.values()) waiting.reject(new Error('the browser hung up'));
      this.#waiting.clear();
    });
  }

  static async open(url: string): Promise<Devtools> {
    const socket = new WebSocket(url);
    await new Promise<void>((resolve, reject) => {
      socket.addEventListener('open', () => resolve(), { once: true });
      socket.addEventListener('error', () => reject(new Error(`no DevTools at ${url}`)), { once: true });
    });
    return new Devtools(socket);
  }

  async send<T>(method: string, params: object = {}, sessionId?: string): Promise<T> {
    if (this.#socket.readyState !== WebSocket.OPEN) throw new Error('the browser hung up');
    const id = ++this.#lastId;
    const answer = Promise.withResolvers<unknown>();
    this.#waiting.set(id, answer);
    this.#socket.send(JSON.stringify({ id, method, params, ...(sessionId !== undefined && { sessionId }) }));
    const timer = setTimeout(() => {
      this.#waiting.delete(id);
      answer.reject(new Error(`the browser did not answer ${method} within ${ANSWER_MS / 1000} s`));
    }, ANSWER_MS);
    try {
      return (await answer.promise) as T;
    } finally {
      clearTimeout(timer);
    }
  }

  close(): void {
    this.#socket.close();
  }

  #message(text: string): void {
    const message = JSON.parse(text) as {
      id?: number;
      result?: unknown;
      error?: { message: string };
      method?: string;
      params?: unknown;
    };
    if (message.id === undefined) {
      this.onEvent(message.method ?? '', message.params);
      return;
    }
    const waiting = this.#waiting.get(message.id);
    this.#waiting.delete(message.id);
    if (message.error) waiting?.reject(new Error(message.error.message));
    else waiting?.resolve(message.result);
  }
}
