import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { basename } from 'node:path';

/** A registry on loopback that has these tarballs alone: what `npm install` would find had they been published. */
export interface Registry {
  url: string;
  /** Names of packages that were asked for, in their order. */
  asked: string[];
  close(): void;
}

export async function serveTarballs(files: readonly string[]): Promise<Registry> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url ?? '/', 'http://localhost').pathname).slice(1);
    const tarball = files.find((file) => path === `-/${basename(file)}`);
    const document = tarball ? undefined : documents.get(path);
    if (document) asked.push(path);
    // npm keeps answers by their URL, and another run may have the same port.
    response.setHeader('cache-control', 'no-store');
    if (tarball) response.end(readFileSync(tarball));
    else if (document) response.setHeader('content-type', 'application/json').end(document);
    else response.writeHead(404).end('{}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const documents = new Map(files.map((file) => documentOf(file, url)));
  return { url, asked, close: () => server.close() };
}

function documentOf(file: string, url: string): [name: string, document: string] {
  const text = execFileSync('tar', ['-xzOf', file, 'package/package.json'], { encoding: 'utf8' });
  const manifest = JSON.parse(text) as { name: string; version: string };
  const integrity = `sha512-${createHash('sha512').update(readFileSync(file)).digest('base64')}`;
  const version = { ...manifest, dist: { tarball: `${url}-/${basename(file)}`, integrity } };
  const document = {
    name: manifest.name,
    'dist-tags': { latest: manifest.version },
    versions: { [manifest.version]: version },
  };
  return [manifest.name, JSON.stringify(document)];
}
