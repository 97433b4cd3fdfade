import { connect, type Socket } from 'node:net';

/** A NATS connection that only subscribes, publishes and counts: thousands of relays' worth of them fit into one process. */
export class RawNats {
  received = 0;
  readonly #socket: Socket;
  #rest: Buffer = Buffer.alloc(0);
  #sid = 0;
  #pong: (() => void) | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => this.#take(chunk));
    socket.on('error', () => {});
  }

  static async connect(url: string): Promise<RawNats> {
    const { hostname, port } = new URL(url);
    const socket = connect(Number(port), hostname).setNoDelay(true);
    await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    const raw = new RawNats(socket);
    socket.write('CONNECT {"verbose":false,"pedantic":false,"headers":true,"no_responders":true,"protocol":1}\r\n');
    await raw.flush();
    return raw;
  }

  subscribe(subject: string): void {
    this.#sid += 1;
    this.#socket.write(`SUB ${subject} ${this.#sid}\r\n`);
  }

  publish(subject: string, payload: string): void {
    this.#socket.write(`PUB ${subject} ${payload.length}\r\n${payload}\r\n`);
  }

  /** Resolves once the server has taken everything said before. */
  async flush(): Promise<void> {
    const done = new Promise<void>((resolve) => {
      this.#pong = resolve;
    });
    this.#socket.write('PING\r\n');
    await done;
  }

  close(): void {
    this.#socket.destroy();
  }

  #take(chunk: Buffer): void {
    const data = this.#rest.length > 0 ? Buffer.concat([this.#rest, chunk]) : chunk;
    let at = 0;
    for (;;) {
      const end = data.indexOf('\r\n', at, 'latin1');
      if (end < 0) break;
      const first = data[at];
      // MSG, HMSG: the last word is how much follows.
      if (first === 0x4d || first === 0x48) {
        const line = data.toString('latin1', at, end);
        const next = end + 2 + Number(line.slice(line.lastIndexOf(' ') + 1)) + 2;
        if (next > data.length) break;
        this.received += 1;
        at = next;
        continue;
      }
      const line = data.toString('latin1', at, end);
      if (line === 'PING') this.#socket.write('PONG\r\n');
      if (line === 'PONG') this.#pong?.();
      if (line.startsWith('-ERR')) throw new Error(line);
      at = end + 2;
    }
    this.#rest = data.subarray(at);
  }
}
