import { once } from 'node:events';
import type { Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { type HttpLimits, httpServer } from './server.ts';

const SHORT: HttpLimits = {
  ...{ headersMs: 200, requestMs: 400, keepAliveMs: 200, idleMs: 600, checkMs: 20, connections: 3 },
};
/** So long that whoever is cut within the test was cut by the other limit. */
const LONG = 60_000;

let server: Server;
const sockets: Socket[] = [];
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
  server.closeAllConnections();
  server.close();
});

async function serve(limits: HttpLimits): Promise<void> {
  server = httpServer((request, response) => {
    if (request.url === '/large') response.end(Buffer.alloc(1 << 24));
    else request.resume().on('end', () => response.end('done'));
  }, limits);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
}

async function dial(): Promise<{ socket: Socket; ended: Promise<string> }> {
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  sockets.push(socket);
  let said = '';
  socket.on('data', (data: Buffer) => {
    said += data.toString('latin1');
  });
  socket.on('error', () => {});
  const ended = once(socket, 'close').then(() => said);
  await once(socket, 'connect');
  return { socket, ended };
}

describe('an HTTP server of a relay', () => {
  it('does not wait for who says nothing, or no end of the headers', async () => {
    await serve({ ...SHORT, requestMs: LONG, idleMs: LONG });
    const silent = await dial();
    const slow = await dial();
    slow.socket.write('GET / HTTP/1.1\r\nHost: a\r\n');
    const drip = setInterval(() => slow.socket.write('X: 1\r\n'), 20);
    expect(await slow.ended).toMatch(/^HTTP\/1\.1 408 /);
    clearInterval(drip);
    await silent.ended;
  });

  it('does not wait for a body that comes by the byte', async () => {
    await serve({ ...SHORT, idleMs: LONG });
    const { socket, ended } = await dial();
    socket.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10000\r\n\r\n');
    const drip = setInterval(() => socket.write('x'), 20);
    expect(await ended).toMatch(/^HTTP\/1\.1 408 /);
    clearInterval(drip);
  });

  it('does not keep an answer for who does not read it', async () => {
    await serve({ ...SHORT, headersMs: LONG, requestMs: LONG });
    const accepted = once(server, 'connection') as Promise<[Socket]>;
    const { socket, ended } = await dial();
    socket.pause();
    socket.write('GET /large HTTP/1.1\r\nHost: a\r\n\r\n');
    await once((await accepted)[0], 'close');
    socket.resume();
    expect((await ended).length).toBeLessThan(1 << 24);
  });

  it('takes so many at once, and answers who keeps to all of it', async () => {
    await serve(SHORT);
    const held = [await dial(), await dial()];
    const dropped = once(server, 'drop');
    const good = await dial();
    await dial();
    await dropped;
    good.socket.write('POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi');
    expect(await good.ended).toMatch(/^HTTP\/1\.1 200 OK[\s\S]*done$/);
    await Promise.all(held.map(({ ended }) => ended));
  });
});
