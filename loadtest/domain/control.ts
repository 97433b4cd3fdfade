import { type ClientMessage, encodeMessage, MessageReader, type RelayMessage } from '@hayate/codec/messages';
import type { EngineSession } from '@hayate/engine';

type Stream = Awaited<ReturnType<EngineSession['createBidirectionalStream']>>;
type Answer<T extends RelayMessage['t']> = Extract<RelayMessage, { t: T }>;

/** Opens the control stream once the session is ready; rejects when it does not come about. */
export async function controlStream(session: EngineSession): Promise<Stream> {
  await session.ready;
  return session.createBidirectionalStream({ sendOrder: 30 });
}

/** The control stream of a session with a relay, without the SDK: for loads of thousands in one process. */
export class Control {
  readonly session: EngineSession;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #messages = new MessageReader({ from: 'relay' });
  /** Lengths included. */
  receivedBytes = 0;

  /** @param stream the first of the session, of `controlStream` */
  constructor(session: EngineSession, stream: Stream) {
    this.session = session;
    this.#writer = stream.writable.getWriter();
    this.#reader = stream.readable.getReader();
  }

  send(message: ClientMessage): void {
    this.sendEncoded(encodeMessage(message));
  }

  /** As `send`; for one message of many sessions. */
  sendEncoded(message: Uint8Array): void {
    this.#writer.write(message).catch(() => {});
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

  /** Takes what comes from now on unread, or the relay would end a session that does not read. */
  drain(): void {
    const read = async () => {
      while (!(await this.#reader.read()).done);
    };
    read().catch(() => {});
  }
}
