import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { engineAvailable, openEngine } from '@hayate/engine';
import type { Session } from '@hayate/transport';
import { engineConnector } from '@hayate/transport/engine';
import { webSocketConnector } from '@hayate/transport/fails-components';
import { hybridConnector } from '@hayate/transport/hybrid';
import { MemoryServer } from '@hayate/transport/memory';
import { pino } from 'pino';
import type { RelayConfigInput } from '../config/schema.ts';
import { mintTicket, readTicketSigner, type TicketOptions } from '../gifts/mint.ts';
import { ScriptPlane } from '../media/script.ts';
import type { RelayDeps, RunningRelay } from '../src/index.ts';
import { type MintOptions, mintToken, readSharedKey, startRelay } from '../src/index.ts';
import { RELAY_PATH } from '../src/listen.ts';
import { TestClient } from './client.ts';

export const ORIGIN = 'https://app.example';

/** A running relay of one body, and the ways into it. */
export interface Rig {
  relay: RunningRelay;
  /** Its keys and the service token are there. */
  stateDir: string;
  /** A session that may not have opened. */
  dial(options?: { path?: string; origin?: string }): Session;
  /** As `join`, over the fallback. */
  joinByTcp(options?: Partial<MintOptions>): Promise<TestClient>;
  /** An open session. */
  connect(): Promise<TestClient>;
  token(options?: Partial<MintOptions>): Promise<string>;
  /** A signed ticket: by `sub` for `mio`, a star of 100 yen, unless told otherwise. */
  ticket(options?: Partial<TicketOptions>): Promise<string>;
  /** An open session that was welcomed. */
  join(options?: Partial<MintOptions>): Promise<TestClient>;
  /** Cuts a client's connection without a word. Undefined where a body cannot. */
  cut: ((client: TestClient) => void) | undefined;
  close(): Promise<void>;
}

export interface Body {
  name: string;
  /** Why its tests cannot run here. */
  missing: string | undefined;
  /** Memory has no HTTP statuses of its own to count. */
  countsStatuses: boolean;
  start(config?: RelayConfigInput, deps?: RelayDeps): Promise<Rig>;
}

const base: RelayConfigInput = {
  dev: true,
  origins: [ORIGIN],
  listen: { port: 0 },
  http: { port: 0 },
  metrics: { port: 0 },
  api: { port: 0 },
};

async function rig(
  config: RelayConfigInput,
  deps: RelayDeps,
  makeDial: (relay: RunningRelay) => { dial: Rig['dial']; close: () => Promise<void> },
): Promise<Rig> {
  const stateDir = mkdtempSync(join(tmpdir(), 'hayate-relay-'));
  const relay = await startRelay({ ...base, ...config, stateDir }, { logger: pino({ level: 'silent' }), ...deps });
  const key = readSharedKey(relay.keyFile!);
  const signer = await readTicketSigner(join(stateDir, 'ticket.key')).catch(() => undefined);
  const { dial, close } = makeDial(relay);
  let guests = 0;
  const out: Rig = {
    relay,
    stateDir,
    dial,
    async connect() {
      const session = dial();
      await session.ready;
      return new TestClient(session);
    },
    token(options = {}) {
      return mintToken(key, { room: 'r', sub: `guest-${++guests}`, roles: ['liver', 'viewer'], ...options });
    },
    ticket(options = {}) {
      const gift = { room: 'r', sub: 'ann', liver: 'mio', item: 'star', amount: 100, currency: 'JPY', reg: 'local' };
      return mintTicket(signer!, { ...gift, ...options });
    },
    async join(options = {}) {
      const client = await out.connect();
      await client.hello(await out.token(options));
      return client;
    },
    async joinByTcp(options = {}) {
      const serverCertificateHashes = relay.certificateHashes.map((h) => new Uint8Array(Buffer.from(h, 'hex')));
      const session = webSocketConnector()(relay.url, { serverCertificateHashes });
      await session.ready;
      const client = new TestClient(session);
      await client.hello(await out.token(options));
      return client;
    },
    cut: undefined,
    async close() {
      await relay.close();
      await close();
      rmSync(stateDir, { recursive: true, force: true });
    },
  };
  return out;
}

const memory: Body = {
  name: 'memory',
  missing: undefined,
  countsStatuses: false,
  async start(config = {}, deps = {}) {
    const server = new MemoryServer({ paths: [RELAY_PATH], origins: [ORIGIN] });
    const door = {
      transport: 'websocket' as const,
      server,
      plane: new ScriptPlane(),
      connectRefused: async () => ({}),
      close: () => server.close(),
    };
    const out = await rig(config, { door, ...deps }, () => ({
      dial: ({ path = RELAY_PATH, origin } = {}) =>
        server.connector(origin === undefined ? {} : { origin })(`https://memory${path}`),
      close: async () => {},
    }));
    out.cut = ({ session }) => (session as Session & { kill(): void }).kill();
    return out;
  },
};

const available = engineAvailable();

const engine: Body = {
  name: 'engine',
  missing: available.ok ? undefined : available.reason,
  countsStatuses: true,
  async start(config = {}, deps = {}) {
    const dialler = openEngine();
    const out = await rig({ ...config, transport: 'engine' }, deps, (relay) => {
      const hashes = relay.certificateHashes.map((h) => new Uint8Array(Buffer.from(h, 'hex')));
      const url = new URL(relay.url);
      return {
        dial: ({ path = RELAY_PATH, origin } = {}) => {
          url.pathname = path;
          const options = { serverCertificateHashes: hashes, connectTimeoutMs: 5000 };
          return engineConnector(dialler, origin === undefined ? {} : { origin })(url.href, options);
        },
        close: () => dialler.close(),
      };
    });
    return out;
  },
};

const websocket: Body = {
  name: 'websocket',
  missing: undefined,
  countsStatuses: true,
  start: (config, deps) => websocketInto('websocket', config, deps),
};

function websocketInto(transport: 'websocket' | 'engine', config: RelayConfigInput = {}, deps: RelayDeps = {}) {
  return rig({ ...config, transport }, deps, (relay) => {
    const serverCertificateHashes = relay.certificateHashes.map((h) => new Uint8Array(Buffer.from(h, 'hex')));
    const url = new URL(relay.url);
    return {
      dial: ({ path = RELAY_PATH, origin } = {}) => {
        url.pathname = path;
        return webSocketConnector(origin === undefined ? {} : { origin })(url.href, { serverCertificateHashes });
      },
      close: async () => {},
    };
  });
}

/** WebSocket into a relay of the engine. */
const fallback: Body = {
  name: 'fallback',
  missing: engine.missing,
  countsStatuses: true,
  start: (config, deps) => websocketInto('engine', config, deps),
};

/** Datagrams by QUIC, streams by WebSocket. */
const hybrid: Body = {
  name: 'hybrid',
  missing: engine.missing,
  countsStatuses: false,
  start(config = {}, deps = {}) {
    const dialler = openEngine();
    return rig({ hybrid: true, ...config, transport: 'engine' }, deps, (relay) => {
      const serverCertificateHashes = relay.certificateHashes.map((h) => new Uint8Array(Buffer.from(h, 'hex')));
      const url = new URL(relay.url);
      return {
        dial: ({ path = RELAY_PATH, origin } = {}) => {
          url.pathname = path;
          const from = origin === undefined ? {} : { origin };
          const connect = hybridConnector({
            datagrams: engineConnector(dialler, from),
            streams: webSocketConnector(from),
          });
          return connect(url.href, { serverCertificateHashes, connectTimeoutMs: 5000 });
        },
        close: () => dialler.close(),
      };
    });
  },
};

/** QUIC into a relay of the engine. */
export const engineBody = engine;
export const bodies: Body[] = [memory, engine, websocket, fallback, hybrid];
