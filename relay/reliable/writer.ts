import type { PeerStream } from '@hayate/transport';

/** Sends whole messages on one stream without waiting, bounded: what the peer does not read counts as waiting. */
export class MessageWriter {
  readonly #stream: Pick<PeerStream, 'write' | 'finish'>;
  readonly #maxBytes: number;
  #waitingBytes = 0;
  #broken = false;
  #drained: PromiseWithResolvers<void> | undefined;

  constructor(stream: Pick<PeerStream, 'write' | 'finish'>, maxBytes: number) {
    this.#stream = stream;
    this.#maxBytes = maxBytes;
  }

  /** False when the message does not fit any more and was not sent. True for a stream that has ended: nobody misses it. */
  send(message: Uint8Array): boolean {
    if (this.#broken) return true;
    if (this.#waitingBytes + message.length > this.#maxBytes) return false;
    this.push(message);
    return true;
  }

  /** As `send`, whatever waits. For who looks at `full` first. */
  push(message: Uint8Array): void {
    if (this.#broken) return;
    const taken = this.#stream.write(message);
    if (!taken) return;
    this.#waitingBytes += message.length;
    taken.then(
      () => {
        this.#waitingBytes -= message.length;
        if (!this.full) this.#release();
      },
      () => {
        this.#broken = true;
        this.#release();
      },
    );
  }

  /** Whether what waits has reached the bound. Never of a stream that has ended. */
  get full(): boolean {
    return !this.#broken && this.#waitingBytes >= this.#maxBytes;
  }

  /** Resolves when it is not full, or has ended. */
  drained(): Promise<void> {
    if (!this.full) return Promise.resolve();
    this.#drained ??= Promise.withResolvers<void>();
    return this.#drained.promise;
  }

  /** Bytes that the peer's window has not taken. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  close(): void {
    this.#broken = true;
    this.#release();
    this.#stream.finish();
  }

  #release(): void {
    this.#drained?.resolve();
    this.#drained = undefined;
  }
}
