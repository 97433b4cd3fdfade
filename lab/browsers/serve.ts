import { createServer } from 'node:http';
import { build } from 'esbuild';

export interface PageServer {
  /** `http://localhost:PORT`: a secure context, so that WebTransport is there. */
  readonly origin: string;
  close(): Promise<void>;
}

/** Serves a blank page at `/` and `files` by their path. */
export async function servePages(files: Record<string, { type: string; body: string }>): Promise<PageServer> {
  const server = createServer((request, response) => {
    const path = request.url?.split('?', 1)[0] ?? '/';
    const file =
      files[path] ?? (path === '/' ? { type: 'text/html', body: '<!doctype html><title>test</title>' } : undefined);
    if (file === undefined) {
      response.writeHead(path === '/favicon.ico' ? 204 : 404).end();
      return;
    }
    response.writeHead(200, { 'content-type': file.type, 'cache-control': 'no-store' }).end(file.body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    origin: `http://localhost:${address.port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** One ES module for browsers from a TypeScript entry. */
export async function bundle(entry: string): Promise<string> {
  const result = await build({
    entryPoints: [entry],
    bundle: true,
    format: 'esm',
    platform: 'browser',
    conditions: ['browser'],
    target: 'es2024',
    write: false,
    logLevel: 'silent',
  });
  const text = result.outputFiles[0]?.text;
  if (text === undefined) throw new Error(`nothing was built from ${entry}`);
  return text;
}
