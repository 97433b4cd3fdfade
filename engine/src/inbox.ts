/**
 * A ReadableStream that is built when somebody first asks for it; what comes before waits in a plain list.
 * What fills it bounds it: stream limits, session limits.
 */
export class Inbox<T> {
  readonly #waiting: T[] = [];
  #stream: ReadableStream<T> | undefined;
  #controller: ReadableStreamDefaultController<T> | undefined;
  #end: { error?: unknown } | undefined;
  readonly #discard: (item: T) => void;

  /** `discard` gets what comes after the reader has cancelled the stream. */
  constructor(discard: (item: T) => void) {
    this.#discard = discard;
  }

  get stream(): ReadableStream<T> {
    this.#stream ??= new ReadableStream<T>({
      start: (controller) => {
        this.#controller = controller;
        for (const item of this.#waiting.splice(0)) controller.enqueue(item);
        this.#finish();
      },
      cancel: () => {
        this.#controller = undefined;
        this.#end ??= {};
      },
    });
    return this.#stream;
  }

  push(item: T): void {
    if (this.#end) this.#discard(item);
    else if (this.#controller) this.#controller.enqueue(item);
    else this.#waiting.push(item);
  }

  /** Ends the stream after what is in it; with an error at once. */
  end(error?: unknown): void {
    if (this.#end) return;
    this.#end = error === undefined ? {} : { error };
    this.#finish();
  }

  #finish(): void {
    if (!this.#controller || !this.#end) return;
    if ('error' in this.#end) this.#controller.error(this.#end.error);
    else this.#controller.close();
    this.#controller = undefined;
  }
}
