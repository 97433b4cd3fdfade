import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Door {
  /** `http://localhost:PORT`: a secure context. */
  origin: string;
  close(): Promise<void>;
}

/** What a page's standing depends on. */
const KEPT = ['content-type', 'cross-origin-opener-policy', 'cross-origin-embedder-policy'];

const kept = (headers: Headers) => Object.fromEntries([...headers].filter(([name]) => KEPT.includes(name)));

/** The relay's HTTP side again, where it says that media is to be dialled at another port: behind an emulated link. */
export async function openDoor(http: string, mediaPort: number): Promise<Door> {
  const server = createServer((request, response) => {
    const answer = async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const type = request.headers['content-type'];
      const from = await fetch(new URL(request.url ?? '/', http), {
        method: request.method ?? 'GET',
        ...(type !== undefined && { headers: { 'content-type': type } }),
        ...(chunks.length > 0 && { body: Buffer.concat(chunks) }),
      });
      let body = Buffer.from(await from.arrayBuffer());
      if (request.url === '/v1/relay') {
        const info = JSON.parse(body.toString()) as { url: string };
        const url = new URL(info.url);
        url.port = String(mediaPort);
        body = Buffer.from(JSON.stringify({ ...info, url: url.href }));
      }
      response.writeHead(from.status, kept(from.headers)).end(body);
    };
    answer().catch(() => response.writeHead(502).end());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    origin: `http://localhost:${(server.address() as AddressInfo).port}`,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
