export interface ConsoleLine {
  /** `log`, `info`, `warn`, `error`, `debug`, or `exception` for an uncaught one. */
  level: string;
  text: string;
}

/** One page of a real browser. */
export interface BrowserPage {
  /** Browser and version, as it names itself. */
  readonly browser: string;
  /** Of the browser's first process; the others are in its session. */
  readonly pid: number;
  /** Everything the page logged so far, in order. */
  readonly console: ConsoleLine[];
  /** Resolves when the page has loaded. */
  goto(url: string): Promise<void>;
  /** The value of a JavaScript expression, awaited when it is a promise; it must survive JSON. Rejects when it throws. */
  evaluate<T = unknown>(expression: string): Promise<T>;
  /** PNG. */
  screenshot(): Promise<Buffer>;
  /** The first truthy value of `expression`, polled. Rejects after `timeoutMs` with the page's console in the message. */
  waitFor<T = unknown>(expression: string, timeoutMs: number): Promise<T>;
  /** Ends the browser and removes its profile. Idempotent. */
  close(): Promise<void>;
}

const POLL_MS = 50;

export async function pollPage<T>(
  page: Pick<BrowserPage, 'evaluate' | 'console'>,
  expression: string,
  timeoutMs: number,
): Promise<T> {
  const until = performance.now() + timeoutMs;
  for (;;) {
    const value = await page.evaluate<T>(expression);
    if (value) return value;
    if (performance.now() > until) {
      const log = page.console.slice(-20).map((line) => `  ${line.level}: ${line.text}`);
      throw new Error([`not within ${timeoutMs} ms: ${expression}`, ...log].join('\n'));
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
