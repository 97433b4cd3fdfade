import { encodeMessage, MessageReader, type RelayMessage } from '@hayate/codec/messages';
import type { Engine } from '@hayate/engine';
import { RawSession, type RelayAddress } from './raw-session.ts';

type Answer = Extract<RelayMessage, { t: 'gifted' | 'error' }>;

/** A gifts stream without the SDK, which would try again what may be tried again: one answer a ticket, as it came. */
export class RawGifts {
  /** Numbers of the records that were shown, in order. */
  readonly shown: number[] = [];
  /** Undefined while the stream is open. */
  ended: string | undefined;
  readonly #raw: RawSession;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #id = 0;

  private constructor(
    raw: RawSession,
    stream: { readable: ReadableStream<Uint8Array>; writable: WritableStream<Uint8Array> },
  ) {
    this.#raw = raw;
    this.#writer = stream.writable.getWriter();
    this.#read(stream.readable.getReader()).catch((error: Error) => {
      this.ended = error.message;
    });
  }

  static async open(engine: Engine, to: RelayAddress): Promise<RawGifts> {
    const raw = await RawSession.open(engine, to, 0, () => {});
    const gifts = new RawGifts(raw, await raw.session.createBidirectionalStream({ sendOrder: 20 }));
    await gifts.#writer.write(encodeMessage({ t: 'gifts', after: 0 }));
    return gifts;
  }

  /** The code of the refusal, or `taken` or `repeat` with the place in the room. */
  async give(ticket: string): Promise<{ answer: string; number?: number }> {
    const id = ++this.#id;
    const { promise, resolve } = Promise.withResolvers<Answer>();
    this.#waiting.set(id, resolve);
    await this.#writer.write(encodeMessage({ t: 'gift', id, ticket }));
    const answer = await promise;
    if (answer.t === 'gifted') return { answer: answer.repeat ? 'repeat' : 'taken', number: answer.n! };
    return { answer: answer.code };
  }

  async close(): Promise<void> {
    this.#raw.session.close();
    await this.#raw.session.closed;
  }

  async #read(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
    const messages = new MessageReader({ from: 'relay' });
    for (;;) {
      const { value, done } = await reader.read();
      if (done) break;
      messages.push(value);
      for (let message = messages.next(); message; message = messages.next()) {
        if (message.t === 'gift') this.shown.push(message.n!);
        if (message.t !== 'gifted' && message.t !== 'error') continue;
        if (message.id !== undefined) this.#waiting.get(message.id)?.(message);
      }
    }
    this.ended = 'by the relay';
  }
}
