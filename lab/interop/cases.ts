/**
 * The WebTransport cases of quic-interop-runner (its webtransport.md): files go over streams and datagrams by GET and
 * PUSH. Both halves over a `Session`, without a Node API, so that a page plays them as well.
 */
import type { Session } from '@hayate/transport';

export type Kind = 'unidirectional' | 'bidirectional' | 'datagram';
/** Who sends the files: `receive`: the server, `send`: the client. */
type Direction = 'receive' | 'send';

export interface InteropCase {
  /** As the runner calls it. */
  name: string;
  kind?: Kind;
  direction?: Direction;
}

export interface File {
  name: string;
  bytes: number;
}

/** SHA-256 in hex by name; a file that came twice or broken off is not there. */
export type Digests = Record<string, string>;

export const CASES: readonly InteropCase[] = [
  { name: 'handshake' },
  ...(['unidirectional', 'bidirectional', 'datagram'] as const).flatMap((kind) =>
    (['receive', 'send'] as const).map((direction) => ({ name: `transfer-${kind}-${direction}`, kind, direction })),
  ),
];

const KB = 1024;
const STREAM_SIZES = [100 * KB, 500 * KB, 250 * KB, KB * KB, 2 * KB * KB];
const DATAGRAM_FILES = 200;
/** Between two rounds of requests for what did not come, and between datagrams of one. */
const AGAIN_MS = 300;
const PACE_EVERY = 10;
const PACE_MS = 5;
const DEADLINE_MS = 40_000;

/** The sizes of the runner. */
export function filesOf({ kind }: InteropCase): File[] {
  if (kind === undefined) return [];
  if (kind !== 'datagram') return STREAM_SIZES.map((bytes, n) => ({ name: `f${n}`, bytes }));
  return Array.from({ length: DATAGRAM_FILES }, (_, n) => ({ name: `f${n}`, bytes: 600 + 2 * n }));
}

/** What both ends and every language take a file to hold: bytes that tell its name and their place. */
export function contentOf({ name, bytes }: File): Uint8Array<ArrayBuffer> {
  const seed = [...name].reduce((sum, character) => sum + character.charCodeAt(0) * 7, 0);
  return Uint8Array.from({ length: bytes }, (_, i) => (i * 31 + (i >> 8) * 17 + (i >> 16) + seed) & 255);
}

export async function digestOf(content: Uint8Array<ArrayBuffer>): Promise<string> {
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', content));
  return [...hash].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

const encode = (text: string) => new TextEncoder().encode(text);

async function readAll(readable: ReadableStream<Uint8Array>): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await new Response(readable as ReadableStream<Uint8Array<ArrayBuffer>>).arrayBuffer());
}

async function write(writable: WritableStream<Uint8Array>, ...parts: Uint8Array[]): Promise<void> {
  const writer = writable.getWriter();
  for (const part of parts) await writer.write(part);
  // Acknowledged or not: the peer may close as soon as it has read all.
  writer.close().catch(() => {});
}

/** `PUSH NAME\n` and the content. */
function parsePush(data: Uint8Array<ArrayBuffer>): { name: string; content: Uint8Array<ArrayBuffer> } | undefined {
  const end = data.indexOf(10);
  const head = new TextDecoder().decode(data.subarray(0, Math.max(0, end)));
  return head.startsWith('PUSH ') ? { name: head.slice(5), content: data.slice(end + 1) } : undefined;
}

const named = (data: Uint8Array) => /^GET (\S+)$/.exec(new TextDecoder().decode(data))?.[1];
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Asks for every file and digests what comes; what is missing at the deadline is not there. */
export async function request(session: Session, kind: Kind, files: readonly File[]): Promise<Digests> {
  const digests: Digests = {};
  const came = async (name: string, content: Uint8Array<ArrayBuffer>) => {
    digests[name] = await digestOf(content);
  };
  const all = () => Object.keys(digests).length >= files.length;
  const deadline = performance.now() + DEADLINE_MS;
  if (kind === 'bidirectional') {
    const one = async ({ name }: File) => {
      const { readable, writable } = await session.openBidirectional();
      await write(writable, encode(`GET ${name}`));
      await came(name, await readAll(readable));
    };
    await Promise.race([Promise.allSettled(files.map(one)), pause(DEADLINE_MS)]);
    return digests;
  }
  const pushed = (data: Uint8Array<ArrayBuffer>) => {
    const push = parsePush(data);
    if (push && files.some(({ name }) => name === push.name)) void came(push.name, push.content);
  };
  if (kind === 'unidirectional') {
    const take = async () => {
      for await (const readable of session.incomingUnidirectional) void readAll(readable).then(pushed, () => {});
    };
    void take().catch(() => {});
    await Promise.all(files.map(async ({ name }) => write(await session.openUnidirectional(), encode(`GET ${name}`))));
    while (!all() && performance.now() < deadline) await pause(10);
    return digests;
  }
  session.setDatagramHandler((data) => pushed(Uint8Array.from(data)));
  while (!all() && performance.now() < deadline) {
    const missing = files.filter(({ name }) => digests[name] === undefined);
    for (const [n, { name }] of missing.entries()) {
      session.sendDatagram(encode(`GET ${name}`));
      if (n % PACE_EVERY === PACE_EVERY - 1) await pause(PACE_MS);
    }
    await pause(AGAIN_MS);
  }
  return digests;
}

/** Answers requests for `files` until the session ends. `contents` may be another than what they should hold. */
export async function provide(
  session: Session,
  kind: Kind,
  files: readonly File[],
  contents: (file: File) => Uint8Array = contentOf,
): Promise<void> {
  const find = (name: string | undefined) => files.find((file) => file.name === name);
  if (kind === 'datagram') {
    session.setDatagramHandler((data) => {
      const file = find(named(data));
      if (!file) return;
      const head = encode(`PUSH ${file.name}\n`);
      const content = contents(file);
      const out = new Uint8Array(head.length + content.length);
      out.set(head);
      out.set(content, head.length);
      session.sendDatagram(out);
    });
  }
  const bidirectional = async () => {
    for await (const { readable, writable } of session.incomingBidirectional) {
      void readAll(readable).then(
        async (data) => {
          const file = find(named(data));
          await (file ? write(writable, contents(file)) : writable.abort());
        },
        () => {},
      );
    }
  };
  const unidirectional = async () => {
    for await (const readable of session.incomingUnidirectional) {
      void readAll(readable)
        .then(async (data) => {
          const file = find(named(data));
          if (file) await write(await session.openUnidirectional(), encode(`PUSH ${file.name}\n`), contents(file));
        })
        .catch(() => {});
    }
  };
  if (kind === 'bidirectional') void bidirectional().catch(() => {});
  if (kind === 'unidirectional') void unidirectional().catch(() => {});
  await session.closed.catch(() => {});
}

/** A client's half of a case; what it requested, if it did. */
export async function clientHalf(session: Session, name: string): Promise<Digests> {
  const one = CASES.find((each) => each.name === name);
  if (!one) throw new Error(`no case ${name}`);
  await session.ready;
  if (one.kind !== undefined && one.direction === 'send') {
    await provide(session, one.kind, filesOf(one));
    return {};
  }
  const digests = one.kind === undefined ? {} : await request(session, one.kind, filesOf(one));
  session.close();
  await session.closed.catch(() => {});
  return digests;
}
