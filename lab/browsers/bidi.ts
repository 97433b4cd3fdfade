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
    return (await answer.promise) as T;
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
