import { afterEach, beforeEach, describe } from 'vitest';
import { engineAvailable, openEngine } from './index.ts';
import type { ConnectOptions, Engine, EngineListener, EngineSession, ListenOptions } from './types.ts';

// Shared by the tests that run the real addon over loopback.

/** A describe for tests that need the addon; without it they are skipped with the reason. */
export function describeWithEngine(name: string, body: () => void): void {
  const available = engineAvailable();
  describe(name, () => {
    beforeEach((context) => {
      if (!available.ok) context.skip(available.reason);
    });
    body();
  });
}

interface Pair {
  client: EngineSession;
  server: EngineSession;
}

export interface Loopback {
  server: Engine;
  client: Engine;
  listener: EngineListener;
  url: string;
  /** Options that trust the listener. */
  trust: ConnectOptions;
  connect(options?: ConnectOptions, path?: string): EngineSession;
  /** An open session from both sides; one at a time, else the sides may belong to different sessions. */
  pair(options?: ConnectOptions, path?: string): Promise<Pair>;
  /** The next session that the listener accepts. */
  accept(): Promise<EngineSession>;
}

const open: Engine[] = [];

/** Two engines, one listening on loopback; both are closed after the test. */
export async function loopback(options: Partial<ListenOptions> = {}): Promise<Loopback> {
  const server = engine();
  const client = engine();
  const listener = await server.listen({ host: '127.0.0.1', certificate: { selfSigned: {} }, ...options });
  const { host, port } = listener.address;
  const url = `https://${host.includes(':') ? `[${host}]` : host}:${port}`;
  const trust = {
    serverCertificateHashes: listener.certificateHashes.map((value) => ({ algorithm: 'sha-256' as const, value })),
  };
  const incoming = listener.sessions.getReader();
  const accept = async () => {
    const { value } = await incoming.read();
    if (!value) throw new Error('the listener closed');
    return value;
  };
  const connect = (more: ConnectOptions = {}, path = '/v1') => client.connect(url + path, { ...trust, ...more });
  const pair = async (more: ConnectOptions = {}, path = '/v1') => {
    const session = connect(more, path);
    const [accepted] = await Promise.all([accept(), session.ready]);
    return { client: session, server: accepted };
  };
  return { server, client, listener, url, trust, connect, pair, accept };
}

/** Another engine that is closed after the test. */
export function engine(): Engine {
  const e = openEngine();
  open.push(e);
  return e;
}

afterEach(async () => {
  await Promise.all(open.splice(0).map((e) => e.close()));
});

export async function readAll(readable: ReadableStream<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of readable) chunks.push(chunk);
  return Buffer.concat(chunks);
}

export async function writeAll(writable: WritableStream<Uint8Array>, data: Uint8Array): Promise<void> {
  const writer = writable.getWriter();
  await writer.write(data);
  await writer.close();
}

export async function nextOf<T>(stream: ReadableStream<T>): Promise<T> {
  const reader = stream.getReader();
  const { value, done } = await reader.read();
  reader.releaseLock();
  if (done) throw new Error('the stream ended');
  return value;
}

/** Bytes that tell their place. */
export function pattern(length: number): Uint8Array<ArrayBuffer> {
  const words = new Uint32Array(Math.ceil(length / 4));
  for (let i = 0; i < words.length; i += 1) words[i] = Math.imul(i, 2654435761);
  return new Uint8Array(words.buffer).subarray(0, length);
}
