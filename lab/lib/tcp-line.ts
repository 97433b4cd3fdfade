import { createServer, type Server, Socket } from 'node:net';
import { random } from '../../codec/bench/random.ts';

/** What a datagram would lose, a byte stream waits for. */
export interface TcpPath {
  /** One way, ms. */
  delayMs: number;
  /** A chunk is up to so much later, in order all the same. */
  jitterMs: number;
  /** Share of the chunks that are lost and come again a round trip later; all behind them wait. */
  loss: number;
  seed: number;
}

/** Of one direction that wait; then nothing more is read. */
const MAX_WAITING_BYTES = 1 << 20;

interface State {
  cut: boolean;
  stalledUntilMs: number;
  taken: number;
}

/** TCP in between that can be cut: connections end at once and new ones are refused, as at a router without a route. */
export class TcpLine {
  /** `HOST:PORT` that leads to the other side. */
  readonly address: string;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #state: State;

  private constructor(server: Server, sockets: Set<Socket>, state: State) {
    this.#server = server;
    this.#sockets = sockets;
    this.#state = state;
    this.address = `127.0.0.1:${(server.address() as { port: number }).port}`;
  }

  /** To a port of this machine. @param path how slow it is; without it the line takes no time */
  static async to(port: number, path?: TcpPath): Promise<TcpLine> {
    const sockets = new Set<Socket>();
    const state: State = { cut: false, stalledUntilMs: 0, taken: 0 };
    const next = random(path?.seed ?? 1);
    const server = createServer((near) => {
      if (state.cut) {
        near.destroy();
        return;
      }
      state.taken += 1;
      const far = new Socket();
      for (const [socket, other] of [
        [near, far],
        [far, near],
      ] as const) {
        sockets.add(socket);
        socket.setNoDelay();
        socket.on('error', () => {});
        socket.on('close', () => {
          sockets.delete(socket);
          other.destroy();
        });
      }
      far.connect(port, '127.0.0.1');
      for (const [from, to] of [
        [near, far],
        [far, near],
      ] as const) {
        if (path) pass(from, to, path, next, state);
        else from.pipe(to);
      }
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new TcpLine(server, sockets, state);
  }

  /** Connections now, and all that there were. */
  get connections(): { open: number; taken: number } {
    return { open: this.#sockets.size / 2, taken: this.#state.taken };
  }

  /** Nothing gets through for so long; what comes meanwhile waits. For a line with a path. */
  stall(ms: number): void {
    this.#state.stalledUntilMs = performance.now() + ms;
  }

  cut(): void {
    this.#state.cut = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  heal(): void {
    this.#state.cut = false;
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

/** Hands on what comes, as late as the path makes it. */
function pass(from: Socket, to: Socket, { delayMs, jitterMs, loss }: TcpPath, next: () => number, state: State): void {
  const waiting: { data: Buffer; atMs: number }[] = [];
  let bytes = 0;
  let lastMs = 0;
  let timer: NodeJS.Timeout | undefined;
  const deliver = () => {
    timer = undefined;
    const now = performance.now();
    while (waiting[0] && waiting[0].atMs <= now) {
      const { data } = waiting.shift()!;
      bytes -= data.length;
      if (!to.destroyed) to.write(data);
    }
    if (bytes < MAX_WAITING_BYTES) from.resume();
    if (waiting[0]) timer = setTimeout(deliver, Math.max(1, waiting[0].atMs - now));
  };
  from.on('data', (data: Buffer) => {
    const again = next() < loss ? 2 * delayMs : 0;
    const sentMs = Math.max(performance.now(), state.stalledUntilMs);
    lastMs = Math.max(lastMs, sentMs + delayMs + again + jitterMs * next());
    waiting.push({ data, atMs: lastMs });
    bytes += data.length;
    if (bytes >= MAX_WAITING_BYTES) from.pause();
    timer ??= setTimeout(deliver, Math.max(1, waiting[0]!.atMs - performance.now()));
  });
  from.on('close', () => clearTimeout(timer));
}
