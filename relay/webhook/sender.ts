import { HayateError } from '@hayate/codec/errors';
import type { DeliveryOutcome, Ledger, OutboxEntry } from '../ledger/types.ts';
import type { Counters } from '../telemetry/counters.ts';
import type { Attempt as AttemptSpan, GiftTraces } from '../telemetry/traces/gifts.ts';
import { logged } from '../telemetry/traces/ids.ts';
import { type Clock, systemClock } from './clock.ts';
import { eventBody, idempotencyKey } from './event.ts';
import {
  type AttemptResult,
  type BackendHealth,
  DEFAULT_POLICY,
  type DeliveryPolicy,
  HEALTHY,
  healthAfter,
  isDown,
  outcomeOf,
  verdictOf,
} from './policy.ts';
import { type Post, post } from './post.ts';
import { DeliveryQueue, type QueueLimits } from './queue.ts';
import { type Secrets, signedHeaders } from './signature.ts';

const PAGE = 500;
/** Other processes may append or void; their records are seen so late. */
const POLL_MS = 1000;
/** And what they put back into the outbox. */
const RESCAN_MS = 60_000;
/** After a ledger that was busy, full, or failed: that one is opened again. */
const LEDGER_RETRY_MS = 1000;
/** A ledger with a failed disk says so until it is open again, which its owner tries for ever. */
const OPENED_AGAIN = new Set(['ledger_failed', 'ledger_read_only']);
const FAR_MS = Number.MAX_SAFE_INTEGER;

/** What the sender says of itself; pino does. No secret, body or path is ever told. */
interface SenderLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface WebhookSenderOptions {
  ledger: Ledger;
  /** From `webhookUrl`. */
  url: URL;
  /** Read again each minute: a new file needs no restart. Rejections leave the ones before. */
  secrets: () => Promise<Secrets>;
  counters: Counters;
  log: SenderLog;
  traces?: GiftTraces | undefined;
  policy?: Partial<DeliveryPolicy>;
  /** Time of one attempt, ms. Default 10 000. */
  timeoutMs?: number;
  /** Attempts at once. Default 8. */
  concurrency?: number;
  limits?: Partial<QueueLimits>;
  clock?: Clock;
  /** From 0 to below 1. */
  random?: () => number;
  post?: Post;
}

export interface SenderStats {
  /** Attempts under way. */
  sending: number;
  /** Records in memory that wait, bounded: the outbox may hold more. */
  waiting: number;
  /** Age of the oldest waiting record, ms; 0 when none waits. */
  oldestMs: number;
  /** False: one attempt at a time tries whether the backend is back. */
  available: boolean;
}

interface Finished {
  entry: OutboxEntry;
  outcome: DeliveryOutcome;
  starved: boolean;
}

/**
 * Delivers a ledger's outbox to a webhook: at least once, each room in its order (a record is sent when every earlier one
 * of its room was taken or is a dead letter). Lives until `close`, or until the ledger fails for good (`ended`).
 */
export class WebhookSender {
  /** Resolves when nothing is sent any more: with what ended the ledger, with undefined after `close`. */
  readonly ended: Promise<HayateError | undefined>;
  readonly #options: Required<Omit<WebhookSenderOptions, 'policy' | 'limits' | 'traces'>> & { policy: DeliveryPolicy };
  readonly #traces: GiftTraces | undefined;
  readonly #queue: DeliveryQueue;
  readonly #abort = new AbortController();
  readonly #finished: Finished[] = [];
  #secrets: Secrets = [];
  #health: BackendHealth = HEALTHY;
  #sending = new Set<Promise<void>>();
  /** The outbox was read up to this id. */
  #readTo = 0;
  #closing = false;
  #rescan = true;
  #rescanAtMs = 0;
  #poke: (() => void) | undefined;
  #poked = false;

  constructor(options: WebhookSenderOptions) {
    const { policy, limits, traces, ...given } = options;
    this.#traces = traces;
    this.#options = {
      timeoutMs: 10_000,
      concurrency: 8,
      clock: systemClock,
      random: Math.random,
      post,
      ...given,
      policy: { ...DEFAULT_POLICY, ...policy },
    };
    this.#queue = new DeliveryQueue(limits);
    this.ended = this.#run();
  }

  /** There are new records. `rescan`: old ones were put back into the outbox too. */
  wake({ rescan = false } = {}): void {
    if (rescan) this.#rescan = true;
    this.#poked = true;
    this.#poke?.();
  }

  stats(): SenderStats {
    const oldestAtMs = this.#queue.oldestAtMs();
    return {
      sending: this.#sending.size,
      waiting: this.#queue.size - this.#sending.size - this.#finished.length,
      oldestMs: oldestAtMs === undefined ? 0 : Math.max(0, this.#options.clock.nowMs() - oldestAtMs),
      available: !isDown(this.#health),
    };
  }

  /**
   * Starts nothing more and waits for what is under way, at most `graceMs` (default 2000); what is cut off then will be sent
   * again, under its old key. Settles the rest. The ledger stays open. Idempotent.
   */
  async close({ graceMs = 2000 } = {}): Promise<void> {
    this.#closing = true;
    this.wake();
    const cancel = this.#options.clock.after(graceMs, () => this.#abort.abort());
    await this.ended;
    cancel();
  }

  async #run(): Promise<HayateError | undefined> {
    const { clock, log } = this.#options;
    for (;;) {
      let waitMs = POLL_MS;
      this.#poked = false;
      try {
        await this.#settle();
        if (this.#closing && this.#sending.size === 0 && this.#finished.length === 0) return undefined;
        if (!this.#closing) {
          await this.#read();
          this.#launch();
          waitMs = Math.min(waitMs, this.#nextMs() - clock.nowMs());
        }
      } catch (error) {
        const failure =
          error instanceof HayateError ? error : new HayateError('internal', 'a fault of the sender', { cause: error });
        const { code, retryable } = failure;
        const lasting = code === 'ledger_closed' || !(retryable || OPENED_AGAIN.has(code));
        if (lasting || this.#closing) {
          this.#abort.abort();
          await Promise.all(this.#sending);
          log.error({ code: failure.code, err: failure }, 'gifts are delivered no more');
          return failure;
        }
        log.warn({ code: failure.code }, 'the outbox waits for the ledger');
        waitMs = LEDGER_RETRY_MS;
      }
      await this.#pause(waitMs);
    }
  }

  /** Until something happens, or so long. */
  #pause(ms: number): Promise<void> {
    if (this.#poked) return Promise.resolve();
    return new Promise((resolve) => {
      const done = () => {
        cancel();
        this.#poke = undefined;
        resolve();
      };
      const cancel = this.#options.clock.after(Math.max(0, ms), done);
      this.#poke = done;
    });
  }

  /** One transaction for all that came to an end. It leaves memory only when it is durable. */
  async #settle(): Promise<void> {
    if (this.#finished.length === 0) return;
    const batch = this.#finished.slice(0, PAGE);
    await this.#options.ledger.settle(batch.map(({ outcome }) => outcome));
    this.#finished.splice(0, batch.length);
    for (const { entry, outcome, starved } of batch) this.#queue.settle(entry.record.room, outcome, starved);
  }

  async #read(): Promise<void> {
    const { ledger, clock } = this.#options;
    const nowMs = clock.nowMs();
    if (nowMs >= this.#rescanAtMs) {
      this.#rescan = true;
      this.#rescanAtMs = nowMs + RESCAN_MS;
      await this.#readSecrets();
    }
    const rescan = this.#rescan;
    const from = rescan ? 0 : Math.min(this.#queue.scanFrom() ?? this.#readTo, this.#readTo);
    this.#rescan = false;
    try {
      for (let after = from; ; ) {
        const page = await ledger.outbox(FAR_MS, PAGE, after);
        this.#queue.offer(page, from);
        after = page.at(-1)?.record.id ?? after;
        this.#readTo = Math.max(this.#readTo, after);
        if (page.length < PAGE) {
          this.#queue.scanned(from);
          return;
        }
        // A part read again is enough once no room hungers; what is new comes after it, in the next turn.
        if (!rescan && after < this.#readTo && this.#queue.scanFrom() === undefined) {
          this.#poked = true;
          return;
        }
      }
    } catch (error) {
      this.#rescan ||= rescan;
      throw error;
    }
  }

  async #readSecrets(): Promise<void> {
    const { secrets, log } = this.#options;
    try {
      this.#secrets = await secrets();
    } catch (error) {
      log.error({ err: error }, 'the webhook secret cannot be read; the last one stays');
    }
  }

  #launch(): void {
    const nowMs = this.#options.clock.nowMs();
    if (this.#secrets.length === 0) return;
    while (nowMs >= this.#health.untilMs && this.#sending.size < this.#most()) {
      const entry = this.#queue.take(nowMs);
      if (!entry) return;
      const attempt = this.#attempt(entry).finally(() => {
        this.#sending.delete(attempt);
        this.wake();
      });
      this.#sending.add(attempt);
    }
  }

  /** Attempts at once. */
  #most(): number {
    return isDown(this.#health) ? 1 : this.#options.concurrency;
  }

  /** When something can be launched; what ends wakes by itself. */
  #nextMs(): number {
    if (this.#secrets.length === 0 || this.#sending.size >= this.#most()) return FAR_MS;
    return Math.max(this.#health.untilMs, this.#queue.nextDueMs() ?? FAR_MS);
  }

  async #attempt(entry: OutboxEntry): Promise<void> {
    const { url, clock, timeoutMs, counters, random, policy } = this.#options;
    const startedMs = clock.nowMs();
    const body = eventBody(entry.record);
    const signed = signedHeaders(idempotencyKey(entry.record), body, startedMs, this.#secrets);
    const span = this.#traces?.attempt(entry.record, entry.attempts + 1);
    const headers = span ? { ...signed, traceparent: span.traceparent } : signed;
    const result = await this.#options.post({ url, headers, body, timeoutMs, signal: this.#abort.signal });
    if (!result) {
      // Cut off by `close`: not settled, so that the next process sends it again.
      span?.end('retry', { fault: 'cut_off' });
      return;
    }
    const attempt = { entry, startedMs, endedMs: clock.nowMs(), result };
    const before = this.#health;
    this.#health = healthAfter(before, attempt, policy, random());
    const outcome = outcomeOf(attempt, this.#health, policy, random());
    this.#finished.push({ entry, outcome, starved: verdictOf(result) === 'unavailable' });
    counters.add('gift_deliveries', outcome.outcome);
    counters.add('gift_attempts', labelOf(result));
    span?.end(outcome.outcome, spanAnswer(result));
    this.#tell(entry, outcome, result, before, span);
    if (isDown(before) && !isDown(this.#health)) this.#queue.release(attempt.endedMs);
  }

  #tell(
    { record, attempts }: OutboxEntry,
    outcome: DeliveryOutcome,
    result: AttemptResult,
    before: BackendHealth,
    span: AttemptSpan | undefined,
  ): void {
    const { log, url } = this.#options;
    const told = { why: labelOf(result), ...logged(span?.ids) };
    if (outcome.outcome === 'dead') {
      const { id, room } = record;
      log.error({ id, room, attempts: attempts + 1, ...told }, 'a gift became a dead letter');
    }
    if (isDown(this.#health) && !isDown(before)) {
      log.error({ backend: url.origin, ...told }, 'the backend takes no gifts');
    }
    if (isDown(before) && !isDown(this.#health)) log.info({ backend: url.origin }, 'the backend takes gifts again');
  }
}

function spanAnswer(result: AttemptResult): Parameters<AttemptSpan['end']>[1] {
  const fault = verdictOf(result) === 'delivered' ? {} : { fault: labelOf(result) };
  return { ...(result.kind === 'answer' && { status: result.status }), ...fault };
}

function labelOf(result: AttemptResult): string {
  return result.kind === 'silence' ? result.reason : String(result.status);
}
