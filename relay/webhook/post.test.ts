import { getEventListeners } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { post } from './post.ts';

/** Answers /ok, and /never never. */
const server = createServer((request, response) => {
  if (request.url === '/ok') response.writeHead(204).end();
});
let base: URL;
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  base = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

const ask = (path: string, signal: AbortSignal, timeoutMs = 60_000) =>
  post({ url: new URL(path, base), headers: {}, body: '{}', timeoutMs, signal });

it('tells an answer from silence, and silence from an end', async () => {
  const life = new AbortController();
  expect(await ask('/ok', life.signal)).toEqual({ kind: 'answer', status: 204 });
  expect(await ask('/never', life.signal, 20)).toEqual({ kind: 'silence', reason: 'timeout' });
  const refused = {
    url: new URL('http://127.0.0.1:1/'),
    headers: {},
    body: '',
    timeoutMs: 60_000,
    signal: life.signal,
  };
  expect(await post(refused)).toEqual({ kind: 'silence', reason: 'connection' });
  const ended = ask('/never', life.signal);
  life.abort();
  expect(await ended).toBeUndefined();
  expect(await ask('/ok', life.signal)).toBeUndefined();
});

it('leaves nothing behind at the signal that outlives it', async () => {
  const { signal } = new AbortController();
  const all = [ask('/ok', signal), ask('/ok', signal), ask('/never', signal, 20)];
  // Control: while they run, they listen.
  expect(getEventListeners(signal, 'abort')).toHaveLength(3);
  await Promise.all(all);
  expect(getEventListeners(signal, 'abort')).toHaveLength(0);
});
