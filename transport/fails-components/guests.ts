import type { Socket } from 'node:net';

/** Of a connection: the same for the socket and for the TLS on it. */
const placeOf = ({ remoteAddress, remotePort }: Pick<Socket, 'remoteAddress' | 'remotePort'>) =>
  `${remoteAddress} ${remotePort}`;

/**
 * Connections that carry no session: who is still in the handshake, has not said what it wants, or has nothing open any more. Each has
 * so long; then it is cut. Node's own limits do not reach HTTP/2, and give the handshake two minutes.
 */
export class Guests {
  readonly #waitMs: number;
  readonly #waiting = new Map<string, { socket: Socket; timer: NodeJS.Timeout }>();
  /** Sessions on a connection, of those that have any. */
  readonly #sessions = new Map<string, { socket: Socket; count: number }>();
  #cut = 0;

  /** @param waitMs how long a connection may be without a session */
  constructor(waitMs: number) {
    this.#waitMs = waitMs;
  }

  /** Connections that were cut. */
  get cut(): number {
    return this.#cut;
  }

  came(socket: Socket): void {
    const place = placeOf(socket);
    this.#wait(place, socket);
    socket.once('close', () => {
      clearTimeout(this.#waiting.get(place)?.timer);
      this.#waiting.delete(place);
      this.#sessions.delete(place);
    });
  }

  /** A session began on the connection from there. Gives what tells that it ended. */
  began(at: Pick<Socket, 'remoteAddress' | 'remotePort'>): () => void {
    const place = placeOf(at);
    const waiting = this.#waiting.get(place);
    clearTimeout(waiting?.timer);
    this.#waiting.delete(place);
    const known = this.#sessions.get(place);
    const socket = known?.socket ?? waiting?.socket;
    if (!socket) return () => {};
    this.#sessions.set(place, { socket, count: (known?.count ?? 0) + 1 });
    return () => {
      const now = this.#sessions.get(place);
      if (now?.socket !== socket) return;
      now.count -= 1;
      if (now.count > 0) return;
      this.#sessions.delete(place);
      this.#wait(place, socket);
    };
  }

  #wait(place: string, socket: Socket): void {
    const timer = setTimeout(() => {
      this.#cut += 1;
      socket.destroy();
    }, this.#waitMs);
    this.#waiting.set(place, { socket, timer: timer.unref() });
  }
}
