import type { PeerStream } from '@hayate/transport';

/** Sends whole messages on one stream without waiting, bounded: what the peer does not read counts as waiting. */
export class MessageWriter {
  readonly #stream: Pick<PeerStream, 'write' | 'finish'>;
  readonly #maxBytes: number;
  #waitingBytes = 0;
  #broken = false;
  #waiters: { belowBytes: number; resolve: () => void }[] = [];

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
        this.#release();
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

  /** Resolves when less than so much waits, or it has ended. Default: when it is not full. */
  drained(belowBytes = this.#maxBytes): Promise<void> {
    if (this.#broken || this.#waitingBytes < belowBytes) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiters.push({ belowBytes, resolve });
    return promise;
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
    if (this.#waiters.length === 0) return;
    const waits = (belowBytes: number) => !this.#broken && this.#waitingBytes >= belowBytes;
    for (const { belowBytes, resolve } of this.#waiters) if (!waits(belowBytes)) resolve();
    this.#waiters = this.#waiters.filter(({ belowBytes }) => waits(belowBytes));
  }
}
