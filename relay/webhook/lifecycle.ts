import { randomUUID } from 'node:crypto';
import type { Logger } from 'pino';
import type { RelayConfig } from '../config/schema.ts';
import type { Counters } from '../telemetry/counters.ts';
import { type Clock, systemClock } from './clock.ts';
import { backoffMs, type RetryPolicy, verdictOf } from './policy.ts';
import { type Post, post, webhookUrl } from './post.ts';
import { readSecrets, type Secrets, signedHeaders } from './signature.ts';

const MAX_WAITING = 1000;
const MAX_ATTEMPTS = 6;
const CONCURRENCY = 8;
const SECRETS_MS = 60_000;
/** 1, 2, 4, 8, 16 s: a backend that is away for longer has to ask for the rooms. */
const RETRY: RetryPolicy = { firstRetryMs: 1000, maxRetryMs: 16_000 };

/** What happened to a room. Texts are as in tokens, times ms since 1970. */
export type RoomEventData =
  | { type: 'room.opened'; room: string }
  /** `empty`: nobody was there for `rooms.emptyMs`; `closed`: by a moderator or the backend; `relay`: it ended. */
  | { type: 'room.closed'; room: string; reason: 'empty' | 'closed' | 'relay'; openedAtMs: number }
  /** A liver's connection broke, and nobody took its slot up again within `rooms.lingerMs`. */
  | { type: 'liver.lost'; room: string; sub: string; slot: number };

interface Waiting {
  id: string;
  room: string;
  body: string;
  attempts: number;
  nextAtMs: number;
}

interface LifecycleOptions {
  url: URL;
  secrets(): Promise<Secrets>;
  timeoutMs: number;
  counters: Counters;
  log: Logger;
  clock?: Clock;
  random?: () => number;
  post?: Post;
}

/** That of the configuration; undefined where there is none. @throws HayateError `invalid_argument` (URL, secret) */
export async function openLifecycle(
  { rooms }: Pick<RelayConfig, 'rooms'>,
  { counters, log }: Pick<LifecycleOptions, 'counters' | 'log'>,
): Promise<LifecycleSender | undefined> {
  const { url, secretFile, timeoutMs } = rooms.webhook;
  if (url === undefined || secretFile === undefined) return undefined;
  // Once before anything is told: a relay that cannot sign does not start.
  await readSecrets(secretFile);
  return new LifecycleSender({
    url: webhookUrl(url),
    secrets: () => readSecrets(secretFile),
    timeoutMs,
    counters,
    log,
  });
}

/**
 * Tells the backend of rooms that open and close and of livers that are lost, by signed webhook, each room in its order. Not
 * durable: at most 1000 events wait in memory, the oldest go first; an event goes after 6 attempts, and with the process.
 */
export class LifecycleSender {
  readonly #options: Required<LifecycleOptions>;
  readonly #abort = new AbortController();
  readonly #sending = new Map<Waiting, Promise<void>>();
  #waiting: Waiting[] = [];
  #secrets: Secrets = [];
  #secretsAtMs = Number.NEGATIVE_INFINITY;
  #cancel: (() => void) | undefined;
  #closing = false;

  constructor(options: LifecycleOptions) {
    this.#options = { clock: systemClock, random: Math.random, post, ...options };
  }

  /** Events that wait or are under way. */
  get waiting(): number {
    return this.#waiting.length;
  }

  send({ type, ...data }: RoomEventData): void {
    const { clock } = this.#options;
    if (this.#waiting.length >= MAX_WAITING) {
      const oldest = this.#waiting.findIndex((each) => !this.#sending.has(each));
      this.#waiting.splice(oldest, 1);
      this.#count('dropped');
    }
    const nowMs = clock.nowMs();
    const body = JSON.stringify({ type, timestamp: new Date(nowMs).toISOString(), data });
    this.#waiting.push({ id: `msg_${randomUUID()}`, room: data.room, body, attempts: 0, nextAtMs: nowMs });
    this.#launch();
  }

  /** Sends what waits, at most for `graceMs` (default 2000). Idempotent. */
  async close({ graceMs = 2000 } = {}): Promise<void> {
    if (this.#closing) return;
    const cancel = this.#options.clock.after(graceMs, () => this.#abort.abort());
    // What failed before waits for no other try.
    this.#closing = true;
    this.#launch();
    while (this.#sending.size > 0) await Promise.all(this.#sending.values());
    cancel();
    this.#cancel?.();
    for (const _ of this.#waiting) this.#count('dropped');
    this.#waiting = [];
  }

  #launch(): void {
    const { clock } = this.#options;
    const nowMs = clock.nowMs();
    const busy = new Set<string>([...this.#sending.keys()].map(({ room }) => room));
    let nextMs = Number.POSITIVE_INFINITY;
    for (const each of this.#waiting) {
      if (this.#sending.size >= CONCURRENCY) break;
      if (busy.has(each.room)) continue;
      busy.add(each.room);
      if (each.nextAtMs > nowMs) nextMs = Math.min(nextMs, each.nextAtMs);
      else this.#sending.set(each, this.#attempt(each));
    }
    this.#cancel?.();
    this.#cancel = undefined;
    if (nextMs < Number.POSITIVE_INFINITY && !this.#closing) {
      this.#cancel = clock.after(nextMs - nowMs, () => this.#launch());
    }
  }

  async #attempt(event: Waiting): Promise<void> {
    const { url, timeoutMs, clock, random } = this.#options;
    const { id, body } = event;
    await this.#readSecrets();
    const headers = signedHeaders(id, body, clock.nowMs(), this.#secrets);
    const result = await this.#options.post({ url, headers, body, timeoutMs, signal: this.#abort.signal });
    this.#sending.delete(event);
    event.attempts++;
    const verdict = result ? verdictOf(result) : 'unavailable';
    if (verdict === 'unavailable' && event.attempts < MAX_ATTEMPTS && !this.#closing) {
      this.#count('retry');
      event.nextAtMs = clock.nowMs() + backoffMs(event.attempts, RETRY, random());
    } else {
      this.#count(verdict === 'delivered' ? 'delivered' : 'dropped');
      this.#waiting = this.#waiting.filter((each) => each !== event);
    }
    this.#launch();
  }

  /** While they are exchanged the file may be half of it: the last ones stay. */
  async #readSecrets(): Promise<void> {
    const { clock, secrets, log } = this.#options;
    const nowMs = clock.nowMs();
    if (nowMs - this.#secretsAtMs < SECRETS_MS) return;
    this.#secretsAtMs = nowMs;
    try {
      this.#secrets = await secrets();
    } catch (error) {
      log.error({ err: error }, 'the secret of rooms.webhook cannot be read; the last one stays');
    }
  }

  #count(result: string): void {
    this.#options.counters.add('room_events', result);
  }
}
