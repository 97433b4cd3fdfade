import { AuthorizationError, type Msg, type NatsConnection, PermissionViolationError } from '@nats-io/nats-core';
import { connect } from '@nats-io/transport-node';
import type { Logger } from 'pino';
import { type Clock, systemClock } from '../../webhook/clock.ts';
import { type NatsAccess, openAccess } from './access.ts';

export interface NatsLinkOptions extends NatsAccess {
  /** Shown by the servers' monitoring. */
  name?: string;
  /** Of the subjects that answers come to, for a user that may not listen to `_INBOX`. */
  inboxPrefix?: string;
  /** Told once of each thing that keeps it from NATS, until it is there again. */
  log?: Pick<Logger, 'info' | 'error'>;
  clock?: Clock;
}

const CONNECT_TIMEOUT_MS = 2000;
const RETRY_MS = 500;
/** Who was refused comes again slowly: each time is a line in the server's log. */
const REFUSED_RETRY_MS = 5000;
/** A server that vanished without a word is noticed after so long three times. */
const PING_MS = 2000;
/** Away for so long, it is looked for the reason: the client does not tell why it cannot come back. */
const EXPLAIN_MS = 5000;
const FORBIDDEN_TOLD = 20;

/**
 * One relay's connection to its region's NATS, shared by all that need it. It is there at once and connects when it can,
 * again and again: whoever uses it goes by `connection` and `onConnected`.
 */
export class NatsLink {
  readonly #options: NatsLinkOptions;
  readonly #access: ReturnType<typeof openAccess>;
  readonly #clock: Clock;
  readonly #callbacks = new Set<(connection: NatsConnection | undefined) => void>();
  /** Problems that were logged since it was last up. */
  readonly #told = new Set<string>();
  /** What it was not permitted and that was logged. */
  readonly #forbidden = new Set<string>();
  #connection: NatsConnection | undefined;
  #up = false;
  #refused = false;
  #stopTimer: (() => void) | undefined;
  #closed = false;

  constructor(options: NatsLinkOptions) {
    this.#options = options;
    this.#access = openAccess(options);
    this.#clock = options.clock ?? systemClock;
    void this.#connect();
  }

  get inboxPrefix(): string | undefined {
    return this.#options.inboxPrefix;
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
    this.#stopTimer?.();
    this.#up = false;
    await this.#connection?.close();
  }

  #dial(reconnect: boolean): Promise<NatsConnection> {
    return connect({
      servers: [...this.#options.servers],
      name: this.#options.name ?? 'hayate',
      ...(this.inboxPrefix !== undefined && { inboxPrefix: this.inboxPrefix }),
      timeout: CONNECT_TIMEOUT_MS,
      reconnect,
      maxReconnectAttempts: -1,
      // A user that is refused now is taken once its file is another.
      ignoreAuthErrorAbort: true,
      reconnectDelayHandler: () => this.#retryMs(),
      pingInterval: PING_MS,
      maxPingOut: 2,
      noAsyncTraces: true,
      ...this.#access.options,
    });
  }

  #retryMs(): number {
    return this.#refused ? REFUSED_RETRY_MS : RETRY_MS + Math.random() * RETRY_MS;
  }

  async #connect(): Promise<void> {
    try {
      const connection = await this.#dial(true);
      if (this.#closed) {
        await connection.close();
        return;
      }
      this.#connection = connection;
      void this.#follow(connection);
      this.#tell(true);
    } catch (error) {
      // Nobody there yet; those who need it are told when there is.
      this.#failed(error);
      this.#after(this.#retryMs(), () => this.#connect());
    }
  }

  async #follow(connection: NatsConnection): Promise<void> {
    for await (const status of connection.status()) {
      if (status.type === 'disconnect') {
        this.#tell(false);
        this.#after(EXPLAIN_MS, () => this.#explain());
      } else if (status.type === 'reconnect') {
        this.#stopTimer?.();
        this.#tell(true);
      } else if (status.type === 'error') {
        if (status.error instanceof PermissionViolationError) this.#notPermitted(status.error);
        // A user that expires is no fault yet: the next connection reads a newer one, or is refused.
        else if (status.error instanceof AuthorizationError) this.#failed(status.error);
      }
    }
  }

  async #explain(): Promise<void> {
    if (this.#up || this.#closed) return;
    try {
      await (await this.#dial(false)).close();
    } catch (error) {
      this.#failed(error);
    }
    if (!this.#up) this.#after(EXPLAIN_MS, () => this.#explain());
  }

  #after(ms: number, run: () => Promise<void>): void {
    this.#stopTimer?.();
    if (!this.#closed) this.#stopTimer = this.#clock.after(ms, () => void run());
  }

  #failed(error: unknown): void {
    if (this.#closed) return;
    const { code, advice } = this.#access.problemOf(error);
    this.#refused = code === 'nats_refused' || code === 'nats_creds_unreadable';
    if (this.#told.has(code)) return;
    this.#told.add(code);
    this.#options.log?.error({ code, connection: this.#options.name, err: error }, `NATS: ${advice}`);
  }

  /** Its permissions are too narrow for what it does: an error of who made them, or of this relay. */
  #notPermitted({ operation, subject }: PermissionViolationError): void {
    if (this.#forbidden.size >= FORBIDDEN_TOLD || this.#forbidden.has(`${operation} ${subject}`)) return;
    this.#forbidden.add(`${operation} ${subject}`);
    this.#options.log?.error(
      { code: 'nats_not_permitted', operation, subject },
      "NATS: this relay's user may not do this; are its permissions of this region, and of all regions there are?",
    );
  }

  #tell(up: boolean): void {
    if (this.#up === up || this.#closed) return;
    this.#up = up;
    if (up) {
      this.#refused = false;
      if (this.#told.size > 0)
        this.#options.log?.info({ after: [...this.#told], connection: this.#options.name }, 'NATS: connected');
      this.#told.clear();
    }
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
