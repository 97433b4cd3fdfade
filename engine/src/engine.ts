import { throwLater } from './callbacks.ts';
import { firstAddress, knownAddresses, parseTarget, resolveName, worthAnotherAddress } from './dial.ts';
import { type CloseKind, EngineError, fromNative } from './errors.ts';
import { decodeEvents, type EventHandler } from './frame.ts';
import { Listener } from './listener.ts';
import { type NativeConnectConfig, type NativeEngine, startNativeEngine } from './native.ts';
import * as config from './options.ts';
import { openProxy } from './proxy.ts';
import { Room } from './room.ts';
import { Session } from './session.ts';
import type {
  ConnectOptions,
  Engine,
  EngineListener,
  EngineOptions,
  EngineRoom,
  EngineSession,
  LinkProxy,
  ListenOptions,
  MemberStats,
  RoomOptions,
} from './types.ts';

const USER_GROUPS = 2 ** 24;

/** How long `close` waits for the sessions' goodbyes to leave. */
const CLOSE_WAIT_MS = 500;

/** A dialled session that is not open: the addresses left to try. */
interface Dial {
  session: Session;
  rest: string[];
  next: (address: string, rest: string[]) => void;
}

export type StartNative = (wake: () => void) => NativeEngine;

/** Opens an engine: one native thread. Throws EngineError `engine_unavailable`. */
export function openEngine(options: EngineOptions = {}): Engine {
  return new EngineImpl((wake) => startNativeEngine(config.engineConfig(options), wake));
}

/** Owns the native engine, hands its events to sessions, rooms and listeners, and ends all of them with it. */
export class EngineImpl implements Engine, EventHandler {
  readonly port: NativeEngine;
  /** By number, until the engine has told that it forgot them. */
  readonly #sessions = new Map<number, Session>();
  readonly #dials = new Map<number, Dial>();
  /** Sessions whose name is being resolved: without a number yet. */
  readonly #resolving = new Set<Session>();
  readonly #owners = new Map<number, Listener>();
  readonly #listeners = new Map<number, { listener: Listener; options: ListenOptions }>();
  readonly #rooms = new Map<number, Room>();
  readonly #proxies = new Set<LinkProxy>();
  readonly #stats = new Map<number, PromiseWithResolvers<Record<string, number>>>();
  readonly #members = new Map<number, PromiseWithResolvers<MemberStats[]>>();
  #nextToken = 1;
  /** Groups for sessions that did not choose one, out of the way of those that users choose. */
  #nextGroup = USER_GROUPS;
  #alive = false;
  #batching = false;
  #closing: Promise<void> | undefined;
  #closed = false;
  #allGone: (() => void) | undefined;

  constructor(start: StartNative) {
    try {
      this.port = start(() => this.#wake());
    } catch (error) {
      throw fromNative(error);
    }
  }

  async listen(options: ListenOptions): Promise<EngineListener> {
    this.#assertOpen();
    // As Node's own servers: both families where there are both.
    const hosts = options.host === undefined ? ['::', '0.0.0.0'] : await firstAddress(options.host);
    this.#assertOpen();
    let failed: unknown;
    for (const host of hosts) {
      try {
        const { endpoint, address, hashes } = this.port.listen(config.listenConfig(options, host));
        const listener = new Listener(
          this,
          endpoint,
          address,
          hashes.map((h) => new Uint8Array(h)),
        );
        this.#listeners.set(endpoint, { listener, options });
        this.#keepAlive();
        return listener;
      } catch (error) {
        failed ??= error;
      }
    }
    throw fromNative(failed);
  }

  batch<T>(run: () => T): T {
    // The outermost one decides.
    if (this.#batching || this.#closed) return run();
    this.#batching = true;
    this.port.hold();
    try {
      return run();
    } finally {
      this.#batching = false;
      this.port.release();
    }
  }

  connect(url: string, options: ConnectOptions = {}): EngineSession {
    this.#assertOpen();
    const target = parseTarget(url);
    const limits = config.limits(options.limits);
    const session = new Session(this, {
      maxDatagramBytes: limits.maxDatagramBytes,
      streamSendBytes: limits.streamSendBytes,
    });
    const until = this.nowUs() / 1000 + (options.connectTimeoutMs ?? 10_000);
    const group = options.socketGroup ?? this.#nextGroup++;
    if (options.socketGroup !== undefined && !(group >= 0 && group < USER_GROUPS)) {
      throw new EngineError('invalid_argument', `a socket group is a number from 0 to ${USER_GROUPS - 1}`);
    }
    const dial = (address: string, rest: string[]) => {
      const left = Math.max(1, until - this.nowUs() / 1000);
      // Another address needs its share of the time.
      const connectTimeoutMs = Math.round(rest.length > 0 ? left / 2 : left);
      this.#dial(session, config.connectConfig(target, address, options, connectTimeoutMs, group), {
        session,
        rest,
        next: dial,
      });
    };
    const known = knownAddresses(target.host);
    if (known) dial(known[0]!, known.slice(1));
    else this.#resolveAndDial(session, target.host, dial);
    this.#keepAlive();
    return session;
  }

  createRoom(options: RoomOptions): EngineRoom {
    this.#assertOpen();
    const { alias, maxAgeMs = 500, maxAheadMs = 20, maxMembers = 10_000, unitsPerSecond = 0 } = options;
    const id = this.port.roomCreate(alias, maxAgeMs, maxAheadMs, maxMembers, unitsPerSecond);
    const room = new Room(this, id, alias);
    this.#rooms.set(room.id, room);
    return room;
  }

  proxy(options: Parameters<Engine['proxy']>[0]): LinkProxy {
    this.#assertOpen();
    const proxy = openProxy(options, () => {
      this.#proxies.delete(proxy);
      this.#keepAlive();
    });
    this.#proxies.add(proxy);
    this.#keepAlive();
    return proxy;
  }

  getStats(): Promise<Record<string, number>> {
    return this.#askStats(0, 0, 0);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  // --- for sessions, rooms and listeners ---

  nowUs(): number {
    // The clock of the engine's time stamps. A number of microseconds stays exact for 285 years of uptime.
    return Number(process.hrtime.bigint() / 1000n);
  }

  owns(session: Session): boolean {
    return this.#sessions.get(session.id) === session;
  }

  sessionStats(session: number): Promise<Record<string, number>> {
    return this.#askStats(2, session, 0);
  }

  endpointStats(endpoint: number): Promise<Record<string, number>> {
    return this.#askStats(1, endpoint, 0);
  }

  roomStats(room: number, slot?: number): Promise<Record<string, number>> {
    return slot === undefined ? this.#askStats(3, room, 0) : this.#askStats(4, room, slot);
  }

  memberStats(room: number): Promise<MemberStats[]> {
    return this.#ask(this.#members, 5, room, 0);
  }

  roomClosed(room: Room): void {
    this.#rooms.delete(room.id);
  }

  listenerClosed(listener: Listener): void {
    this.#listeners.delete(listener.endpoint);
    this.#keepAlive();
  }

  // --- EventHandler ---

  sessionIncoming(
    endpoint: number,
    id: number,
    remote: string,
    path: string,
    origin: string | undefined,
    certificate: Uint8Array | undefined,
  ): void {
    const entry = this.#listeners.get(endpoint);
    if (!entry) {
      this.port.closeSession(id, 0, '');
      return;
    }
    const { listener, options } = entry;
    const limits = config.limits(options.limits);
    const session = new Session(this, {
      maxDatagramBytes: limits.maxDatagramBytes,
      streamSendBytes: limits.streamSendBytes,
      remoteAddress: remote,
      path,
      ...(origin === undefined ? {} : { origin }),
      ...(certificate === undefined ? {} : { certificate: Uint8Array.from(certificate) }),
    });
    session.handleDialled(id);
    session.handleReady(limits.maxDatagramBytes);
    this.#sessions.set(id, session);
    this.#owners.set(id, listener);
    listener.handleIncoming(session);
  }

  sessionReady(id: number, maxDatagram: number, certificate: Uint8Array | undefined): void {
    this.#dials.delete(id);
    this.#sessions.get(id)?.handleReady(maxDatagram, certificate);
  }

  sessionDraining(id: number): void {
    this.#sessions.get(id)?.handleDraining();
  }

  sessionClosed(id: number, kind: CloseKind, code: number, reason: string): void {
    const session = this.#sessions.get(id);
    if (!session) return;
    this.#sessions.delete(id);
    const dial = this.#dials.get(id);
    this.#dials.delete(id);
    const [address, ...rest] = dial?.rest ?? [];
    if (dial && address !== undefined && !session.isClosed && !this.#closing && worthAnotherAddress(kind)) {
      dial.next(address, rest);
    } else {
      session.handleClosed(kind, code, reason);
    }
    this.#owners.get(id)?.handleSessionGone(session);
    this.#owners.delete(id);
    this.#keepAlive();
    if (this.#sessions.size === 0) this.#allGone?.();
  }

  datagram(id: number, data: Uint8Array, atUs: number): void {
    this.#sessions.get(id)?.datagrams.handleDatagram(data, atUs);
  }

  streamOpened(id: number, token: number, stream: number): void {
    this.#sessions.get(id)?.handleStreamOpened(token, stream);
  }

  streamIncoming(id: number, stream: number, bidi: boolean): void {
    this.#sessions.get(id)?.handleStreamIncoming(stream, bidi);
  }

  streamData(id: number, stream: number, data: Uint8Array, fin: boolean): void {
    this.#sessions.get(id)?.handleStreamData(stream, data, fin);
  }

  streamDrained(id: number, stream: number, bytes: number): void {
    this.#sessions.get(id)?.handleStreamDrained(stream, bytes);
  }

  streamFinished(id: number, stream: number): void {
    this.#sessions.get(id)?.handleStreamFinished(stream);
  }

  streamReset(id: number, stream: number, code: number): void {
    this.#sessions.get(id)?.handleStreamReset(stream, code);
  }

  streamStopped(id: number, stream: number, code: number): void {
    this.#sessions.get(id)?.handleStreamStopped(stream, code);
  }

  roomSynced(room: number, slot: number, generation: number, offsetUs: number, uncertaintyUs: number): void {
    this.#rooms.get(room)?.handleSynced(slot, generation, offsetUs, uncertaintyUs);
  }

  stats(token: number, values: Record<string, number>): void {
    this.#stats.get(token)?.resolve(values);
    this.#stats.delete(token);
  }

  members(token: number, rows: MemberStats[]): void {
    this.#members.get(token)?.resolve(rows);
    this.#members.delete(token);
  }

  certificateChanged(endpoint: number, hashes: Uint8Array[]): void {
    this.#listeners.get(endpoint)?.listener.handleCertificates(hashes);
  }

  listenerGone(endpoint: number): void {
    this.#listeners.get(endpoint)?.listener.handleGone();
  }

  panic(message: string): void {
    process.emitWarning(`the engine survived a panic: ${message}`, { code: 'HAYATE_ENGINE_PANIC' });
  }

  // --- private ---

  #wake(): void {
    try {
      const events = this.port.poll();
      if (events) this.batch(() => decodeEvents(events, this));
    } catch (error) {
      throwLater(error);
    }
  }

  #resolveAndDial(session: Session, host: string, dial: Dial['next']): void {
    this.#resolving.add(session);
    resolveName(host)
      .then(
        ([first, ...rest]) => {
          if (session.isClosed) return;
          if (first === undefined) session.handleFailed(new EngineError('dns_failed', `${host} has no address`));
          else dial(first, rest);
        },
        (error: unknown) => session.handleFailed(fromNative(error)),
      )
      .finally(() => {
        this.#resolving.delete(session);
        this.#keepAlive();
      })
      .catch(throwLater);
  }

  #dial(session: Session, connect: NativeConnectConfig, dial: Dial): void {
    let id: number;
    try {
      id = this.port.connect(connect);
    } catch (error) {
      const [address, ...rest] = dial.rest;
      // No route for a family: the other one may do.
      if (address !== undefined) dial.next(address, rest);
      else session.handleFailed(fromNative(error));
      return;
    }
    session.handleDialled(id);
    this.#sessions.set(id, session);
    this.#dials.set(id, dial);
  }

  #askStats(of: number, id: number, slot: number): Promise<Record<string, number>> {
    return this.#ask(this.#stats, of, id, slot);
  }

  #ask<T>(answers: Map<number, PromiseWithResolvers<T>>, of: number, id: number, slot: number): Promise<T> {
    if (this.#closed) return Promise.reject(new EngineError('closed', 'the engine is closed'));
    const token = this.#nextToken;
    this.#nextToken = token === 0xffffffff ? 1 : token + 1;
    const answer = Promise.withResolvers<T>();
    answers.set(token, answer);
    this.port.stats(token, of, id, slot);
    return answer.promise;
  }

  /** The process lives while anything is open, also sessions that are saying goodbye. */
  #keepAlive(): void {
    const alive =
      !this.#closed && this.#sessions.size + this.#resolving.size + this.#listeners.size + this.#proxies.size > 0;
    if (alive === this.#alive) return;
    this.#alive = alive;
    this.port.keepAlive(alive);
  }

  async #close(): Promise<void> {
    for (const room of [...this.#rooms.values()]) room.close();
    for (const session of this.#resolving) session.close();
    for (const { listener } of [...this.#listeners.values()]) void listener.close();
    for (const session of [...this.#sessions.values()]) session.close();
    for (const proxy of [...this.#proxies]) proxy.close();
    if (this.#sessions.size > 0) {
      const gone = Promise.withResolvers<void>();
      this.#allGone = gone.resolve;
      const timer = setTimeout(gone.resolve, CLOSE_WAIT_MS);
      await gone.promise;
      clearTimeout(timer);
    }
    this.#closed = true;
    this.port.shutdown();
    this.#sessions.clear();
    this.#owners.clear();
    for (const { listener } of [...this.#listeners.values()]) listener.handleGone();
    for (const answer of [...this.#stats.values(), ...this.#members.values()]) {
      answer.reject(new EngineError('closed', 'the engine is closed'));
    }
    this.#stats.clear();
    this.#members.clear();
    if (this.#alive) this.port.keepAlive(false);
    this.#alive = false;
  }

  #assertOpen(): void {
    if (this.#closing) throw new EngineError('closed', 'the engine is closed');
  }
}
