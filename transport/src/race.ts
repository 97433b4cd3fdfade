import { HayateError } from '@hayate/codec/errors';
import { SessionCore } from './core.ts';
import { closeInfo, connectFailed } from './errors.ts';
import type {
  BidirectionalStream,
  CloseInfo,
  ConnectOptions,
  Connector,
  DatagramHandler,
  SendStreamOptions,
  Session,
  SessionStats,
} from './types.ts';

/** One way to reach a relay. */
export interface Way {
  readonly name: string;
  readonly connect: Dial;
}

/** A connector, or one whose code has to be loaded first. */
export type Dial = (...args: Parameters<Connector>) => Session | Promise<Session>;

interface RaceTimers {
  setTimer(run: () => void, delayMs: number): unknown;
  clearTimer(timer: unknown): void;
}

export interface RaceOptions {
  /** Of one dial, at least one: each is dialled so long after the begin, or when all before it failed. */
  entries(url: string): readonly { way: Way; afterMs: number }[];
  timers: RaceTimers;
  /** `unopened`: dialled, and neither open nor failed when `won` was. */
  onWon?(url: string, won: string, unopened: readonly string[]): void;
  /** As `Session.condemn`. */
  onCondemned?(url: string, way: string, why: CondemnReason): boolean;
  /** As `Session.superseded`; called for each session that was won. */
  superseded?(url: string, way: string, connect: ConnectOptions, ended: Promise<unknown>): Promise<void> | undefined;
}

export type CondemnReason = NonNullable<Parameters<NonNullable<Session['condemn']>>[0]>;

/** Dials several ways at once, each after its head start; the first that opens is the session, the others are given up. */
export function raceConnector(options: RaceOptions): Connector {
  return (url, connect = {}) => new RacedSession(url, connect, options);
}

interface Runner {
  name: string;
  abort: AbortController;
}

class RacedSession implements Session {
  readonly #core = new SessionCore();
  readonly #url: string;
  readonly #connect: ConnectOptions;
  readonly #options: RaceOptions;
  readonly #entries: readonly { way: Way; afterMs: number }[];
  readonly #under = new Set<Runner>();
  readonly #timers = new Set<unknown>();
  #dialled = 0;
  #firstError: HayateError | undefined;
  #won: { name: string; session: Session } | undefined;
  #handler: DatagramHandler | undefined;
  #bidirectional: ReadableStream<BidirectionalStream> | undefined;
  #unidirectional: ReadableStream<ReadableStream<Uint8Array>> | undefined;
  superseded: Promise<void> | undefined;

  constructor(url: string, connect: ConnectOptions, options: RaceOptions) {
    this.#url = url;
    this.#connect = connect;
    this.#options = options;
    this.#entries = options.entries(url);
    const { signal } = connect;
    const giveUp = () => this.#over(connectFailed('given up', signal?.reason));
    if (signal?.aborted) {
      giveUp();
      return;
    }
    signal?.addEventListener('abort', giveUp, { once: true });
    const settled = () => signal?.removeEventListener('abort', giveUp);
    this.#core.ready.then(settled, settled);
    for (const { afterMs } of this.#entries.slice(1)) {
      if (afterMs <= 0) continue;
      const timer = options.timers.setTimer(() => this.#dialDue(afterMs), afterMs);
      this.#timers.add(timer);
    }
    this.#dialDue(0);
  }

  /** Dials those whose head start is over; one at least when nothing else is under way. */
  #dialDue(passedMs: number): void {
    while (this.#core.state === 'connecting') {
      const entry = this.#entries[this.#dialled];
      if (!entry || (entry.afterMs > passedMs && this.#under.size > 0)) return;
      this.#dialled += 1;
      this.#dial(entry.way);
    }
  }

  #dial({ name, connect }: Way): void {
    const abort = new AbortController();
    let dialled: Session | Promise<Session>;
    try {
      dialled = connect(this.#url, { ...this.#connect, signal: abort.signal });
    } catch (error) {
      this.#failed(undefined, error);
      return;
    }
    const runner = { name, abort };
    this.#under.add(runner);
    const failed = (error: unknown) => this.#failed(runner, error);
    const follow = (session: Session) => {
      session.closed.catch(() => {});
      session.ready.then(() => this.#opened(runner, session), failed);
    };
    if (dialled instanceof Promise) dialled.then(follow, failed);
    else follow(dialled);
  }

  #failed(runner: Runner | undefined, error: unknown): void {
    if (runner && !this.#under.delete(runner)) return;
    if (this.#core.state !== 'connecting') return;
    this.#firstError ??= error instanceof HayateError ? error : connectFailed('dialling failed', error);
    this.#dialDue(0);
    if (this.#under.size === 0 && this.#dialled === this.#entries.length) this.#over(this.#firstError);
  }

  #opened(runner: Runner, session: Session): void {
    if (!this.#under.delete(runner)) {
      session.close();
      return;
    }
    const { name } = runner;
    this.#won = { name, session };
    const unopened = [...this.#under].map((other) => other.name);
    this.#stopOthers();
    session.closed.then(
      (info) => this.#core.close(info),
      (error: HayateError) => this.#core.fail(error),
    );
    session.draining.then(
      () => this.#core.drain(),
      () => {},
    );
    if (this.#handler) session.setDatagramHandler(this.#handler);
    this.#options.onWon?.(this.#url, name, unopened);
    this.superseded = this.#options.superseded?.(
      this.#url,
      name,
      this.#connect,
      this.#core.closed.catch(() => {}),
    );
    this.#core.open();
  }

  #stopOthers(): void {
    for (const timer of this.#timers) this.#options.timers.clearTimer(timer);
    this.#timers.clear();
    for (const { abort } of this.#under) abort.abort();
    this.#under.clear();
  }

  #over(error: HayateError): void {
    if (this.#core.state !== 'connecting') return;
    this.#stopOthers();
    this.#core.fail(error);
  }

  get way(): string | undefined {
    return this.#won?.name;
  }
  get reliability(): Session['reliability'] {
    return this.#won?.session.reliability ?? 'supports-unreliable';
  }
  get ready(): Promise<void> {
    return this.#core.ready;
  }
  get closed(): Promise<CloseInfo> {
    return this.#core.closed;
  }
  get draining(): Promise<void> {
    return this.#core.draining;
  }
  get maxDatagramSize(): number {
    return this.#won?.session.maxDatagramSize ?? 0;
  }
  get remoteAddress(): string | undefined {
    return this.#won?.session.remoteAddress;
  }

  condemn(why: CondemnReason): boolean {
    return (this.#won && this.#options.onCondemned?.(this.#url, this.#won.name, why)) ?? false;
  }

  sendDatagram(data: Uint8Array): boolean {
    return this.#won ? this.#won.session.sendDatagram(data) : this.#core.drop('closed');
  }

  setDatagramHandler(handler: DatagramHandler | undefined): void {
    this.#handler = handler;
    this.#won?.session.setDatagramHandler(handler);
  }

  async openBidirectional(options?: SendStreamOptions): Promise<BidirectionalStream> {
    return (await this.#winner()).openBidirectional(options);
  }

  async openUnidirectional(options?: SendStreamOptions): Promise<WritableStream<Uint8Array>> {
    return (await this.#winner()).openUnidirectional(options);
  }

  get incomingBidirectional(): ReadableStream<BidirectionalStream> {
    this.#bidirectional ??= this.#won?.session.incomingBidirectional ?? this.#later((s) => s.incomingBidirectional);
    return this.#bidirectional;
  }

  get incomingUnidirectional(): ReadableStream<ReadableStream<Uint8Array>> {
    this.#unidirectional ??= this.#won?.session.incomingUnidirectional ?? this.#later((s) => s.incomingUnidirectional);
    return this.#unidirectional;
  }

  async #winner(): Promise<Session> {
    await this.#core.ready;
    this.#core.assertUsable();
    return this.#won!.session;
  }

  #later<T>(of: (session: Session) => ReadableStream<T>): ReadableStream<T> {
    const pipe = new TransformStream<T, T>();
    this.#core.ready
      .then(
        () => of(this.#won!.session).pipeTo(pipe.writable),
        () => pipe.writable.close(),
      )
      .catch(() => {});
    return pipe.readable;
  }

  close(info?: Partial<CloseInfo>): void {
    if (this.#won) this.#won.session.close(info);
    else this.#stopOthers();
    this.#core.close(closeInfo(info));
  }

  async getStats(): Promise<SessionStats> {
    return this.#won ? this.#won.session.getStats() : this.#core.stats();
  }

  nowUs(): number {
    return this.#won?.session.nowUs() ?? performance.now() * 1000;
  }
}
