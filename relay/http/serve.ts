import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import type { OpenAPIHono } from '@hono/zod-openapi';
import { bindFailed } from './bind.ts';
import { httpServer } from './server.ts';

export interface HttpServer {
  readonly host: string;
  readonly port: number;
  close(): Promise<void>;
}

/** @param setting what a taken port is called in the error. Rejects with `bind_failed`. */
export async function serveHttp(app: OpenAPIHono, host: string, port: number, setting = 'http'): Promise<HttpServer> {
  const server = httpServer(getRequestListener(app.fetch));
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(bindFailed(setting, host, port, error)));
    server.listen(port, host, () => resolve());
  });
  return {
    host,
    port: (server.address() as AddressInfo).port,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
