import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { control } from './control.ts';
import type { FakeLinode } from './fake.ts';

export interface FakeLinodeServer {
  /** To be given as `apiUrl`. */
  url: string;
  close(): Promise<void>;
}

/** A fake as an API on a port of this machine, for other processes; `POST /fake` asks it to go wrong. Port 0: any. @throws what `listen` does */
export async function serveFakeLinode(
  fake: FakeLinode,
  { port = 0, host = '127.0.0.1' } = {},
): Promise<FakeLinodeServer> {
  const server = createServer(async (request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://fake');
    const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]));
    const body = await textOf(request);
    if (request.method === 'POST' && pathname === '/fake') {
      const { status, body: said } = control(fake, body);
      response.writeHead(status, { 'content-type': 'application/json' }).end(said);
      return;
    }
    const handled = fake.handle(pathname, searchParams, { method: request.method ?? 'GET', headers, body });
    if (!handled) {
      request.socket.destroy();
      return;
    }
    response.writeHead(handled.answer.status, handled.headers).end(handled.answer.body);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  return {
    url: `http://${host}:${(server.address() as AddressInfo).port}/v4`,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}
