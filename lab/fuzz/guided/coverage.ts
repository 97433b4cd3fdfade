import type { Profiler } from 'node:inspector';
import { Session } from 'node:inspector';

/**
 * Which blocks of source this thread has run, as V8 counts them. One at a time in a thread; `close` ends the counting.
 * Only scripts whose file ends with one of the given paths count.
 */
export class Coverage {
  readonly #session = new Session();
  readonly #files: readonly string[];
  /** Of each script: 1 for each character that ran. */
  readonly #ran = new Map<string, Uint8Array>();
  readonly #blocks = new Set<string>();

  constructor(files: readonly string[]) {
    this.#files = files;
    this.#session.connect();
    this.#session.post('Profiler.enable');
    this.#session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  }

  /** Functions and blocks that ran so far. */
  get blocks(): number {
    return this.#blocks.size;
  }

  /** Forgets what ran since the last look. */
  skip(): void {
    this.#take();
  }

  /** Whether what ran since the last look holds a character that never ran before; `keep`: from now on it has. */
  news(keep: boolean): boolean {
    let found = false;
    for (const script of this.#take()) {
      if (!this.#files.some((file) => script.url.endsWith(file))) continue;
      found = this.#look(script, keep) || found;
      if (found && !keep) return true;
    }
    return found;
  }

  close(): void {
    this.#session.post('Profiler.stopPreciseCoverage');
    this.#session.disconnect();
  }

  #take(): Profiler.ScriptCoverage[] {
    let taken: Profiler.ScriptCoverage[] = [];
    // Of one's own thread the answer comes before `post` returns.
    this.#session.post('Profiler.takePreciseCoverage', (error, answer) => {
      if (error) throw error;
      taken = answer.result;
    });
    return taken;
  }

  #look({ url, functions }: Profiler.ScriptCoverage, keep: boolean): boolean {
    const end = Math.max(...functions.map(({ ranges }) => ranges[0]!.endOffset));
    const now = new Uint8Array(end);
    // Outer functions come before inner ones and a function's range before its blocks': the later one is the finer.
    for (const { ranges } of functions) {
      for (const { startOffset, endOffset, count } of ranges) now.fill(count > 0 ? 1 : 0, startOffset, endOffset);
    }
    let ran = this.#ran.get(url);
    if (ran === undefined || ran.length < end) {
      const grown = new Uint8Array(end);
      if (ran) grown.set(ran);
      ran = grown;
      this.#ran.set(url, ran);
    }
    let found = false;
    for (let at = 0; at < end; at++) {
      if (now[at] === 0 || ran[at] === 1) continue;
      if (!keep) return true;
      found = true;
      ran[at] = 1;
    }
    if (found) this.#count(url, functions);
    return found;
  }

  #count(url: string, functions: Profiler.FunctionCoverage[]): void {
    for (const { ranges } of functions) {
      for (const { startOffset, endOffset, count } of ranges) {
        if (count > 0) this.#blocks.add(`${url}:${startOffset}-${endOffset}`);
      }
    }
  }
}
