import { X509Certificate } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { HayateError } from '@hayate/codec/errors';
import { type Engine, engineAvailable, type ListenOptions, openEngine } from '@hayate/engine';
import type { Server } from '@hayate/transport';
import { engineServer } from '@hayate/transport/engine';
import { selfSignedCertificate, webSocketServer } from '@hayate/transport/fails-components';
import type { Logger } from 'pino';
import type { RelayConfig } from '../config/schema.ts';
import { NativePlane } from '../media/native.ts';
import type { MediaPlane } from '../media/plane.ts';
import { ScriptPlane } from '../media/script.ts';
import { MAX_STREAMS } from '../reliable/session.ts';
import { type Fallback, openFallback } from './fallback.ts';
import { bothStreams, onHosts, RELAY_PATH } from './hosts.ts';

export { RELAY_PATH };

/** Before the welcome: the control stream and one more, which shows who does not keep to it. */
const FIRST_STREAMS = 2;
const HEARTBEAT_MS = 200;
/** What the engine holds of a stream that the peer does not read: one message of the greatest length. */
const STREAM_SEND_BYTES = 65_536;
/** How long the close codes of the last sessions may take to leave. */
const FLUSH_MS = 500;
const RENEW_BEFORE_MS = 2 * 24 * 3_600_000;

/** What media and control come in by. */
export interface Door {
  transport: 'engine' | 'websocket';
  server: Server;
  plane: MediaPlane;
  /** Behind it; undefined for the fallback. */
  engine?: Engine | undefined;
  /** Refused before a session existed, by HTTP status. */
  connectRefused(): Promise<Record<string, number>>;
  close(): Promise<void>;
}

/** Opens the transport that the configuration asks for. Rejects with `unsupported`, `bind_failed`, `bad_certificate`. */
export async function openDoor(config: RelayConfig, log: Logger, engine?: Engine): Promise<Door> {
  if (config.transport !== 'websocket') {
    const available = engine ? { ok: true as const } : engineAvailable();
    if (available.ok) return engineDoor(config, log, engine);
    if (config.transport === 'engine') {
      throw new HayateError('unsupported', `transport engine: ${available.reason}`);
    }
    log.warn({ reason: available.reason }, 'the engine is not there: serving by WebSocket');
  }
  return webSocketDoor(config);
}

async function engineDoor(config: RelayConfig, log: Logger, given?: Engine): Promise<Door> {
  const { certificate, limits, listen, origins, stateDir, dev } = config;
  const options: ListenOptions = {
    port: listen.port,
    certificate:
      certificate.certFile !== undefined && certificate.keyFile !== undefined
        ? { cert: certificate.certFile, key: certificate.keyFile }
        : { selfSigned: { names: certificate.names, dir: stateDir } },
    paths: [RELAY_PATH],
    maxSessions: limits.maxSessions,
    retryAbove: limits.retryAbove,
    datagrams: 'refuse',
    heartbeatMs: HEARTBEAT_MS,
    limits: { maxBidiStreams: FIRST_STREAMS, maxUniStreams: 0, streamSendBytes: STREAM_SEND_BYTES },
    ...(origins.length > 0 ? { origins } : {}),
  };
  const engine = given ?? openEngine();
  let server: Server | undefined;
  let fallback: Fallback | undefined;
  try {
    const quic = await onHosts(listen.host, dev, (host) => engineServer(engine, { ...options, host }));
    server = quic;
    fallback = config.fallback === 'websocket' ? await openFallback(config, { engine, quic, log }) : undefined;
    const plane = new NativePlane(engine, { bidi: MAX_STREAMS, uni: 0 }, fallback?.legs);
    return {
      transport: 'engine',
      engine,
      server: fallback ? beside(quic, fallback) : quic,
      plane,
      connectRefused: async () => added(statuses(await plane.stats()), fallback?.refused() ?? {}),
      async close() {
        const closed = fallback?.close();
        // An engine that was closed before its relay has nothing left to send.
        await closesSent(engine).catch(() => {});
        await Promise.all([closed, quic.close()]);
        if (!given) await engine.close();
      },
    };
  } catch (error) {
    await server?.close();
    if (!given) await engine.close();
    throw error;
  }
}

/** Both ways in as one; address and hashes are those of QUIC. */
function beside(quic: Server, fallback: Fallback): Server {
  return {
    get address() {
      return quic.address;
    },
    get certificateHashes() {
      return quic.certificateHashes;
    },
    sessions: bothStreams(fallback.quicSessions, fallback.sessions),
    drain() {
      quic.drain();
      fallback.drain();
    },
    close: () => quic.close(),
  };
}

function added(a: Record<string, number>, b: Record<string, number>): Record<string, number> {
  const out = { ...a };
  for (const [name, n] of Object.entries(b)) out[name] = (out[name] ?? 0) + n;
  return out;
}

/** Closing the listener cuts what is still on its way: the close codes of the sessions just ended get their time. */
async function closesSent(engine: Engine): Promise<void> {
  const until = performance.now() + FLUSH_MS;
  while (performance.now() < until) {
    const { sessions_open: open = 0 } = await engine.getStats();
    if (open === 0) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

async function webSocketDoor(config: RelayConfig): Promise<Door> {
  const { certificate, limits, listen, origins, dev } = config;
  const pem =
    certificate.certFile !== undefined && certificate.keyFile !== undefined
      ? { cert: readFileSync(certificate.certFile, 'utf8'), key: readFileSync(certificate.keyFile, 'utf8') }
      : keptCertificate(config);
  const server = await onHosts(listen.host, dev, (host) =>
    webSocketServer({
      host,
      port: listen.port,
      certificate: pem,
      paths: [RELAY_PATH],
      maxSessions: limits.maxSessions,
      ...(origins.length > 0 ? { origins } : {}),
    }),
  );
  return {
    transport: 'websocket',
    server,
    plane: new ScriptPlane(),
    connectRefused: async () => server.stats().refused,
    close: () => server.close(),
  };
}

/** The fallback's own certificate, kept so that a browser has to accept it once and not at each start. */
function keptCertificate({ stateDir, certificate }: RelayConfig): { cert: string; key: string } {
  const file = join(stateDir, 'websocket.pem');
  try {
    const pem = readFileSync(file, 'utf8');
    const kept = new X509Certificate(pem);
    const covers = certificate.names.every((name) => kept.checkHost(name) ?? kept.checkIP(name));
    if (covers && Date.parse(kept.validTo) - Date.now() > RENEW_BEFORE_MS) return { cert: pem, key: pem };
  } catch {
    // None yet, or not one of ours: a new one.
  }
  const made = selfSignedCertificate({ names: certificate.names });
  mkdirSync(stateDir, { recursive: true, mode: 0o700 });
  writeFileSync(file, made.cert + made.key, { mode: 0o600 });
  return made;
}

/** `refused_404` and the like out of the engine's flat figures. */
function statuses(flat: Record<string, number>): Record<string, number> {
  const out: Record<string, number> = {};
  for (const [name, n] of Object.entries(flat)) {
    const status = /^refused_(\d{3})$/.exec(name)?.[1];
    if (status) out[status] = n;
  }
  return out;
}
