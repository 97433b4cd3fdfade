/**
 * A writable in front of another whose pending write rejects when the session ends. Two bodies forget it and leave the
 * promise pending for ever: @fails-components/webtransport 1.6.8, and Firefox 153.
 */
export class GuardedWriter {
  readonly writable: WritableStream<Uint8Array>;
  #controller!: WritableStreamDefaultController;
  #pending: PromiseWithResolvers<void> | undefined;
  #error: unknown;

  /** Writes pieces of at most `pieceBytes`. `onDone`: nothing is left that could stay pending. */
  constructor(inner: WritableStream<Uint8Array>, pieceBytes: number, onDone: (self: GuardedWriter) => void) {
    const writer = inner.getWriter();
    writer.closed.catch((error: unknown) => {
      onDone(this);
      this.fail(error);
    });
    this.writable = new WritableStream<Uint8Array>({
      start: (controller) => {
        this.#controller = controller;
        controller.signal.addEventListener('abort', () => this.#pending?.reject(controller.signal.reason));
      },
      write: (chunk) => this.#run(writeInPieces(writer, chunk, pieceBytes)),
      close: () => this.#run(writer.close()).finally(() => onDone(this)),
      abort: async (reason) => {
        onDone(this);
        if (this.#error === undefined) await writer.abort(reason);
      },
    });
  }

  #run(work: Promise<void>): Promise<void> {
    const pending = Promise.withResolvers<void>();
    this.#pending = pending;
    work.then(pending.resolve, (error: unknown) => pending.reject(this.#error ?? error));
    return pending.promise;
  }

  fail(error: unknown): void {
    if (this.#error !== undefined) return;
    this.#error = error;
    this.#controller.error(error);
    this.#pending?.reject(error);
  }
}

/** Each piece is a copy: the caller may write its buffer again as soon as the write resolves or is given up. */
async function writeInPieces(
  writer: WritableStreamDefaultWriter<Uint8Array>,
  bytes: Uint8Array,
  pieceBytes: number,
): Promise<void> {
  for (let at = 0; at < bytes.length; at += pieceBytes) await writer.write(bytes.slice(at, at + pieceBytes));
}
