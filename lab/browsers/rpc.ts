/** A browser that hangs must not hang a test or a claim for ever. What a page is asked to wait for takes less. */
const ANSWER_MS = 180_000;

/** WebDriver BiDi over one WebSocket: commands with answers, and events. */
export class BidiConnection {
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>();
  readonly #onEvent: (method: string, params: unknown) => void;
  #lastId = 0;

  private constructor(socket: WebSocket, onEvent: (method: string, params: unknown) => void) {
    this.#socket = socket;
    this.#onEvent = onEvent;
    socket.addEventListener('message', (event) => this.#message(String(event.data)));
    socket.addEventListener('close', () => {
      for (const waiting of this.#waiting.values()) waiting.reject(new Error('the browser hung up'));
      this.#waiting.clear();
    });
  }

  static async open(url: string, onEvent: (method: string, params: unknown) => void): Promise<BidiConnection> {
    const socket = new WebSocket(url);
    await new Promise<void>((resolve, reject) => {
      socket.addEventListener('open', () => resolve(), { once: true });
      socket.addEventListener('error', () => reject(new Error(`no WebDriver BiDi at ${url}`)), { once: true });
    });
    return new BidiConnection(socket, onEvent);
  }

  async command<T>(method: string, params: object): Promise<T> {
    if (this.#socket.readyState !== WebSocket.OPEN) throw new Error('the browser hung up');
    const id = ++this.#lastId;
    const answer = Promise.withResolvers<unknown>();
    this.#waiting.set(id, answer);
    this.#socket.send(JSON.stringify({ id, method, params }));
    const timer = setTimeout(() => {
      this.#waiting.delete(id);
      answer.reject(new Error(`the browser did not answer ${method} within ${ANSWER_MS / 1000} s`));
    }, ANSWER_MS);
    try {
      return (await answer.promise) as T;
    } finally {
      clearTimeout(timer);
    }
  }

  close(): void {
    this.#socket.close();
  }

  #message(text: string): void {
    const message = JSON.parse(text) as BidiMessage;
    if (message.type === 'event') {
      this.#onEvent(message.method, message.params);
      return;
    }
    if (message.id === null) return;
    const waiting = this.#waiting.get(message.id);
    this.#waiting.delete(message.id);
    if (message.type === 'success') waiting?.resolve(message.result);
    else waiting?.reject(new Error(`${message.error}: ${message.message}`));
  }
}

type BidiMessage =
  | { type: 'event'; method: string; params: unknown }
  | { type: 'success'; id: number; result: unknown }
  | { type: 'error'; id: number | null; error: string; message: string };
