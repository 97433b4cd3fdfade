import { readFileSync, unwatchFile, watchFile } from 'node:fs';
import { join } from 'node:path';
import { HayateError } from '@hayate/codec/errors';
import type { Engine } from '@hayate/engine';
import type { IncomingSession, Server } from '@hayate/transport';
import { type WebSocketServer, webSocketServer } from '@hayate/transport/fails-components';
import { Pairing } from '@hayate/transport/hybrid/pairing';
import type { Logger } from 'pino';
import type { RelayConfig } from '../config/schema.ts';
import { Legs } from '../media/legs.ts';
import { bothStreams, onHosts, RELAY_PATH } from './hosts.ts';

const LOOK_MS = 10_000;

/** WebSocket on TCP beside QUIC, on the port of the same number: sessions of one relay, in the same rooms. */
export interface Fallback {
  readonly sessions: ReadableStream<IncomingSession>;
  /** Those of QUIC that are no halves of hybrid sessions; the latter, with both halves, are among `sessions`. */
  readonly quicSessions: ReadableStream<IncomingSession>;
  readonly legs: Legs;
  /** Before a session existed, by HTTP status. */
  refused(): Record<string, number>;
  drain(): void;
  close(): Promise<void>;
}

export interface FallbackSetup {
  engine: Engine;
  /** Listens already: its port is the one to take. */
  quic: Server;
  log: Logger;
}

/** Undefined where a port that nobody chose is taken by another program. Rejects with `bind_failed`, `bad_certificate`. */
export async function openFallback(
  config: RelayConfig,
  { engine, quic, log }: FallbackSetup,
): Promise<Fallback | undefined> {
  const { limits, listen, origins, dev } = config;
  const { port } = quic.address;
  const certificate = certificateFiles(config);
  let server: WebSocketServer;
  try {
    server = await onHosts(listen.host, dev, (host) =>
      webSocketServer({
        ...{ host, port, certificate: certificate.read() },
        paths: [RELAY_PATH],
        maxSessions: limits.maxSessions,
        ...(origins.length > 0 ? { origins } : {}),
      }),
    );
  } catch (error) {
    if (!(error instanceof HayateError) || error.code !== 'bind_failed') throw error;
    if (listen.port === 0) {
      log.warn({ err: error, port }, 'no fallback: the TCP port is taken');
      return undefined;
    }
    const said = `TCP ${port}, for the fallback beside QUIC: ${error.message}. Without one: fallback none`;
    throw new HayateError('bind_failed', said, { cause: error });
  }
  const unwatch = certificate.watch(server, log);
  const legs = await Legs.open(engine).catch(async (error: unknown) => {
    unwatch();
    await server.close();
    throw error;
  });
  const pairing = new Pairing({ enabled: config.hybrid, waitMs: limits.helloMs });
  return {
    sessions: bothStreams(legs.attach(pairing.whole('streams', server.sessions)), pairing.pairs),
    quicSessions: pairing.whole('datagrams', quic.sessions),
    legs,
    refused: () => server.stats().refused,
    drain: () => server.drain(),
    async close() {
      unwatch();
      pairing.close();
      await Promise.all([server.close(), legs.close()]);
    },
  };
}

/** The certificate that QUIC shows: hashes that clients know hold for both, where a client can pin one. */
function certificateFiles({ certificate, stateDir }: RelayConfig) {
  const { certFile, keyFile } = certificate;
  // The engine keeps its own there, certificate and key in one file.
  const own = join(stateDir, 'current.pem');
  const [cert, key] = certFile !== undefined && keyFile !== undefined ? [certFile, keyFile] : [own, own];
  const read = () => ({ cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') });
  return {
    read,
    watch(server: WebSocketServer, log: Logger): () => void {
      const changed = () => {
        try {
          server.setCertificate(read());
        } catch (error) {
          // Half of a pair is there: the other half is another change.
          log.warn({ err: error }, 'the fallback keeps its certificate');
        }
      };
      for (const file of new Set([cert, key])) watchFile(file, { interval: LOOK_MS, persistent: false }, changed);
      return () => {
        for (const file of new Set([cert, key])) unwatchFile(file, changed);
      };
    },
  };
}
