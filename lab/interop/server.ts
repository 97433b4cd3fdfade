import type { Engine } from '@hayate/engine';
import type { Session } from '@hayate/transport';
import { engineServer } from '@hayate/transport/engine';
import { contentOf, type Digests, digestOf, type File, filesOf, type InteropCase, provide, request } from './cases.ts';
import type { Answer, RunningPeer, Where } from './peers.ts';

export interface Outcome {
  passed: boolean;
  /** What is wrong, shortly. */
  faults: string[];
  ms: number;
}

export interface RunOptions {
  /** Serves a file with one wrong byte. */
  damaged?: string;
  /** Asks for what the server has not. */
  path?: string;
  wrongHash?: boolean;
  flags?: string[];
  /** What the client printed. */
  onAnswer?(answer: Answer): void;
}

const LIMITS = { maxBidiStreams: 16, maxUniStreams: 16 };

/** One case with one client against a server of its own. */
export async function runCase(
  engine: Engine,
  peer: RunningPeer,
  one: InteropCase,
  options: RunOptions = {},
): Promise<Outcome> {
  const since = performance.now();
  const server = await engineServer(engine, {
    host: '127.0.0.1',
    port: 0,
    certificate: { selfSigned: {} },
    paths: ['/interop'],
    limits: LIMITS,
  });
  const where: Where = {
    port: server.address.port,
    hash: options.wrongHash ? '00'.repeat(32) : Buffer.from(server.certificateHashes[0]!).toString('hex'),
    ...(options.path !== undefined && { path: options.path }),
  };
  const sessions = server.sessions.getReader();
  const served = sessions.read().then(({ value }) => (value ? serverHalf(value.session, one, options) : undefined));
  try {
    const answer = await peer.run(one.name, where, options.flags);
    options.onAnswer?.(answer);
    const faults: string[] = [];
    if (answer.status !== 200) faults.push(`status ${String(answer.status)}`);
    else if (one.kind !== undefined) {
      const digests = one.direction === 'send' ? await served : answer.digests;
      faults.push(...(await differences(filesOf(one), digests ?? {})));
    } else await served;
    return { passed: faults.length === 0, faults, ms: Math.round(performance.now() - since) };
  } finally {
    await server.close();
  }
}

async function serverHalf(session: Session, one: InteropCase, options: RunOptions): Promise<Digests | undefined> {
  if (one.kind === undefined) {
    await session.closed;
    return undefined;
  }
  if (one.direction === 'receive') {
    await provide(session, one.kind, filesOf(one), (file) => damaged(file, options.damaged));
    return undefined;
  }
  const digests = await request(session, one.kind, filesOf(one));
  session.close();
  return digests;
}

function damaged(file: File, name: string | undefined): Uint8Array {
  const content = contentOf(file);
  if (file.name === name) content[file.bytes >> 1]! ^= 1;
  return content;
}

async function differences(files: readonly File[], digests: Digests): Promise<string[]> {
  const faults: string[] = [];
  for (const file of files) {
    const digest = digests[file.name];
    if (digest === undefined) faults.push(`${file.name} missing`);
    else if (digest !== (await digestOf(contentOf(file)))) faults.push(`${file.name} differs`);
  }
  return faults;
}
