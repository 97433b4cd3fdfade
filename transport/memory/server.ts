import { type AdmissionOptions, admit } from '../src/admission.ts';
import { connectFailed } from '../src/errors.ts';
import type { Connector, IncomingSession, Server } from '../src/types.ts';
import { type Clock, systemClock } from './clock.ts';
import { type MemoryLink, Wire } from './link.ts';
import { MemorySession } from './session.ts';

export interface MemoryLinks {
  clock?: Clock;
  /** Client (or first of the pair) to server. */
  up?: MemoryLink;
  /** Server to client. */
  down?: MemoryLink;
}

/** Two joined sessions, open at once: [client, server]. */
export function createMemoryPair(options: MemoryLinks = {}): [MemorySession, MemorySession] {
  const pair = joinedPair(options.clock ?? systemClock, options);
  for (const session of pair) session.core.open();
  return pair;
}

function joinedPair(clock: Clock, links: MemoryLinks): [MemorySession, MemorySession] {
  const up = new Wire(clock, links.up);
  const down = new Wire(clock, links.down);
  const client = new MemorySession(clock, up, down);
  const server = new MemorySession(clock, down, up);
  MemorySession.join(client, server);
  return [client, server];
}

export interface MemoryServerOptions extends MemoryLinks, AdmissionOptions {}

/** A server in this process, for tests; `connector()` is the only way in. */
export class MemoryServer implements Server {
  readonly address = { host: 'memory', port: 0 };
  readonly certificateHashes: Uint8Array[] = [];
  readonly sessions: ReadableStream<IncomingSession>;
  readonly #options: MemoryServerOptions;
  readonly #clock: Clock;
  readonly #open = new Set<MemorySession>();
  #incoming!: ReadableStreamDefaultController<IncomingSession>;
  #draining = false;
  #closed = false;

  constructor(options: MemoryServerOptions = {}) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.sessions = new ReadableStream({
      start: (controller) => {
        this.#incoming = controller;
      },
    });
  }

  /** Opens sessions to this server. `origin` is what a browser would send. */
  connector(options: { origin?: string; up?: MemoryLink; down?: MemoryLink } = {}): Connector {
    return (url, connect = {}) => {
      const up = options.up ?? this.#options.up ?? {};
      const down = options.down ?? this.#options.down ?? {};
      const [client, server] = joinedPair(this.#clock, { up, down });
      const { pathname, search } = new URL(url);
      const path = pathname + search;
      connect.signal?.addEventListener(
        'abort',
        () => client.core.fail(connectFailed('given up', connect.signal?.reason)),
        {
          once: true,
        },
      );
      if (connect.signal?.aborted) client.core.fail(connectFailed('given up', connect.signal.reason));
      // A handshake takes one round trip.
      const tripUs = ((up.delayMs ?? 0) + (down.delayMs ?? 0)) * 1000;
      this.#clock.schedule(this.#clock.nowUs() + tripUs, () => {
        if (client.core.state !== 'connecting') return;
        if (this.#closed) return client.core.fail(connectFailed('no server listens here'));
        const status = admit(this.#options, {
          path,
          origin: options.origin,
          openSessions: this.#open.size,
          draining: this.#draining,
        });
        if (status !== 200) return client.core.fail(connectFailed(`refused with status ${status}`));
        server.core.open();
        client.core.open();
        this.#open.add(server);
        const forget = () => this.#open.delete(server);
        server.closed.then(forget, forget);
        this.#incoming.enqueue({ session: server, path, origin: options.origin });
      });
      return client;
    };
  }

  /** Sessions now open. */
  get openSessions(): number {
    return this.#open.size;
  }

  /** Their streams with an end still open. */
  get openStreams(): number {
    let streams = 0;
    for (const session of this.#open) streams += session.openStreams;
    return streams;
  }

  /** Every connection dies without a code. */
  cut(): void {
    for (const session of this.#open) session.kill();
  }

  drain(): void {
    this.#draining = true;
    for (const session of this.#open) session.requestDrain();
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const session of this.#open) session.close({ closeCode: 501, reason: 'the server closes' });
    this.#incoming.close();
  }
}
