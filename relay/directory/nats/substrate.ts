import { JetStreamApiError, type JetStreamClient, type JetStreamManager, jetstream } from '@nats-io/jetstream';
import { createInbox, headers, type Msg, type MsgHdrs, type NatsConnection } from '@nats-io/nats-core';
import { type Clock, systemClock } from '../../webhook/clock.ts';
import { type BucketKind, RevisionConflict, type Stored, type Substrate } from '../substrate.ts';
import {
  ensureBuckets,
  heartbeatSubject,
  keySubject,
  managerOf,
  newsSubject,
  orderSubject,
  streamName,
} from './buckets.ts';
import { type NatsLink, Subscriptions } from './link.ts';
import { fromSubjectToken, subjectToken } from './token.ts';

export interface NatsSubstrateOptions {
  region: string;
  regions: readonly string[];
  /** Copies of each bucket, here and of other regions: 3 with three servers. */
  replicas: 1 | 3;
  /** For the own domain and for another one to answer, ms. */
  timeoutMs: number;
  farTimeoutMs: number;
  clock?: Clock;
}

/** Between attempts to make the buckets, while a domain that just started has no leader yet. */
const ENSURE_RETRY_MS = 500;
const LIST_BATCH = 1000;
const WRONG_LAST_SEQUENCE = 10071;
const WRONG_LAST_SEQUENCE_CONSTANT = 10164;

interface Domain {
  connection: NatsConnection;
  manager: JetStreamManager;
  client: JetStreamClient;
}

/** Buckets in JetStream key-value streams, one domain a region. */
export class NatsSubstrate implements Substrate {
  readonly region: string;
  readonly regions: readonly string[];
  readonly #link: NatsLink;
  readonly #ownsLink: boolean;
  readonly #options: NatsSubstrateOptions;
  readonly #clock: Clock;
  readonly #subscriptions: Subscriptions;
  readonly #callbacks: ((connected: boolean) => void)[] = [];
  #domains = new Map<string, Domain>();
  #ready = false;
  #stopRetry: (() => void) | undefined;
  readonly #stopLink: () => void;
  #closed = false;

  /** `ownsLink`: `shutdown` closes the link too. */
  constructor(link: NatsLink, ownsLink: boolean, options: NatsSubstrateOptions) {
    this.#link = link;
    this.#ownsLink = ownsLink;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.region = options.region;
    this.regions = options.regions;
    this.#subscriptions = new Subscriptions(link);
    this.#stopLink = link.onConnected((connection) => {
      this.#stopRetry?.();
      if (connection) void this.#prepare(connection);
      else this.#setReady(false);
    });
  }

  get connected(): boolean {
    return this.#ready;
  }

  onConnected(callback: (connected: boolean) => void): void {
    this.#callbacks.push(callback);
  }

  async read(kind: BucketKind, region: string, key: string, where: 'near' | 'home'): Promise<Stored | undefined> {
    const token = subjectToken(key);
    const query = { last_by_subj: keySubject(kind, region, token) };
    const stream = streamName(kind, region);
    // Direct: any replica answers, perhaps one that is behind. The stream's leader is asked where it has to be right.
    const message =
      where === 'near'
        ? await this.#domain(this.region).manager.direct.getMessage(stream, query)
        : await this.#domain(region).manager.streams.getMessage(stream, query);
    return message ? { key, revision: message.seq, value: textOf(message.header, message.data) } : undefined;
  }

  async list(
    kind: BucketKind,
    region: string,
    where: 'near' | 'home',
  ): Promise<{ entries: Stored[]; revision: number }> {
    const domain = where === 'near' ? this.region : region;
    const { connection } = this.#domain(domain);
    const { inboxPrefix } = this.#link;
    const subject = `$JS.${domain}.API.DIRECT.GET.${streamName(kind, region)}`;
    const entries: Stored[] = [];
    let revision = 0;
    for (let more = true; more; ) {
      const before = revision;
      const ask = { seq: revision + 1, batch: LIST_BATCH };
      await batch(
        { connection, inboxPrefix },
        this.#clock,
        subject,
        ask,
        this.#options.timeoutMs,
        ({ headers, data }) => {
          revision = Number(headers?.get('Nats-Sequence'));
          const token = (headers?.get('Nats-Subject') ?? '').slice(keySubject(kind, region, '').length);
          entries.push({ key: fromSubjectToken(token), revision, value: textOf(headers, data) });
        },
      );
      more = revision > before;
    }
    return { entries, revision };
  }

  async revision(kind: BucketKind, region: string): Promise<number> {
    const query = { last_by_subj: keySubject(kind, region, '>') };
    const message = await this.#domain(region).manager.direct.getMessage(streamName(kind, region), query);
    return message?.seq ?? 0;
  }

  async write(
    kind: BucketKind,
    region: string,
    key: string,
    value: string | undefined,
    { expected, ttlS }: { expected?: number; ttlS?: number },
  ): Promise<number> {
    const head = headers();
    if (value === undefined) head.set('KV-Operation', 'DEL');
    if (ttlS !== undefined) head.set('Nats-TTL', `${ttlS}s`);
    try {
      // A key's subject does not cross leafnodes; the domain's API prefix takes it there, from its own servers too.
      const subject = `$JS.${region}.API.${keySubject(kind, region, subjectToken(key))}`;
      const { seq } = await this.#domain(region).client.publish(subject, value ?? '', {
        headers: head,
        ...(expected === undefined ? {} : { expect: { lastSubjectSequence: expected } }),
      });
      return seq;
    } catch (error) {
      if (
        error instanceof JetStreamApiError &&
        [WRONG_LAST_SEQUENCE, WRONG_LAST_SEQUENCE_CONSTANT].includes(error.code)
      ) {
        throw new RevisionConflict(error.message);
      }
      throw error;
    }
  }

  onWrite(kind: BucketKind, key: string, callback: (region: string, stored: Stored) => void): () => void {
    const subject = newsSubject(kind, '*', key === '*' ? '*' : subjectToken(key));
    return this.#subscriptions.add(subject, (message) => {
      const [, , region, token] = message.subject.split('.');
      const revision = Number(message.headers?.get('Nats-Sequence'));
      if (!region || !token || !Number.isSafeInteger(revision) || revision <= 0) return;
      callback(region, { key: fromSubjectToken(token), revision, value: textOf(message.headers, message.data) });
    });
  }

  heartbeat(region: string, id: string, payload: string): void {
    this.#link.connection?.publish(heartbeatSubject(region, subjectToken(id)), payload);
  }

  onHeartbeat(region: string, id: string, callback: (payload: string) => void): () => void {
    return this.#subscriptions.add(heartbeatSubject(region, subjectToken(id)), (message) => callback(message.string()));
  }

  order(region: string, id: string, what: string): void {
    this.#link.connection?.publish(orderSubject(region, subjectToken(id)), what);
  }

  onOrder(id: string, callback: (what: string) => void): () => void {
    return this.#subscriptions.add(orderSubject(this.region, subjectToken(id)), (message) =>
      callback(message.string()),
    );
  }

  async shutdown(): Promise<void> {
    this.#closed = true;
    this.#ready = false;
    this.#stopRetry?.();
    this.#stopLink();
    this.#subscriptions.close();
    if (this.#ownsLink) await this.#link.close();
  }

  /** Throws at once while there is no line, rather than have requests wait for one. */
  #domain(region: string): Domain {
    const domain = this.#domains.get(region);
    if (!domain || !this.#link.connection || this.#closed) throw new Error('no connection to NATS');
    return domain;
  }

  async #prepare(connection: NatsConnection): Promise<void> {
    const { region, regions, replicas, timeoutMs, farTimeoutMs } = this.#options;
    try {
      for (const domain of regions) {
        const timeout = domain === region ? timeoutMs : farTimeoutMs;
        const manager = await managerOf(connection, domain, timeout);
        this.#domains.set(domain, { connection, manager, client: jetstream(connection, { domain, timeout }) });
      }
      await ensureBuckets(this.#domains.get(region)!.manager, region, regions, replicas);
      if (this.#link.connection === connection) this.#setReady(true);
    } catch {
      // No leader yet, or gone again.
      if (this.#closed || this.#link.connection !== connection) return;
      this.#stopRetry = this.#clock.after(ENSURE_RETRY_MS, () => void this.#prepare(connection));
    }
  }

  #setReady(ready: boolean): void {
    if (this.#ready === ready || this.#closed) return;
    this.#ready = ready;
    for (const callback of this.#callbacks) callback(ready);
  }
}

/**
 * One batch of a stream's messages. By hand: the client's own leaves its subscription behind, and an empty answer as a
 * rejection that nobody can catch.
 */
function batch(
  { connection, inboxPrefix }: { connection: NatsConnection; inboxPrefix: string | undefined },
  clock: Clock,
  subject: string,
  ask: { seq: number; batch: number },
  timeoutMs: number,
  take: (message: Msg) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const inbox = createInbox(inboxPrefix);
    const end = (error?: Error) => {
      stopWaiting();
      if (!connection.isClosed()) subscription.unsubscribe();
      if (error) reject(error);
      else resolve();
    };
    let stopWaiting = clock.after(timeoutMs, () => end(new Error(`${subject} does not answer`)));
    const subscription = connection.subscribe(inbox, {
      callback: (error, message) => {
        const status = message.headers?.code ?? 0;
        if (error) end(error);
        else if (status === END_OF_BATCH || status === NOTHING_THERE) end();
        else if (status !== 0) end(new Error(`${subject}: ${status} ${message.headers?.description}`));
        else {
          stopWaiting();
          stopWaiting = clock.after(timeoutMs, () => end(new Error(`${subject} stopped answering`)));
          take(message);
        }
      },
    });
    connection.publish(subject, JSON.stringify(ask), { reply: inbox });
  });
}

const END_OF_BATCH = 204;
const NOTHING_THERE = 404;

/** Undefined for marks of removal, by a relay or by the server when a key expired. */
function textOf(header: MsgHdrs | undefined, data: Uint8Array): string | undefined {
  if (header?.get('KV-Operation') || header?.get('Nats-Marker-Reason')) return undefined;
  return new TextDecoder().decode(data);
}
