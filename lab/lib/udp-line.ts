import { createSocket, type Socket } from 'node:dgram';
import { random } from '../../codec/bench/random.ts';

/** What a network with half of UDP does to it, both ways. */
export interface UdpPath {
  /** One way, ms. Default 0. */
  delayMs?: number;
  /** Share that is lost. Default 0. */
  loss?: number;
  /** Longer datagrams (UDP payload) vanish. Default: none do. */
  maxBytes?: number;
  /** Everything is lost from so long after the first datagram on, ms. Default: nothing is. */
  blockedAfterMs?: number;
  /** Nothing passes at all. Default false. */
  blocked?: boolean;
  /** What clients send vanishes: nothing is acknowledged. Default false. */
  upBlocked?: boolean;
  /** Share that comes `reorderMs` later than what was sent after it. Default 0. */
  reorder?: number;
  /** Default 20. */
  reorderMs?: number;
  /** Share that comes twice. Default 0. */
  duplicate?: number;
  seed?: number;
}

/** A QUIC Initial packet. */
const beginsConnection = (data: Buffer) => (data[0]! & 0xf0) === 0xc0;

/** UDP in between, a socket for each client, that does what `path` says; `path` may be set anew. */
export class UdpLine {
  readonly port: number;
  path: UdpPath;
  /** By what became of them. */
  readonly counts = { passed: 0, lost: 0, tooLong: 0, blocked: 0 };
  readonly #front: Socket;
  readonly #targetPort: number;
  readonly #flows = new Map<number, Socket>();
  /** Client ports whose flows were forgotten. */
  readonly #forgotten = new Set<number>();
  readonly #random: () => number;
  #firstMs = Number.NaN;
  #closed = false;

  private constructor(front: Socket, port: number, targetPort: number, path: UdpPath) {
    this.#front = front;
    this.port = port;
    this.#targetPort = targetPort;
    this.path = path;
    this.#random = random(path.seed ?? 1);
    front.on('message', (data, { port: from }) => {
      if (this.#forgotten.has(from)) {
        if (!beginsConnection(data)) {
          this.counts.blocked += 1;
          return;
        }
        // Systems give a port again.
        this.#forgotten.delete(from);
      }
      this.#flow(from);
      if (this.path.upBlocked) this.counts.blocked += 1;
      else this.#pass(data, () => this.#flows.get(from)?.send(data, this.#targetPort, '127.0.0.1'));
    });
  }

  /** @param port listens there; 0: a free one */
  static async to(targetPort: number, path: UdpPath, port = 0): Promise<UdpLine> {
    const front = createSocket('udp4');
    await new Promise<void>((resolve, reject) => {
      front.once('error', reject);
      front.bind(port, '127.0.0.1', resolve);
    });
    front.on('error', () => {});
    return new UdpLine(front, front.address().port, targetPort, path);
  }

  #flow(from: number): void {
    if (!this.#flows.has(from)) this.#open(from);
  }

  #open(from: number): void {
    const out = createSocket('udp4');
    if (Number.isNaN(this.#firstMs)) this.#firstMs = performance.now();
    out.on('error', () => {});
    out.on(
      'message',
      (data) => this.#forgotten.has(from) || this.#pass(data, () => this.#front.send(data, from, '127.0.0.1')),
    );
    this.#flows.set(from, out);
  }

  /** Every flow comes from another port from now on, as behind a NAT that forgot them. */
  rebind(): void {
    for (const [from, out] of [...this.#flows]) {
      this.#open(from);
      out.close();
    }
  }

  /**
   * Drops from now on what belongs to the flows of now, both ways, as a stateful firewall that lets nothing through in the
   * middle of a connection. New connections pass.
   */
  forget(): void {
    for (const from of this.#flows.keys()) this.#forgotten.add(from);
  }

  #pass(data: Buffer, send: () => void): void {
    const { delayMs = 0, loss = 0, maxBytes = Number.POSITIVE_INFINITY, blockedAfterMs, blocked } = this.path;
    const late = blockedAfterMs !== undefined && performance.now() - this.#firstMs > blockedAfterMs;
    if (blocked || late) this.counts.blocked += 1;
    else if (data.length > maxBytes) this.counts.tooLong += 1;
    else if (this.#random() < loss) this.counts.lost += 1;
    else {
      this.counts.passed += 1;
      const { reorder = 0, reorderMs = 20, duplicate = 0 } = this.path;
      const lateMs = delayMs + (reorder > 0 && this.#random() < reorder ? reorderMs : 0);
      const times = duplicate > 0 && this.#random() < duplicate ? 2 : 1;
      for (let n = 0; n < times; n += 1) {
        if (lateMs > 0) setTimeout(() => this.#closed || send(), lateMs);
        else send();
      }
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#front.close();
    for (const out of this.#flows.values()) out.close();
  }
}
