import { type ClientMessage, encodeMessage, MessageReader, type RelayMessage } from '@hayate/codec/messages';
import type { Engine, EngineSession, LinkOptions } from '@hayate/engine';

export interface RelayAddress {
  url: string;
  hash: string;
  token: string;
}

/** Sessions of one group share a socket, and a link; a session without a group has its own. */
export type RawPath = number | { link: LinkOptions; socketGroup?: number };

type Answer<T extends RelayMessage['t']> = Extract<RelayMessage, { t: T }>;

/** A welcomed session without the SDK: for loads of hundreds in one process. */
export class RawSession {
  readonly session: EngineSession;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #messages = new MessageReader({ from: 'relay' });
  alias = 0;
  /** Of the control stream, lengths included. */
  receivedBytes = 0;

  private constructor(
    session: EngineSession,
    stream: { readable: ReadableStream<Uint8Array>; writable: WritableStream<Uint8Array> },
  ) {
    this.session = session;
    this.#writer = stream.writable.getWriter();
    this.#reader = stream.readable.getReader();
  }

  /** Connects and says hello. Rejects with the relay's refusal. */
  static async open(
    engine: Engine,
    to: RelayAddress,
    path: RawPath,
    onDatagram: (data: Uint8Array, receivedAtUs: number) => void,
  ): Promise<RawSession> {
    const session = engine.connect(to.url, {
      serverCertificateHashes: [{ algorithm: 'sha-256', value: Buffer.from(to.hash, 'hex') }],
      ...(typeof path === 'number' ? { socketGroup: path } : path),
      connectTimeoutMs: 15_000,
    });
    session.datagrams.setHandler(onDatagram);
    await session.ready;
    const raw = new RawSession(session, await session.createBidirectionalStream({ sendOrder: 30 }));
    raw.send({ t: 'hello', v: 1, token: to.token });
    raw.alias = (await raw.answer('welcome')).alias;
    return raw;
  }

  /** On the control stream. */
  send(message: ClientMessage): void {
    this.#writer.write(encodeMessage(message)).catch(() => {});
  }

  /** Opens the comments stream. Nothing is read from it unless the caller does. */
  async openComments(after?: number) {
    const stream = await this.session.createBidirectionalStream({ sendOrder: 10 });
    const writer = stream.writable.getWriter();
    await writer.write(encodeMessage({ t: 'comments', ...(after === undefined ? {} : { after }) }));
    return { writer, readable: stream.readable };
  }

  /** The next message; rejects when the stream has ended. */
  async next(): Promise<RelayMessage> {
    for (;;) {
      const message = this.#messages.next();
      if (message) return message;
      const { value, done } = await this.#reader.read();
      if (done) throw new Error('the control stream ended');
      this.receivedBytes += value.length;
      this.#messages.push(value);
    }
  }

  /** The next message of that kind; rejects with an error that comes before. */
  async answer<T extends RelayMessage['t']>(t: T): Promise<Answer<T>> {
    for (;;) {
      const message = await this.next();
      if (message.t === t) return message as Answer<T>;
      if (message.t === 'error') throw new Error(`${message.code}: ${message.message}`);
    }
  }
}
