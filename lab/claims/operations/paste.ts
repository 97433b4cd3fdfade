import { request } from 'node:http';
import { request as requestTls } from 'node:https';
import { encodeMessage } from '@hayate/codec/messages';
import type { Engine, EngineSession } from '@hayate/engine';

const ANSWER_MS = 3000;

/** What a program said to whoever pasted: where, and all of it. */
export interface Said {
  where: string;
  text: string;
}

interface Ask {
  method?: string;
  path: string;
  headers?: Record<string, string>;
  body?: string;
}

/** Puts a secret wherever an HTTP client can. @param right a header that the server takes, for what lies behind it */
export async function pasteHttp(base: string, secret: string, right?: string): Promise<Said[]> {
  const escaped = encodeURIComponent(secret);
  const json = { 'content-type': 'application/json' };
  const rooms = ['/v1/rooms', '/v1/gifts', '/v1/fleet', '/v1/shift', '/v1/enrol', '/v1/audit', '/metrics'];
  const asks: Ask[] = [
    ...['/', '/v1/rooms/', '/v1/gifts/', '/v1/', '/metrics/'].map((path) => ({ path: `${path}${escaped}` })),
    ...['/', '/v1/relay', '/v1/rooms', '/v1/rooms/demo/relays', '/metrics'].map((path) => ({
      path: `${path}?token=${escaped}&left=${escaped}&after=${escaped}`,
    })),
    ...rooms.flatMap((path) => [
      { path, headers: { authorization: `Bearer ${secret}` } },
      {
        path,
        headers: {
          authorization: secret,
          'x-token': secret,
          cookie: `token=${secret}`,
          origin: `https://${escaped}.example`,
        },
      },
      ...[
        JSON.stringify({ [secret]: 1, token: secret, ttlSeconds: secret, amount: secret }),
        secret,
        `{"room": ${secret}`,
      ].map((body) => ({ method: 'POST', path, headers: json, body })),
    ]),
    { method: 'PUT', path: `/v1/rooms/demo/bans/${escaped}`, headers: json, body: JSON.stringify({ seconds: secret }) },
    { method: 'DELETE', path: `/v1/rooms/${escaped}` },
    { path: '/healthz', headers: { host: `${escaped.slice(0, 60)}.example` } },
  ];
  const both =
    right === undefined
      ? asks
      : [...asks, ...asks.map((ask) => ({ ...ask, headers: { ...ask.headers, authorization: right } }))];
  return Promise.all(
    both.map(async (ask) => ({ where: `${ask.method ?? 'GET'} of ${base}`, text: await answer(base, ask) })),
  );
}

/** Status line, headers and body; empty where there is none. */
function answer(base: string, { method = 'GET', path, headers = {}, body }: Ask): Promise<string> {
  const send = base.startsWith('https:') ? requestTls : request;
  return new Promise((resolve) => {
    const options = { method, headers, rejectUnauthorized: false, timeout: ANSWER_MS, agent: false };
    const { origin } = new URL(base);
    const asked = send(`${origin}${path}`, options, (response) => {
      let text = `${response.statusCode} ${JSON.stringify(response.headers)}\n`;
      response.setEncoding('utf8').on('data', (part: string) => {
        text += part;
      });
      response.on('close', () => resolve(text));
    });
    asked.on('upgrade', (_, socket) => {
      socket.destroy();
      resolve('');
    });
    asked.on('timeout', () => asked.destroy());
    asked.on('error', (error) => resolve(error.message));
    asked.end(body);
  });
}

/** The same over the WebSocket fallback, before a session exists. */
export async function pasteUpgrade(url: string, secret: string): Promise<Said[]> {
  const upgrade = {
    ...{ upgrade: 'websocket', connection: 'Upgrade', 'sec-websocket-version': '13' },
    ...{ 'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==', 'sec-websocket-protocol': secret.slice(0, 100) },
  };
  const paths = [`/v1/${encodeURIComponent(secret)}`, `/v1?token=${encodeURIComponent(secret)}`];
  return Promise.all(
    paths.map(async (path) => ({
      where: `upgrade at ${url}`,
      text: await answer(url, {
        path,
        headers: { ...upgrade, authorization: `Bearer ${secret}`, origin: `https://x.example` },
      }),
    })),
  );
}

/** In a session over QUIC: URL, hello, wrong messages, the ticket of a gift, the reason of the close. */
export async function pasteSession(
  engine: Engine,
  at: { url: string; hash: string; token: string },
  secret: string,
): Promise<Said[]> {
  const connect = (path: string) =>
    engine.connect(`${at.url}${path}`, {
      serverCertificateHashes: [{ algorithm: 'sha-256', value: Buffer.from(at.hash, 'hex') }],
      connectTimeoutMs: 10_000,
    });
  const escaped = encodeURIComponent(secret);
  const hello = (token: string) => encodeMessage({ t: 'hello', v: 1, token });
  const scripts: [string, Uint8Array[]][] = [
    [`/${escaped}`, []],
    [`?token=${escaped}`, [hello('none')]],
    [`?half=${escaped}`, [hello('none')]],
    ['', [hello(secret)]],
    ['', [hello(`${secret}x`)]],
    ['', [encodeMessage({ t: 'hello', v: 1, token: at.token, resume: secret } as never)]],
    ['', [encodeMessage({ t: 'hello', v: 1, token: at.token, [secret]: secret } as never)]],
    ['', [Buffer.from(secret)]],
    ['', [hello(at.token), encodeMessage({ t: 'publish', slot: secret, [secret]: 1 } as never)]],
    ['', [hello(at.token), encodeMessage({ t: secret } as never)]],
    ['', [hello(at.token), encodeMessage({ t: 'kick', id: 1, sub: secret, reason: secret } as never)]],
    ['', [hello(at.token), encodeMessage({ t: 'token', token: secret } as never)]],
  ];
  const said = await Promise.all(scripts.map(([path, messages]) => play(connect(path), messages, secret)));
  return [...said, await pasteGift(connect(''), hello(at.token), secret)];
}

/** Says all of it on the first stream, hears the answers, and closes with the secret for a reason. */
async function play(session: EngineSession, messages: readonly Uint8Array[], secret: string): Promise<Said> {
  const heard: string[] = [];
  try {
    await session.ready;
    const stream = await session.createBidirectionalStream();
    heard.push(await exchange(stream, messages));
    session.close({ closeCode: 4, reason: secret.slice(0, 200) });
  } catch (error) {
    heard.push(String((error as Error).message));
  }
  const closed = await session.closed.catch((error: Error) => ({ closeCode: 0, reason: error.message }));
  // One's own reason is not an answer.
  if (closed.closeCode !== 4) heard.push(closed.reason);
  return { where: 'a session', text: heard.join('\n') };
}

async function pasteGift(session: EngineSession, hello: Uint8Array, secret: string): Promise<Said> {
  const heard: string[] = [];
  try {
    await session.ready;
    heard.push(await exchange(await session.createBidirectionalStream(), [hello]));
    const gifts = [encodeMessage({ t: 'gifts', after: 0 }), encodeMessage({ t: 'gift', id: 1, ticket: secret })];
    heard.push(await exchange(await session.createBidirectionalStream(), gifts));
  } catch (error) {
    heard.push(String((error as Error).message));
  }
  session.close({ closeCode: 4, reason: '' });
  await session.closed.catch(() => {});
  return { where: 'a gift', text: heard.join('\n') };
}

type Stream = Awaited<ReturnType<EngineSession['createBidirectionalStream']>>;

/** What comes until the relay is silent for a moment, or ends. */
async function exchange({ readable, writable }: Stream, messages: readonly Uint8Array[]): Promise<string> {
  const writer = writable.getWriter();
  const reader = readable.getReader();
  let text = '';
  for (const message of messages) {
    await writer.write(message);
    const silent = new Promise<undefined>((resolve) => setTimeout(() => resolve(undefined), 500));
    const first = await Promise.race([reader.read(), silent]).catch((error: Error) => ({
      value: Buffer.from(error.message),
      done: true,
    }));
    if (first?.value) text += Buffer.from(first.value).toString('latin1');
    if (first?.done) break;
  }
  return text;
}
