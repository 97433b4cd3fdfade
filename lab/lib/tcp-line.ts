import { createServer, type Server, Socket } from 'node:net';

/** TCP in between that can be cut: connections end at once and new ones are refused, as at a router without a route. */
export class TcpLine {
  /** `HOST:PORT` that leads to the other side. */
  readonly address: string;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #cut: { now: boolean };

  private constructor(server: Server, sockets: Set<Socket>, cut: { now: boolean }) {
    this.#server = server;
    this.#sockets = sockets;
    this.#cut = cut;
    this.address = `127.0.0.1:${(server.address() as { port: number }).port}`;
  }

  static async to(port: number): Promise<TcpLine> {
    const sockets = new Set<Socket>();
    const cut = { now: false };
    const server = createServer((near) => {
      if (cut.now) {
        near.destroy();
        return;
      }
      const far = new Socket();
      for (const [socket, other] of [
        [near, far],
        [far, near],
      ] as const) {
        sockets.add(socket);
        socket.on('error', () => {});
        socket.on('close', () => {
          sockets.delete(socket);
          other.destroy();
        });
      }
      far.connect(port, '127.0.0.1');
      near.pipe(far);
      far.pipe(near);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new TcpLine(server, sockets, cut);
  }

  cut(): void {
    this.#cut.now = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  heal(): void {
    this.#cut.now = false;
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
