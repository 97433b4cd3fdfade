import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Received {
  id: string;
  headers: Record<string, string>;
  body: string;
}

/** What a backend does with a request: a status, with headers and a body, or nothing at all, or it dies. */
export type Reply = number | { status: number; headers?: Record<string, string>; body?: string } | 'hang' | 'die';

/** A backend of an app on loopback, as wrong as a test wants it. */
export class Backend {
  readonly received: Received[] = [];
  /** Asked for each request. */
  reply: (request: Received) => Reply = () => 204;
  readonly #server: Server;
  #port = 0;

  constructor() {
    this.#server = createServer((request, response) => {
      let body = '';
      request.setEncoding('utf8').on('data', (text: string) => {
        body += text;
      });
      request.on('end', () => {
        const headers = request.headers as Record<string, string>;
        const received = { id: headers['webhook-id'] ?? '', headers, body };
        this.received.push(received);
        const reply = this.reply(received);
        if (reply === 'hang') return;
        if (reply === 'die') {
          request.socket.destroy();
          return;
        }
        const { status, headers: more = {}, body: text = '' } = typeof reply === 'number' ? { status: reply } : reply;
        response.writeHead(status, more).end(text);
      });
    });
  }

  /** On the same port as before, if there was one. */
  async listen(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(this.#port, '127.0.0.1', resolve));
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  get url(): URL {
    return new URL(`http://127.0.0.1:${this.#port}/gifts`);
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
