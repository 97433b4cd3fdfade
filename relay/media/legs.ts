import { randomBytes } from 'node:crypto';
import type { Engine, EngineSession } from '@hayate/engine';
import type { IncomingSession, Server, Session } from '@hayate/transport';
import { engineServer, nativeSession } from '@hayate/transport/engine';
import { LegFeed } from './leg-feed.ts';

/** Longer than a stalled thread stands still; the way is loopback. */
const CONNECT_MS = 5000;
const HEARTBEAT_MS = 200;
const FEED_AGAIN_MS = 1000;
const LIMITS = { maxBidiStreams: 0, maxUniStreams: 0, idleTimeoutMs: 30_000, keepAliveMs: 10_000 };

interface Leg {
  /** The relay's end: what rooms know. */
  served: EngineSession;
  /** This end: what the session's datagrams go through. */
  own: EngineSession;
  ended: Promise<void>;
}

/**
 * Sessions of the fallback in rooms of the engine: each has a connection of its own over loopback that carries its
 * datagrams, so that delivery, joins and refusals are the engine's for everybody. Who comes by TCP is the exception, and
 * pays with two more datagrams on loopback for each of its own.
 */
export class Legs {
  readonly #engine: Engine;
  readonly #server: Server;
  readonly #url: string;
  readonly #legs = new WeakMap<Session, Leg>();
  readonly #waiting = new Map<string, (served: EngineSession) => void>();
  #feed!: LegFeed;
  #next = 0;
  #open = 0;
  #closing = false;

  private constructor(engine: Engine, server: Server, path: string) {
    this.#engine = engine;
    this.#server = server;
    this.#url = `https://127.0.0.1:${server.address.port}${path}`;
    void this.#serve();
  }

  /** Rejects with an EngineError. */
  static async open(engine: Engine): Promise<Legs> {
    // Nobody else on this machine knows the path: it is what lets a session in.
    const path = `/${randomBytes(24).toString('base64url')}`;
    const server = await engineServer(engine, {
      host: '127.0.0.1',
      port: 0,
      certificate: { selfSigned: { names: ['127.0.0.1'] } },
      paths: [path],
      datagrams: 'refuse',
      heartbeatMs: HEARTBEAT_MS,
      limits: LIMITS,
    });
    const legs = new Legs(engine, server, path);
    try {
      await legs.#openFeed();
    } catch (error) {
      await server.close();
      throw error;
    }
    return legs;
  }

  /** Sessions that have one. */
  get size(): number {
    return this.#open;
  }

  get feed(): LegFeed {
    return this.#feed;
  }

  /** What the session is to the engine; undefined: it has no leg. */
  of(session: Session): EngineSession | undefined {
    return this.#legs.get(session)?.served;
  }

  /** Sessions as they come, each once its leg stands. Where none can be had it is closed as a fault of the relay. */
  attach(sessions: ReadableStream<IncomingSession>): ReadableStream<IncomingSession> {
    return new ReadableStream<IncomingSession>({
      start: (controller) => {
        const pass = async (incoming: IncomingSession) => {
          try {
            this.#join(incoming.session, await this.#dial());
            controller.enqueue(incoming);
          } catch {
            incoming.session.close({ closeCode: 500, reason: 'no way into the rooms' });
          }
        };
        const each = async () => {
          for await (const incoming of sessions) void pass(incoming);
        };
        each().then(
          () => controller.close(),
          (error: unknown) => controller.error(error),
        );
      },
    });
  }

  async #dial(): Promise<Leg> {
    const tag = String(this.#next++);
    const arrived = new Promise<EngineSession>((resolve) => this.#waiting.set(tag, resolve));
    const own = this.#engine.connect(`${this.#url}?${tag}`, {
      serverCertificateHashes: this.#server.certificateHashes.map((value) => ({ algorithm: 'sha-256', value })),
      connectTimeoutMs: CONNECT_MS,
      limits: LIMITS,
    });
    const ended = own.closed.then(
      () => {},
      () => {},
    );
    try {
      await own.ready;
      const served = await Promise.race([arrived, ended]);
      if (!served) throw new TypeError('the leg closed');
      return { served, own, ended };
    } catch (error) {
      own.close();
      throw error;
    } finally {
      this.#waiting.delete(tag);
    }
  }

  #join(session: Session, leg: Leg): void {
    const { own, ended } = leg;
    this.#legs.set(session, leg);
    this.#open += 1;
    own.datagrams.setHandler((data) => {
      if (!this.#feed.isOwn(session, data)) session.sendDatagram(data);
    });
    session.setDatagramHandler((data, receivedAtUs) => {
      if (!this.#feed.take(session, data, receivedAtUs)) own.datagrams.send(data);
    });
    const close = () => {
      this.#feed.end(session);
      own.close();
    };
    session.closed.then(close, close);
    void ended.then(() => {
      this.#open -= 1;
      session.close({ closeCode: 500, reason: 'the way into the rooms ended' });
    });
  }

  async #openFeed(): Promise<void> {
    const { served, own, ended } = await this.#dial();
    served.setDatagramMode('trunk');
    this.#feed = new LegFeed(served, own);
    void ended.then(() => {
      this.#feed.close();
      this.#reopenFeed();
    });
  }

  /** Who publishes by TCP has no other way: it is tried until it is there. */
  #reopenFeed(): void {
    if (this.#closing) return;
    this.#openFeed().catch(() => setTimeout(() => this.#reopenFeed(), FEED_AGAIN_MS).unref());
  }

  async #serve(): Promise<void> {
    for await (const { session, path } of this.#server.sessions) {
      const arrived = this.#waiting.get(path.slice(path.indexOf('?') + 1));
      if (arrived) arrived(nativeSession(session)!);
      else session.close();
    }
  }

  close(): Promise<void> {
    this.#closing = true;
    this.#feed.close();
    return this.#server.close();
  }
}
