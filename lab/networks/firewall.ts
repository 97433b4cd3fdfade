import { createSocket, type Socket } from 'node:dgram';

interface Flow {
  upstream: Socket;
  dead: boolean;
}

/** A QUIC Initial packet. */
const beginsConnection = (data: Buffer) => (data[0]! & 0xf0) === 0xc0;

/**
 * A stateful firewall for UDP in front of a relay: it can forget all flows that it knows and drop what belongs to them from
 * then on, as one does that lets nothing through in the middle of a connection. New flows pass.
 */
export class Firewall {
  readonly #socket: Socket;
  readonly #flows = new Map<string, Flow>();
  dropped = 0;

  private constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** To a port of this machine, listening on 127.0.0.1. */
  static async to(port: number): Promise<Firewall> {
    const socket = createSocket({ type: 'udp4', recvBufferSize: 1 << 20, sendBufferSize: 1 << 20 });
    await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
    const firewall = new Firewall(socket);
    socket.on('message', (data, from) => {
      const name = `${from.address}:${from.port}`;
      const known = firewall.#flows.get(name);
      // Systems give a port again: a packet that begins a connection begins a flow.
      const flow = known && !(known.dead && beginsConnection(data)) ? known : firewall.#open(name, from.port);
      if (flow.dead) firewall.dropped += 1;
      else flow.upstream.send(data, port, '127.0.0.1');
    });
    return firewall;
  }

  get port(): number {
    return this.#socket.address().port;
  }

  /** No flow of now passes any more. */
  forget(): void {
    for (const flow of this.#flows.values()) flow.dead = true;
  }

  close(): void {
    this.#socket.close();
    for (const { upstream } of this.#flows.values()) upstream.close();
  }

  #open(name: string, clientPort: number): Flow {
    this.#flows.get(name)?.upstream.close();
    const flow: Flow = { upstream: createSocket({ type: 'udp4', recvBufferSize: 1 << 20 }), dead: false };
    this.#flows.set(name, flow);
    flow.upstream.on('error', () => {});
    flow.upstream.on('message', (data) => {
      if (flow.dead) this.dropped += 1;
      else this.#socket.send(data, clientPort, '127.0.0.1');
    });
    return flow;
  }
}
