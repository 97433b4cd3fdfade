/**
 * Sends whole messages on one stream without waiting, bounded: what the peer does not read counts as waiting.
 * One promise a message, which is fine for control and comments.
 */
export class MessageWriter {
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #maxBytes: number;
  #waitingBytes = 0;
  #broken = false;

  constructor(writable: WritableStream<Uint8Array>, maxBytes: number) {
    this.#writer = writable.getWriter();
    this.#maxBytes = maxBytes;
    this.#writer.closed.catch(() => {});
    this.#writer.ready.catch(() => {});
  }

  /** False when the message does not fit any more and was not sent. True for a stream that has ended: nobody misses it. */
  send(message: Uint8Array): boolean {
    if (this.#broken) return true;
    if (this.#waitingBytes + message.length > this.#maxBytes) return false;
    this.#waitingBytes += message.length;
    this.#writer.write(message).then(
      () => {
        this.#waitingBytes -= message.length;
      },
      () => {
        this.#broken = true;
      },
    );
    return true;
  }

  /** Bytes that the peer's window has not taken. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  close(): void {
    this.#broken = true;
    this.#writer.close().catch(() => {});
  }
}
