import { setTimeout as sleep } from 'node:timers/promises';
import {
  type ConsumerMessages,
  JetStreamApiError,
  type JetStreamClient,
  type JetStreamManager,
  jetstream,
  jetstreamManager,
  type StoredMsg,
} from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import { ledgerError } from '../errors.ts';
import { giftStreams } from './streams.ts';

/** A server that has no quorum does not answer at all. */
const TIMEOUT_MS = 2000;
const FAR_TIMEOUT_MS = 1000;
/** Heartbeats of consumers, and how long one may be missed. */
const HEARTBEAT_MS = 1000;
const SILENT_MS = 2500;
/** How often is looked for it within that time. */
const LOOKS = 5;
/** "wrong last sequence", known and not known by which. */
const CONFLICT = new Set([10_071, 10_164]);
const STREAM_EXISTS = 10_058;

export interface Expected {
  /** Of the messages of this subject, which may have wildcards, */
  filter: string;
  /** the last one has this sequence; 0: there is none. */
  sequence: number;
}

export interface Entry<T> {
  sequence: number;
  subject: string;
  body: T;
}

export interface GiftStoreOptions {
  nats: NatsConnection;
  region: string;
  regions: readonly string[];
  /** Of each message: 1 or 3. */
  copies: number;
  /** Its JetStream domain. Default: the region. */
  domain?: string;
  timeoutMs?: number;
}

/** Streams of gifts with values of JSON. What NATS does not answer rejects with `ledger_unavailable`. */
export class GiftStore {
  readonly nats: NatsConnection;
  readonly js: JetStreamClient;
  readonly region: string;
  readonly regions: readonly string[];
  readonly #jsm: JetStreamManager;
  readonly #others = new Map<string, GiftStore>();
  readonly #timeoutMs: number;

  private constructor(options: GiftStoreOptions, js: JetStreamClient, jsm: JetStreamManager) {
    this.nats = options.nats;
    this.region = options.region;
    this.regions = options.regions;
    this.#timeoutMs = options.timeoutMs ?? TIMEOUT_MS;
    this.js = js;
    this.#jsm = jsm;
  }

  /** Makes the streams where they are missing. @throws HayateError `ledger_unavailable` */
  static async open(options: GiftStoreOptions): Promise<GiftStore> {
    const { nats, region, regions, copies, domain = region, timeoutMs: timeout = TIMEOUT_MS } = options;
    try {
      const jsm = await jetstreamManager(nats, { domain, timeout, checkAPI: false });
      for (const config of giftStreams(region, regions, copies)) {
        await jsm.streams.add(config).catch((error) => {
          if (!(error instanceof JetStreamApiError && error.code === STREAM_EXISTS)) throw error;
        });
      }
      const store = new GiftStore(options, jetstream(nats, { domain, timeout }), jsm);
      for (const other of regions) if (other !== region) store.#others.set(other, await store.#to(options, other));
      return store;
    } catch (error) {
      throw unavailable(error);
    }
  }

  /**
   * The streams of a region where they are written. This region's copies of them come by mirrors, which go on up to a
   * minute after a failure (2.15): who follows reads there, and the copies are for a cut ocean.
   */
  at(region: string): GiftStore {
    return this.#others.get(region) ?? this;
  }

  async #to(options: GiftStoreOptions, region: string): Promise<GiftStore> {
    const to = { domain: region, timeout: FAR_TIMEOUT_MS };
    const jsm = await jetstreamManager(this.nats, { ...to, checkAPI: false });
    return new GiftStore({ ...options, region, timeoutMs: FAR_TIMEOUT_MS }, jetstream(this.nats, to), jsm);
  }

  /**
   * Resolves when the message is durable, with its sequence; with undefined when it is not as expected.
   * @throws HayateError `ledger_unavailable`: not known whether it was written
   */
  async append(subject: string, body: unknown, { filter, sequence }: Expected): Promise<number | undefined> {
    try {
      const expect = { lastSubjectSequence: sequence, lastSubjectSequenceSubject: filter };
      const { seq } = await this.js.publish(subject, JSON.stringify(body), { expect, timeout: this.#timeoutMs });
      return seq;
    } catch (error) {
      if (error instanceof JetStreamApiError && CONFLICT.has(error.code)) return undefined;
      throw unavailable(error);
    }
  }

  /** The last message of a subject, which may have wildcards: by the stream's leader. */
  last<T>(stream: string, subject: string): Promise<Entry<T> | undefined> {
    return this.#get(stream, { last_by_subj: subject });
  }

  /** The first message of a subject from a sequence on: by the stream's leader. */
  next<T>(stream: string, subject: string, from: number): Promise<Entry<T> | undefined> {
    return this.#get(stream, { seq: from, next_by_subj: subject });
  }

  async #get<T>(stream: string, query: object): Promise<Entry<T> | undefined> {
    try {
      const message = await this.#jsm.streams.getMessage(stream, query as { seq: number });
      return message ? entryOf<T>(message) : undefined;
    } catch (error) {
      throw unavailable(error);
    }
  }

  /** Of several subjects, those that have messages with their last ones. */
  async lastOf<T>(stream: string, subjects: readonly string[]): Promise<Entry<T>[]> {
    const out: Entry<T>[] = [];
    try {
      const found = await this.#jsm.direct.getLastMessagesFor(stream, { multi_last: [...subjects] });
      for await (const message of found) out.push(entryOf(message));
      return out;
    } catch (error) {
      if (isMissing(error)) return out;
      throw unavailable(error);
    }
  }

  /** Messages of a subject from a sequence on, in order; fewer where a copy is behind. */
  async page<T>(stream: string, subject: string, from: number, batch: number): Promise<Entry<T>[]> {
    const out: Entry<T>[] = [];
    try {
      const query = { seq: Math.max(1, from), batch, next_by_subj: subject };
      const found = await this.#jsm.direct.getBatch(stream, query as unknown as { seq: number; batch: number });
      let last = query.seq - 1;
      for await (const message of found) {
        // A copy that is behind (2.15, a server that has just started) answers with what it had before that.
        if (message.seq <= last) break;
        last = message.seq;
        out.push(entryOf(message));
      }
      return out;
    } catch (error) {
      if (isMissing(error)) return out;
      throw unavailable(error);
    }
  }

  /** The sequence of a stream's last message. */
  async lastSequence(stream: string): Promise<number> {
    try {
      return (await this.#jsm.streams.info(stream)).state.last_seq;
    } catch (error) {
      throw unavailable(error);
    }
  }

  /**
   * Every message of a subject from a sequence on, in order and without leaving one out, over failures of servers, until
   * the returned function is called.
   * @param after the sequence after which it begins
   */
  tail<T>(stream: string, subject: string, after: number, on: (entry: Entry<T>) => void): () => void {
    let ended = false;
    let seen = after;
    let stop: (() => void) | undefined;
    const run = async () => {
      while (!ended) {
        try {
          const consumer = await this.js.consumers.get(stream, {
            filter_subjects: subject,
            opt_start_seq: seen + 1,
            deliver_policy: 'by_start_sequence',
            inactive_threshold: 10_000_000_000,
          } as object);
          const messages = await consumer.consume({ idle_heartbeat: HEARTBEAT_MS });
          stop = () => messages.stop();
          if (ended) stop();
          const life = { silentLooks: 0 };
          void stopWhenBroken(messages, life);
          for await (const message of messages) {
            if (ended) break;
            life.silentLooks = 0;
            if (message.seq <= seen) continue;
            on(entryOf(message));
            seen = message.seq;
          }
        } catch {
          // Said elsewhere: every claim says it.
        }
        if (!ended) await sleep(200);
      }
    };
    void run();
    return () => {
      ended = true;
      stop?.();
    };
  }
}

/**
 * A consumer dies with its server, or with the way to it, and the client mends that by asking servers which may have no
 * answer for a minute: another consumer is there at once. And what was sent while a way between servers was cut is gone:
 * then the consumer has counted more than came here, and says so in its next heartbeat, which comes behind all it sent. There
 * is none while messages come. Silence is counted in looks and not by the clock: a process that stood still looks once when
 * it goes on, before it reads what came meanwhile.
 */
async function stopWhenBroken(messages: ConsumerMessages, life: { silentLooks: number }): Promise<void> {
  const timer = setInterval(() => {
    life.silentLooks += 1;
    if (life.silentLooks > LOOKS) messages.stop();
  }, SILENT_MS / LOOKS).unref();
  try {
    for await (const status of messages.status()) {
      if (status.type !== 'heartbeat') continue;
      life.silentLooks = 0;
      if (status.lastConsumerSequence > messages.getReceived()) messages.stop();
    }
  } finally {
    clearInterval(timer);
  }
}

function unavailable(cause: unknown): Error {
  return ledgerError('ledger_unavailable', 'NATS did not answer', cause);
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && (('code' in error && error.code === 404) || /not found/i.test(error.message));
}

function entryOf<T>(message: Pick<StoredMsg, 'seq' | 'subject' | 'data'>): Entry<T> {
  return {
    sequence: message.seq,
    subject: message.subject,
    body: JSON.parse(new TextDecoder().decode(message.data)) as T,
  };
}
