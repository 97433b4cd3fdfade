import { execFile, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { engineAvailable, openEngine } from '@hayate/engine';
import type { IncomingSession } from '@hayate/transport';
import { engineServer } from '@hayate/transport/engine';
import { expect, test } from 'vitest';

/** The engine against a WebTransport client of another make, in another language. */

const CLIENT = fileURLToPath(new URL('./client.py', import.meta.url));
const run = promisify(execFile);

function missing(): string | undefined {
  const engine = engineAvailable();
  if (!engine.ok) return `no engine: ${engine.reason}`;
  if (spawnSync('python3', ['-c', 'import aioquic']).status !== 0)
    return 'no python3 with aioquic (test/aioquic/requirements.txt)';
  return undefined;
}

async function readAll(readable: ReadableStream<Uint8Array>): Promise<string> {
  return await new Response(readable).text();
}

async function write(writable: WritableStream<Uint8Array>, text: string): Promise<void> {
  const writer = writable.getWriter();
  await writer.write(new TextEncoder().encode(text));
  await writer.close();
}

/**
 * Echoes; answers a unidirectional stream by one of its own; asks one question, says that the answer was heard, and
 * resolves with it: a client that closes before would take unread bytes with it.
 */
async function serve({ session }: IncomingSession): Promise<string> {
  session.setDatagramHandler((data) => void session.sendDatagram(data));
  const echo = async () => {
    for await (const { readable, writable } of session.incomingBidirectional) readable.pipeTo(writable).catch(() => {});
  };
  void echo().catch(() => {});
  const uni = await session.incomingUnidirectional.getReader().read();
  await write(await session.openUnidirectional(), `answer to: ${await readAll(uni.value!)}`);
  const question = await session.openBidirectional();
  await write(question.writable, 'question from the engine');
  const answer = await readAll(question.readable);
  // The client leaves on reading it, and need not acknowledge it first.
  void write(await session.openUnidirectional(), 'heard').catch(() => {});
  return answer;
}

async function withServer(
  use: (
    client: (path: string) => Promise<Record<string, unknown>>,
    sessions: ReadableStream<IncomingSession>,
  ) => Promise<void>,
) {
  const engine = openEngine();
  try {
    const server = await engineServer(engine, {
      host: '127.0.0.1',
      port: 0,
      certificate: { selfSigned: {} },
      paths: ['/echo'],
      limits: { maxBidiStreams: 16, maxUniStreams: 16 },
    });
    const hash = Buffer.from(server.certificateHashes[0]!).toString('hex');
    await use(async (path) => {
      const args = [CLIENT, '--port', String(server.address.port), '--path', path, '--hash', hash];
      const { stdout } = await run('python3', args, { timeout: 25_000 });
      return JSON.parse(stdout) as Record<string, unknown>;
    }, server.sessions);
  } finally {
    await engine.close();
  }
}

test('aioquic: datagrams, bidirectional and unidirectional streams both ways', async ({ skip }) => {
  const reason = missing();
  if (reason !== undefined) skip(reason);
  await withServer(async (client, sessions) => {
    const served = sessions
      .getReader()
      .read()
      .then(({ value }) => serve(value!));
    const [result, answer] = await Promise.all([client('/echo'), served]);
    expect(result).toMatchObject({
      status: 200,
      bidi: 'bidi from aioquic',
      bigEcho: true,
      servedUni: 'answer to: uni from aioquic',
      servedBidi: 'question from the engine',
    });
    // Loopback may still drop under load; more than a few lost means that datagrams do not work.
    expect(result['datagrams']).toBeGreaterThanOrEqual(95);
    expect(answer).toBe('QUESTION FROM THE ENGINE');
  });
});

test('aioquic on a wrong path is refused with 404 and no session comes to be', async ({ skip }) => {
  const reason = missing();
  if (reason !== undefined) skip(reason);
  await withServer(async (client, sessions) => {
    const first = sessions.getReader().read();
    expect(await client('/nope')).toEqual({ status: 404 });
    expect(await Promise.race([first, Promise.resolve('nobody')])).toBe('nobody');
  });
});
