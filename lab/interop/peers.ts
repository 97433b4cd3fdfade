import { execFile, spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { openEngine } from '@hayate/engine';
import { engineConnector } from '@hayate/transport/engine';
import { type BrowserPage, findBrowsers, launchChromium, launchFirefox } from '../browsers/index.ts';
import { bundle, servePages } from '../browsers/serve.ts';
import { clientHalf, type Digests } from './cases.ts';

export interface Where {
  port: number;
  /** Hex, SHA-256 of the server's certificate. */
  hash: string;
  /** Default `/interop`. */
  path?: string;
}

export interface Answer {
  /** Of CONNECT, or why there was none. */
  status: unknown;
  digests?: Digests;
  [more: string]: unknown;
}

/** A WebTransport client of one make. */
export interface Peer {
  name: string;
  /** Why it cannot run here. */
  missing(): string | undefined;
  start(): Promise<RunningPeer>;
}

export interface RunningPeer {
  /** With its version. */
  make: string;
  run(name: string, where: Where, flags?: string[]): Promise<Answer>;
  close(): Promise<void>;
}

const run = promisify(execFile);
const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const RUN_MS = 60_000;
const BUILD_MS = 240_000;

async function program(command: string, args: string[]): Promise<Answer> {
  const { stdout } = await run(command, args, { timeout: RUN_MS });
  return JSON.parse(stdout) as Answer;
}

const flagsOf = (dashes: string, name: string, { port, hash, path = '/interop' }: Where) =>
  Object.entries({ port, hash, path, case: name }).flatMap(([flag, value]) => [`${dashes}${flag}`, String(value)]);

const aioquic: Peer = {
  name: 'aioquic',
  missing: () =>
    spawnSync('python3', ['-c', 'import aioquic']).status === 0
      ? undefined
      : 'no python3 with aioquic (test/aioquic/requirements.txt)',
  async start() {
    const { stdout } = await run('python3', ['-c', 'import aioquic; print(aioquic.__version__)']);
    return {
      make: `aioquic ${stdout.trim()}`,
      run: (name, where, flags = []) =>
        program('python3', [here('./peer.py'), ...flagsOf('--', name, where), ...flags]),
      close: async () => {},
    };
  },
};

/** Go and the module it is built from, or why not. */
let goMissing: string | undefined;

const quicGo: Peer = {
  name: 'quic-go',
  missing() {
    if (spawnSync('go', ['version']).status !== 0) return 'no Go';
    if (goMissing !== undefined) return goMissing;
    const { status, stderr } = spawnSync('go', ['mod', 'download'], { cwd: here('./quic-go'), timeout: BUILD_MS });
    if (status !== 0) goMissing = `quic-go cannot be fetched: ${String(stderr).trim().split('\n').at(-1)}`;
    return goMissing;
  },
  async start() {
    const cwd = here('./quic-go');
    const folder = join(homedir(), '.cache/hayate/interop');
    mkdirSync(folder, { recursive: true });
    const binary = join(folder, 'quic-go');
    await run('go', ['build', '-o', binary, '.'], { cwd, timeout: BUILD_MS });
    const { stdout } = await run('go', ['list', '-m', 'github.com/quic-go/quic-go'], { cwd });
    return {
      make: stdout.trim().replace('github.com/quic-go/', ''),
      run: (name, where) => program(binary, flagsOf('-', name, where)),
      close: async () => {},
    };
  },
};

const engine: Peer = {
  name: 'engine',
  missing: () => undefined,
  async start() {
    const own = openEngine();
    const connect = engineConnector(own, { limits: { maxUniStreams: 16, maxBidiStreams: 16 } });
    return {
      make: 'our engine',
      async run(name, { port, hash, path = '/interop' }) {
        const session = connect(`https://127.0.0.1:${port}${path}`, {
          serverCertificateHashes: [Buffer.from(hash, 'hex')],
        });
        try {
          return { status: 200, digests: await clientHalf(session, name) };
        } catch (error) {
          return { status: statusOf(error) };
        }
      },
      close: () => own.close(),
    };
  },
};

function statusOf(error: unknown): unknown {
  const { cause, message } = error as Error & { cause?: { status?: number; code?: string } };
  return cause?.status ?? cause?.code ?? message;
}

function browser(name: 'Chromium' | 'Firefox', launch: () => Promise<BrowserPage>): Peer {
  const key = name === 'Chromium' ? 'chromium' : 'firefox';
  return {
    name,
    missing: () => (findBrowsers()[key] === undefined ? `no ${name} here` : undefined),
    async start() {
      const pages = await servePages({
        '/': {
          type: 'text/html',
          body: '<!doctype html><title>interop</title><script type="module" src="/page.js"></script>',
        },
        '/page.js': { type: 'text/javascript', body: await bundle(here('./page.ts')) },
      });
      const page = await launch();
      await page.goto(`${pages.origin}/`);
      await page.waitFor('globalThis.interop !== undefined', 10_000);
      return {
        make: page.browser,
        async run(name, { port, hash, path = '/interop' }) {
          const args = [name, `https://127.0.0.1:${port}${path}`, [...Buffer.from(hash, 'hex')]];
          try {
            const text = args.map((value) => JSON.stringify(value)).join(', ');
            return { status: 200, digests: await page.evaluate<Digests>(`interop.run(${text})`) };
          } catch (error) {
            // A page is not told why.
            return { status: `refused: ${(error as Error).message.split('\n')[0]}` };
          }
        },
        async close() {
          await page.close();
          await pages.close();
        },
      };
    },
  };
}

/** Every client that the engine is tried with; its own too, so that a fault of the server shows as one. */
export const peers: readonly Peer[] = [
  engine,
  aioquic,
  quicGo,
  browser('Chromium', () => launchChromium()),
  browser('Firefox', () => launchFirefox()),
];
