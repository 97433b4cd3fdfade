import { isIPv6 } from 'node:net';
import type { Engine, LinkOptions } from '@hayate/engine';
import type { Server, ServerAddress, Session } from '@hayate/transport';
import { engineConnector, engineServer, nativeSession } from '@hayate/transport/engine';
import type { RelayConfig } from '../config/schema.ts';

const PATH = '/trunk';
/** The first name in a relay's certificate is `ID.relay.hayate`. */
const SUFFIX = '.relay.hayate';
const DIAL_MS = 1200;

type TrunkConfig = RelayConfig['cluster'];

/** Sessions between relays: mutual TLS by the cluster's own authority, datagrams shared by rooms. */
export interface TrunkDoor {
  readonly address: ServerAddress;
  readonly sessions: ReadableStream<Session>;
  /** `region`: the peer's. */
  dial(id: string, address: { host: string; port: number }, region: string | undefined): Session;
  /** Whom the peer's certificate names; undefined: nobody of a cluster. */
  identity(session: Session): string | undefined;
  close(): Promise<void>;
}

/** @throws HayateError `bind_failed`, `bad_certificate` */
export async function openTrunkDoor(engine: Engine, config: TrunkConfig): Promise<TrunkDoor> {
  const { listen, caFile, certFile, keyFile, rateCeilingKbps, flushMs } = config;
  const identity = { cert: certFile!, key: keyFile! };
  const limits = { rateCeilingKbps, trunkFlushMs: flushMs, idleTimeoutMs: 5000, keepAliveMs: 1000 };
  const server: Server = await engineServer(engine, {
    ...(listen.host === undefined ? {} : { host: listen.host }),
    port: listen.port,
    certificate: identity,
    clientCa: caFile!,
    paths: [PATH],
    datagrams: 'refuse',
    limits: { ...limits, maxBidiStreams: 2, maxUniStreams: 0 },
  });
  return {
    address: server.address,
    sessions: server.sessions.pipeThrough(
      new TransformStream({
        transform: ({ session }, controller) => {
          nativeSession(session)!.setDatagramMode('trunk');
          controller.enqueue(session);
        },
      }),
    ),
    dial(id, { host, port }, region) {
      const link = region !== undefined && region === config.emulate.region ? { link: emulated(config.emulate) } : {};
      const options = { rootsPem: caFile!, identity, serverName: `${id}${SUFFIX}`, limits, ...link };
      const url = `https://${isIPv6(host) ? `[${host}]` : host}:${port}${PATH}`;
      const session = engineConnector(engine, options)(url, { connectTimeoutMs: DIAL_MS });
      nativeSession(session)!.setDatagramMode('trunk');
      return session;
    },
    identity(session) {
      const name = nativeSession(session)?.peerNames[0];
      return name?.endsWith(SUFFIX) ? name.slice(0, -SUFFIX.length) : undefined;
    },
    close: () => server.close(),
  };
}

/** Both directions: the other end emulates nothing. */
function emulated(emulate: TrunkConfig['emulate']): LinkOptions {
  const { outMs, backMs, jitterMs, burstBadMs, burstGoodMs, outageEveryMs, outageForMs, seed } = emulate;
  const both = {
    jitterMs,
    ...(burstBadMs > 0 && { burst: { badMs: burstBadMs, goodMs: burstGoodMs } }),
    ...(outageEveryMs > 0 && { outage: { everyMs: outageEveryMs, forMs: outageForMs } }),
  };
  return { tx: { delayMs: outMs, ...both, seed }, rx: { delayMs: backMs, ...both, seed: seed + 1 } };
}
