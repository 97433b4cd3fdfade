import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { get } from 'node:https';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { selfSignedCertificate, type WebSocketServer, webSocketConnector, webSocketServer } from './index.ts';
import { loadPonyfill } from './library.ts';
import type { WebSocketSession } from './session.ts';

const pem = selfSignedCertificate();
let server: WebSocketServer;

beforeEach(async () => {
  server = await webSocketServer({ certificate: pem, paths: ['/v1'], silenceMs: 400 });
});

afterEach(async () => {
  await server.close();
});

const url = () => `https://127.0.0.1:${server.address.port}/v1`;

async function rawUpgrade(path: string): Promise<{ socket: TLSSocket; answer: string }> {
  const socket = connect({
    port: server.address.port,
    host: '127.0.0.1',
    rejectUnauthorized: false,
    ALPNProtocols: ['http/1.1'],
  });
  await once(socket, 'secureConnect');
  socket.write(
    `GET ${path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n` +
      'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: webtransport_kDraft1\r\n\r\n',
  );
  const [first] = (await once(socket, 'data')) as [Buffer];
  return { socket, answer: first.toString('latin1') };
}

test('a stream that comes after the end of its session ends nothing else', async () => {
  const sessions = server.sessions.getReader();
  const { socket } = await rawUpgrade('/v1');
  const ended = (await sessions.read()).value!.session;
  const frame = (...capsule: number[]) => [0x82, 0x80 | capsule.length, 0, 0, 0, 0, ...capsule];
  // WT_STREAM of stream 0.
  const stream = frame(0x99, 0x0b, 0x4d, 0x3b, 3, 0, 0x68, 0x69);
  socket.on('error', () => {});
  const uncaught: unknown[] = [];
  const note = (error: unknown) => uncaught.push(error);
  process.prependListener('uncaughtException', note);
  try {
    ended.close({ closeCode: 7 });
    socket.write(Buffer.from([...stream, ...stream]));
    await ended.closed;
    const other = webSocketConnector()(url(), { serverCertificateHashes: server.certificateHashes });
    await other.ready;
    other.close();
    await other.closed;
  } finally {
    process.off('uncaughtException', note);
    socket.destroy();
  }
  expect(uncaught).toEqual([]);
});

test('garbage after the upgrade cuts that connection, is counted, and the others go on', async () => {
  const sessions = server.sessions.getReader();
  const connectTo = webSocketConnector();
  const good = connectTo(url(), { serverCertificateHashes: server.certificateHashes });
  await good.ready;
  await sessions.read();
  const inputs = [
    Buffer.from('not a frame at all, whatever it is\r\n\r\n'),
    // A whole frame whose capsule stops inside its type.
    Buffer.from([0x82, 0x81, 0, 0, 0, 0, 0xff]),
    // MAX_STREAMS without its number.
    Buffer.from([0x82, 0x84, 0, 0, 0, 0, 0x99, 0x0b, 0x4d, 0x3f]),
  ];
  for (const input of inputs) {
    const { socket, answer } = await rawUpgrade('/v1');
    expect(answer).toMatch(/^HTTP\/1\.1 101 /);
    const bad = (await sessions.read()).value!.session;
    const closed = bad.closed.catch((error: unknown) => error);
    socket.on('error', () => {});
    socket.write(input);
    // The ones that the library takes for nothing are cut for their silence.
    expect(await closed).toMatchObject({ code: 'connection_lost' });
    socket.destroy();
  }
  expect(server.stats().parseErrors + server.stats().silent).toBe(inputs.length);
  expect(server.stats().parseErrors).toBeGreaterThan(0);
  expect(good.sendDatagram(Uint8Array.of(0x41))).toBe(true);
  good.close();
  await good.closed;
});

test('an unknown path is answered with 404, a silent peer is cut, a live one is not', async () => {
  const { socket, answer } = await rawUpgrade('/nope');
  expect(answer).toMatch(/^HTTP\/1\.1 404 /);
  socket.destroy();
  expect(server.stats().refused).toEqual({ '404': 1 });

  const sessions = server.sessions.getReader();
  const alive = webSocketConnector()(url(), { serverCertificateHashes: server.certificateHashes });
  const servedAlive = (await sessions.read()).value!.session;
  const silent = await rawUpgrade('/v1');
  const servedSilent = (await sessions.read()).value!.session;
  await expect(servedSilent.closed).rejects.toMatchObject({ code: 'connection_lost' });
  expect(server.stats()).toMatchObject({ sessions: 1, silent: 1 });
  silent.socket.destroy();
  alive.close({ closeCode: 7 });
  expect((await servedAlive.closed).closeCode).toBe(7);
});

test('a plain HTTPS request gets a page: there a person accepts the certificate', async () => {
  const [response] = await once(
    get(`https://127.0.0.1:${server.address.port}/`, { rejectUnauthorized: false }),
    'response',
  );
  expect(response.statusCode).toBe(200);
  let body = '';
  for await (const chunk of response) body += String(chunk);
  expect(body).toContain('certificate');
});

test("the library's probe of a foreign host is never dialled, other sessions are", async () => {
  const dialled: string[] = [];
  class Recorder {
    readonly ready = Promise.resolve();
    constructor(address: string) {
      dialled.push(address);
    }
    close(): void {}
  }
  const scope = globalThis as { WebTransport?: unknown };
  const before = scope.WebTransport;
  scope.WebTransport = Recorder;
  try {
    await loadPonyfill(async () => {
      const Global = scope.WebTransport as new (address: string) => object;
      new Global('https://example.com:23333/test');
      new Global('https://localhost:1/v1');
      return { WebTransportPonyfill: Recorder };
    });
    expect(dialled).toEqual(['https://localhost:1/v1']);
    expect(scope.WebTransport).toBe(Recorder);
  } finally {
    scope.WebTransport = before;
  }
});

test('streams that ended are held by neither end, however many there were (issue 503 of the library)', async () => {
  const sessions = server.sessions.getReader();
  const client = webSocketConnector()(url(), { serverCertificateHashes: server.certificateHashes });
  await client.ready;
  const served = (await sessions.read()).value!.session;
  const echo = async () => {
    for await (const { readable, writable } of served.incomingBidirectional) readable.pipeTo(writable).catch(() => {});
  };
  void echo();
  const openOne = async () => {
    const { readable, writable } = await client.openBidirectional();
    const writer = writable.getWriter();
    await writer.write(Uint8Array.of(1, 2, 3));
    await writer.close();
    for await (const _ of readable);
  };
  for (let n = 0; n < 400; n += 1) await openOne();
  await expect.poll(() => server.stats().streams).toBeLessThanOrEqual(1);
  expect((client as WebSocketSession).heldStreams).toBeLessThanOrEqual(1);
  // Control: one that is under way is held.
  const before = server.stats().streams;
  const { writable } = await client.openBidirectional();
  await writable.getWriter().write(Uint8Array.of(1));
  await expect.poll(() => server.stats().streams).toBe(before + 1);
  client.close();
});

test('a bad port is bind_failed', async () => {
  await expect(webSocketServer({ certificate: pem, port: server.address.port })).rejects.toMatchObject({
    code: 'bind_failed',
  });
});

/** Resolves when the server hung up. */
const hungUp = (socket: Socket) =>
  new Promise(
    (resolve) =>
      void socket
        .on('error', () => {})
        .on('close', resolve)
        .resume(),
  );

test('a connection without a session is cut, however far it came; one with a session is not', async () => {
  // Long beside a handshake on a busy machine, which the good one has to make within it.
  const guestMs = 2500;
  const own = await webSocketServer({ certificate: pem, paths: ['/v1'], guestMs });
  try {
    const sessions = own.sessions.getReader();
    const { port } = own.address;
    const good = webSocketConnector()(`https://127.0.0.1:${port}/v1`, {
      serverCertificateHashes: own.certificateHashes,
    });
    await good.ready;
    await sessions.read();
    const options = { port, host: '127.0.0.1', rejectUnauthorized: false };
    // Not even TLS; TLS and not a word; headers without an end; HTTP/2 with nothing asked.
    const plain = connectTcp(port, '127.0.0.1');
    const silent = connect({ ...options, ALPNProtocols: ['http/1.1'] });
    const slow = connect({ ...options, ALPNProtocols: ['http/1.1'] });
    slow.write('GET /v1 HTTP/1.1\r\nHost: localhost\r\n');
    const drip = setInterval(() => slow.write('X: 1\r\n'), 20);
    const http2 = connectHttp2(`https://127.0.0.1:${port}`, { rejectUnauthorized: false });
    http2.on('error', () => {});
    await Promise.all([
      hungUp(plain),
      hungUp(silent),
      hungUp(slow),
      new Promise((resolve) => http2.on('close', resolve)),
    ]);
    clearInterval(drip);
    expect(own.stats()).toMatchObject({ guestsCut: 4, sessions: 1 });
    expect(good.sendDatagram(Uint8Array.of(0x41))).toBe(true);
    good.close();
    await good.closed;
  } finally {
    await own.close();
  }
});
