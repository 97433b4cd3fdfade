import { HayateError } from '@hayate/codec/errors';
import { type ClientMessage, codeError, encodeMessage, MessageReader, type RelayMessage } from '@hayate/codec/messages';
import type { BidirectionalStream } from '@hayate/transport';

/** Messages of one bidirectional stream, client's side. */
export class MessageStream {
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  /** Resolves with the reason when nothing more will come; never rejects. */
  readonly ended: Promise<HayateError>;

  constructor(stream: BidirectionalStream, onMessage: (message: RelayMessage) => void) {
    this.#writer = stream.writable.getWriter();
    this.#writer.closed.catch(() => {});
    this.#reader = stream.readable.getReader();
    this.ended = this.#read(onMessage);
  }

  /** Queues the message. A stream that can no longer be written shows itself by `ended`. Throws MessageError `too_large`. */
  send(message: ClientMessage): void {
    this.#writer.write(encodeMessage(message)).catch(() => {});
  }

  /** No more of it; both halves are given up. */
  close(): void {
    this.#writer.abort().catch(() => {});
    this.#reader.cancel().catch(() => {});
  }

  async #read(onMessage: (message: RelayMessage) => void): Promise<HayateError> {
    const messages = new MessageReader({ from: 'relay' });
    try {
      for (;;) {
        const { value, done } = await this.#reader.read();
        if (done) return codeError('connection_lost', 'the relay ended the stream');
        messages.push(value);
        for (let message = messages.next(); message; message = messages.next()) onMessage(message);
      }
    } catch (error) {
      return error instanceof HayateError ? error : codeError('connection_lost', 'the stream broke', error);
    }
  }
}
