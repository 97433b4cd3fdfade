import type { ConnectionOptions, Msg, NatsConnection } from '@nats-io/nats-core';
import { connect } from '@nats-io/transport-node';
import { type Clock, systemClock } from '../../webhook/clock.ts';

export interface NatsLinkOptions {
  /** Of the own region's domain: `nats://HOST:PORT`. */
  servers: readonly string[];
  /** Shown by the servers' monitoring. */
  name?: string;
  /** Whatever else the connection takes, as `authenticator` and `tls`. */
  connection?: ConnectionOptions;
  clock?: Clock;
}

const CONNECT_TIMEOUT_MS = 2000;
const RETRY_MS = 500;
/** A server that vanished without a word is noticed after so long three times. */
const PING_MS = 2000;

/**
 * One relay's connection to its region's NATS, shared by all that need it. It is there at once and connects when it can,
 * again and again: whoever uses it goes by `connection` and `onConnected`.
 */
export class NatsLink {
  readonly #options: NatsLinkOptions;
  readonly #clock: Clock;
  readonly #callbacks = new Set<(connection: NatsConnection | undefined) => void>();
  #connection: NatsConnection | undefined;
  #up = false;
  #stopRetry: (() => void) | undefined;
  #closed = false;

  constructor(options: NatsLinkOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    void this.#connect();
  }

  /** Undefined while there is none: what would be said now would be kept and said too late. */
  get connection(): NatsConnection | undefined {
    return this.#up ? this.#connection : undefined;
  }

  /**
   * Told of each time that it comes up (with the connection) and goes down; at once when it is up. Gives the way to stop it.
   */
  onConnected(callback: (connection: NatsConnection | undefined) => void): () => void {
    this.#callbacks.add(callback);
    if (this.connection) callback(this.connection);
    return () => this.#callbacks.delete(callback);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#stopRetry?.();
    this.#up = false;
    await this.#connection?.close();
  }

  async #connect(): Promise<void> {
    try {
      const connection = await connect({
        servers: [...this.#options.servers],
        name: this.#options.name ?? 'hayate',
        timeout: CONNECT_TIMEOUT_MS,
        maxReconnectAttempts: -1,
        ignoreAuthErrorAbort: true,
        reconnectTimeWait: RETRY_MS,
        reconnectJitter: RETRY_MS,
        reconnectJitterTLS: RETRY_MS,
        pingInterval: PING_MS,
        maxPingOut: 2,
        noAsyncTraces: true,
        ...this.#options.connection,
      });
      if (this.#closed) {
        await connection.close();
        return;
      }
      this.#connection = connection;
      void this.#follow(connection);
      this.#tell(true);
    } catch {
      // Nobody there yet; those who need it are told when there is.
      if (!this.#closed) this.#stopRetry = this.#clock.after(RETRY_MS, () => void this.#connect());
    }
  }

  async #follow(connection: NatsConnection): Promise<void> {
    for await (const { type } of connection.status()) {
      if (type === 'disconnect') this.#tell(false);
      if (type === 'reconnect') this.#tell(true);
    }
  }

  #tell(up: boolean): void {
    if (this.#up === up || this.#closed) return;
    this.#up = up;
    for (const callback of this.#callbacks) callback(this.connection);
  }
}

/** Subscriptions that outlive connections, and may be made before there is one. */
export class Subscriptions {
  readonly #link: NatsLink;
  readonly #stop: () => void;
  readonly #wanted = new Map<
    object,
    { subject: string; take: (message: Msg) => void; stop: (() => void) | undefined }
  >();
  #connection: NatsConnection | undefined;

  constructor(link: NatsLink) {
    this.#link = link;
    this.#stop = link.onConnected((connection) => {
      // The client itself says them again after a reconnect.
      if (!connection || connection === this.#connection) return;
      this.#connection = connection;
      for (const one of this.#wanted.values()) this.#subscribe(one);
    });
  }

  close(): void {
    this.#stop();
    for (const { stop } of this.#wanted.values()) stop?.();
    this.#wanted.clear();
  }

  add(subject: string, take: (message: Msg) => void): () => void {
    const key = {};
    const one = { subject, take, stop: undefined };
    this.#wanted.set(key, one);
    this.#subscribe(one);
    return () => {
      this.#wanted.get(key)?.stop?.();
      this.#wanted.delete(key);
    };
  }

  #subscribe(one: { subject: string; take: (message: Msg) => void; stop: (() => void) | undefined }): void {
    const connection = this.#connection ?? this.#link.connection;
    if (!connection || connection.isClosed()) return;
    const subscription = connection.subscribe(one.subject, {
      callback: (error, message) => {
        if (!error) one.take(message);
      },
    });
    one.stop = () => {
      if (!connection.isClosed()) subscription.unsubscribe();
    };
  }
}
