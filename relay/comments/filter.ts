import type { CommentClock, CommentCounts } from './types.ts';

/** What a filter looks at. */
export interface FilteredComment {
  room: string;
  sub: string;
  name?: string;
  text: string;
}

/** `unavailable`: nobody judged it, and the operator wants none shown that was not judged. */
export type Verdict = { do: 'allow' } | { do: 'replace'; text: string } | { do: 'refuse' } | { do: 'unavailable' };

/** Looks at each comment before anybody else does. Never rejects. */
export interface CommentFilter {
  /** @param signal nobody waits for the verdict any more */
  judge(comment: FilteredComment, signal: AbortSignal): Promise<Verdict>;
}

/** A filter that may fail: it rejects, or does not settle in time. */
export interface FallibleFilter {
  judge(comment: FilteredComment, signal: AbortSignal): Promise<Exclude<Verdict, { do: 'unavailable' }>>;
}

export interface GuardOptions {
  filter: FallibleFilter;
  /** From the comment's coming to the verdict, waiting for a place included, ms. */
  timeoutMs: number;
  /** Asked at once; others wait for a place. */
  concurrency: number;
  /** What becomes of a comment that nobody judged. */
  onTimeout: 'refuse' | 'show';
  clock: CommentClock;
  counts: CommentCounts;
  /** It began to fail, or answers again. */
  onChange?(up: boolean): void;
}

/** Failures in a row after which nobody waits for the filter any more. */
const DOWN_AFTER = 5;
/** Then one comment at a time tries it again, after so long, doubled each time. */
const FIRST_RETRY_MS = 1000;
const MAX_RETRY_MS = 30_000;

/**
 * A deadline, a bound and a circuit breaker around a filter: a comment waits at most `timeoutMs`, and not at all for a filter
 * that is known to be down.
 */
export class GuardedFilter implements CommentFilter {
  readonly #options: GuardOptions;
  readonly #waiting: (() => void)[] = [];
  #asking = 0;
  #failures = 0;
  #retryAtMs = 0;
  #trying = false;

  constructor(options: GuardOptions) {
    this.#options = options;
  }

  /** False while the filter is known to be down. */
  get up(): boolean {
    return this.#failures < DOWN_AFTER;
  }

  async judge(comment: FilteredComment, signal: AbortSignal): Promise<Verdict> {
    const { clock } = this.#options;
    const trial = !this.up;
    if (trial) {
      if (this.#trying || clock.nowMs() < this.#retryAtMs) return this.#unjudged('down');
      this.#trying = true;
    }
    const deadline = new AbortController();
    const stop = () => deadline.abort();
    const cancel = clock.after(this.#options.timeoutMs, stop);
    signal.addEventListener('abort', stop, { once: true });
    try {
      if (!(await this.#place(deadline.signal))) return this.#unjudged('busy');
      return await this.#ask(comment, deadline.signal, signal);
    } finally {
      cancel();
      signal.removeEventListener('abort', stop);
      if (trial) this.#trying = false;
    }
  }

  async #ask(comment: FilteredComment, deadline: AbortSignal, gone: AbortSignal): Promise<Verdict> {
    const { filter, counts } = this.#options;
    const late = Promise.withResolvers<undefined>();
    deadline.addEventListener('abort', () => late.resolve(undefined), { once: true });
    const asked = filter.judge(comment, deadline);
    // Its place is free when it has ended, not when nobody waits for it any more.
    const ended = () => this.#free();
    asked.then(ended, ended);
    try {
      const verdict = await Promise.race([asked, late.promise]);
      if (verdict) {
        this.#answered();
        counts.add('comment_filter', verdict.do);
        return verdict;
      }
      if (gone.aborted) return { do: 'unavailable' };
      this.#failed();
      return this.#unjudged('timeout');
    } catch {
      if (gone.aborted) return { do: 'unavailable' };
      this.#failed();
      return this.#unjudged(deadline.aborted ? 'timeout' : 'error');
    }
  }

  /** False when there was none in time. */
  async #place(deadline: AbortSignal): Promise<boolean> {
    if (this.#asking < this.#options.concurrency) {
      this.#asking += 1;
      return true;
    }
    if (deadline.aborted) return false;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const given = () => resolve(true);
    this.#waiting.push(given);
    deadline.addEventListener('abort', () => resolve(false), { once: true });
    if ((await promise) && !deadline.aborted) return true;
    const at = this.#waiting.indexOf(given);
    if (at >= 0) this.#waiting.splice(at, 1);
    // It was given to one who had gone.
    else this.#free();
    return false;
  }

  #free(): void {
    const next = this.#waiting.shift();
    if (next) next();
    else this.#asking -= 1;
  }

  #answered(): void {
    if (!this.up) this.#options.onChange?.(true);
    this.#failures = 0;
  }

  #failed(): void {
    this.#failures += 1;
    if (this.up) return;
    const doublings = Math.min(10, this.#failures - DOWN_AFTER);
    this.#retryAtMs = this.#options.clock.nowMs() + Math.min(MAX_RETRY_MS, FIRST_RETRY_MS * 2 ** doublings);
    if (this.#failures === DOWN_AFTER) this.#options.onChange?.(false);
  }

  #unjudged(why: 'down' | 'busy' | 'timeout' | 'error'): Verdict {
    const { counts, onTimeout } = this.#options;
    counts.add('comment_filter', why);
    return { do: onTimeout === 'show' ? 'allow' : 'unavailable' };
  }
}

/** One after the other: the first that does not allow decides; what one replaced goes on to the next. */
export class FilterChain implements CommentFilter {
  readonly #filters: readonly CommentFilter[];

  constructor(filters: readonly CommentFilter[]) {
    this.#filters = filters;
  }

  async judge(comment: FilteredComment, signal: AbortSignal): Promise<Verdict> {
    let { text } = comment;
    for (const filter of this.#filters) {
      const verdict = await filter.judge({ ...comment, text }, signal);
      if (verdict.do === 'replace') text = verdict.text;
      else if (verdict.do !== 'allow') return verdict;
    }
    return text === comment.text ? { do: 'allow' } : { do: 'replace', text };
  }
}
