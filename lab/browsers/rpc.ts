/** A browser that hangs must not hang a test or a claim for ever. What a page is asked to wait for takes less. */
const ANSWER_MS = 180_000;

/** Commands with answers, and events, over one WebSocket: WebDriver BiDi and Chromium's DevTools protocol are both such. */
export class RpcConnection {
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

  static async open(url: string, onEvent: (method: string, params: unknown) => void): Promise<RpcConnection> {
    const socket = new WebSocket(url);
    await new Promise<void>((resolve, reject) => {
      socket.addEventListener('open', () => resolve(), { once: true });
      socket.addEventListener('error', () => reject(new Error(`no browser answers at ${url}`)), { once: true });
    });
    return new RpcConnection(socket, onEvent);
  }

  /** @param sessionId of DevTools: the page that it is for */
  async command<T>(method: string, params: object = {}, sessionId?: string): Promise<T> {
    if (this.#socket.readyState !== WebSocket.OPEN) throw new Error('the browser hung up');
    const id = ++this.#lastId;
    const answer = Promise.withResolvers<unknown>();
    this.#waiting.set(id, answer);
    this.#socket.send(JSON.stringify({ id, method, params, ...(sessionId !== undefined && { sessionId }) }));
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
    const message = JSON.parse(text) as RpcMessage;
    if (typeof message.id !== 'number') {
      if (message.method !== undefined) this.#onEvent(message.method, message.params);
      return;
    }
    const waiting = this.#waiting.get(message.id);
    this.#waiting.delete(message.id);
    const { error } = message;
    if (error === undefined) waiting?.resolve(message.result);
    else waiting?.reject(new Error(typeof error === 'string' ? `${error}: ${message.message}` : error.message));
  }
}

interface RpcMessage {
  /** Of an answer. Null: an error that belongs to no command. */
  id?: number | null;
  result?: unknown;
  /** BiDi: its code, with `message` beside it. */
  error?: string | { message: string };
  message?: string;
  /** Of an event. */
  method?: string;
  params?: unknown;
}
