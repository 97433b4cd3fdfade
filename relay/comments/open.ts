import { HayateError } from '@hayate/codec/errors';
import type { Logger } from 'pino';
import type { RelayConfig } from '../config/schema.ts';
import type { Counters } from '../telemetry/counters.ts';
import { readSecrets, webhookUrl } from '../webhook/index.ts';
import { type CommentFilter, FilterChain, GuardedFilter } from './filter.ts';
import { HookFilter } from './hook.ts';
import type { CommentClock } from './types.ts';
import { WordFileFilter } from './words.ts';

/** A new secret is taken after so long. */
const SECRETS_MS = 60_000;

export const systemClock: CommentClock = {
  nowMs: () => performance.now(),
  dateMs: () => Date.now(),
  after(ms, callback) {
    const timer = setTimeout(callback, ms);
    return () => clearTimeout(timer);
  },
};

/** The word filter that a relay is configured with. */
export interface OpenFilter {
  /** Undefined: every comment is shown as it came. */
  filter: CommentFilter | undefined;
  /** False while the backend's filter is known to be down; undefined where there is none. */
  up(): boolean | undefined;
  close(): void;
}

export interface FilterDeps {
  counters: Counters;
  log: Logger;
  clock?: CommentClock;
}

/** @throws HayateError `invalid_argument`: the URL, the secret or the word list is of no use */
export async function openFilter(
  { words, url, secretFile, timeoutMs, concurrency, onTimeout }: RelayConfig['comments']['filter'],
  { counters, log, clock = systemClock }: FilterDeps,
): Promise<OpenFilter> {
  const filters: CommentFilter[] = [];
  if (words !== undefined) {
    filters.push(
      await WordFileFilter.open({
        file: words,
        nowMs: () => clock.nowMs(),
        counts: counters,
        onRead: (count) => log.info({ words: count }, 'word list read'),
        onFailed: (error) => log.warn({ err: error }, 'the word list was not read again: the words before stay'),
      }),
    );
  }
  if (url === undefined) return { filter: filters[0], up: () => undefined, close: () => {} };
  if (secretFile === undefined) throw new HayateError('invalid_argument', 'comments.filter.url without a secretFile');
  let secrets = await readSecrets(secretFile);
  const timer = setInterval(() => {
    readSecrets(secretFile).then(
      (read) => {
        secrets = read;
      },
      (error: unknown) => log.warn({ err: error }, 'the secret of the comment filter was not read again'),
    );
  }, SECRETS_MS);
  timer.unref();
  const guard = new GuardedFilter({
    filter: new HookFilter({ url: webhookUrl(url), secrets: () => secrets, dateMs: () => clock.dateMs() }),
    timeoutMs,
    concurrency,
    onTimeout,
    clock,
    counts: counters,
    onChange: (up) =>
      log.warn({ up, onTimeout }, up ? 'the comment filter answers again' : 'the comment filter is down'),
  });
  filters.push(guard);
  const filter = filters.length === 1 ? guard : new FilterChain(filters);
  return { filter, up: () => guard.up, close: () => clearInterval(timer) };
}
