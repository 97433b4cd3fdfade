import { isIPv6 } from 'node:net';
import type { Target } from './dial.ts';
import { EngineError } from './errors.ts';
import type {
  NativeConnectConfig,
  NativeEngineConfig,
  NativeLimits,
  NativeLink,
  NativeLinkProfile,
  NativeListenConfig,
} from './native.ts';
import type {
  ConnectOptions,
  DatagramMode,
  DeliveryClass,
  EngineOptions,
  LimitOptions,
  LinkOptions,
  LinkProfile,
  ListenOptions,
} from './types.ts';

// Every default of the package, and the way of options to what the addon takes.

/** What each UDP socket asks for, in and out; the system may grant less. */
export const SOCKET_BUFFER_BYTES = 4 << 20;

export function engineConfig(o: EngineOptions): NativeEngineConfig {
  return {
    io: { auto: 0, fast: 1, portable: 2 }[o.io ?? 'auto'],
    eventQueueBytes: o.eventQueueBytes ?? 4 << 20,
    eventQueueMs: o.eventQueueMs ?? 500,
    socketBufferBytes: o.socketBufferBytes ?? SOCKET_BUFFER_BYTES,
    handshakesPerTurn: o.handshakesPerTurn ?? 8,
  };
}

export function limits(o: LimitOptions = {}): NativeLimits {
  return {
    idleTimeoutMs: o.idleTimeoutMs ?? 15_000,
    keepAliveMs: o.keepAliveMs ?? 4_000,
    maxBidiStreams: o.maxBidiStreams ?? 16,
    maxUniStreams: o.maxUniStreams ?? 16,
    // A trunk carries many rooms.
    datagramQueueBytes: o.datagramQueueBytes ?? (o.rateCeilingKbps ? 256 << 10 : 16 << 10),
    datagramQueueMs: o.datagramQueueMs ?? 100,
    streamWindowBytes: o.streamWindowBytes ?? 256 << 10,
    streamSendBytes: o.streamSendBytes ?? 256 << 10,
    maxDatagramBytes: o.maxDatagramBytes ?? 1150,
    rateCeilingKbps: o.rateCeilingKbps ?? 0,
    trunkFlushMs: o.trunkFlushMs ?? 2,
  };
}

/** The place of each is its number in the addon. */
export const REPAIRS: readonly DeliveryClass['repair'][] = ['none', 'repeat', 'since_key', 'request'];
export const LAYERS: readonly DeliveryClass['layer'][] = ['all', 'keys', 'voice'];

export function datagramMode(mode: DatagramMode): number {
  return { refuse: 0, deliver: 1, room: 2, trunk: 3 }[mode];
}

function profile(p: LinkProfile = {}): NativeLinkProfile {
  return {
    delayMs: p.delayMs ?? 0,
    jitterMs: p.jitterMs ?? 0,
    loss: p.loss ?? 0,
    burstGoodMs: p.burst?.goodMs ?? 0,
    burstBadMs: p.burst?.badMs ?? 0,
    outageEveryMs: p.outage?.everyMs ?? 0,
    outageForMs: p.outage?.forMs ?? 0,
    rateKbps: p.rateKbps ?? 0,
    queueMs: p.queueMs ?? 0,
    reorder: p.reorder ?? 0,
    duplicate: p.duplicate ?? 0,
    seed: p.seed ?? 1,
  };
}

export function link(o: LinkOptions): NativeLink {
  return { tx: profile(o.tx), rx: profile(o.rx), rebindEveryMs: o.rebindEveryMs ?? 0 };
}

/** `host` is an address by now. */
export function listenConfig(o: ListenOptions, host: string): NativeListenConfig {
  const c = o.certificate;
  const self = 'selfSigned' in c ? c.selfSigned : {};
  return {
    host,
    port: o.port ?? 0,
    ...('cert' in c ? { certPath: c.cert, keyPath: c.key } : {}),
    selfSignedNames: self.names ?? ['localhost'],
    selfSignedDays: self.days ?? 14,
    ...(self.dir === undefined ? {} : { selfSignedDir: self.dir }),
    ...(o.clientCa === undefined ? {} : { clientCa: o.clientCa }),
    paths: o.paths ?? [],
    origins: o.origins ?? [],
    maxSessions: o.maxSessions ?? 10_000,
    retryAbove: o.retryAbove ?? 512,
    datagrams: datagramMode(o.datagrams ?? 'deliver'),
    heartbeatMs: o.heartbeatMs ?? 0,
    limits: limits(o.limits),
    ...(o.link ? { link: link(o.link) } : {}),
  };
}

/** `address` and `group` are of the socket. Throws EngineError `invalid_argument`. */
export function connectConfig(
  target: Target,
  address: string,
  o: ConnectOptions,
  connectTimeoutMs: number,
  group: number,
): NativeConnectConfig {
  for (const hash of o.serverCertificateHashes ?? []) {
    if (hash.algorithm !== 'sha-256' || hash.value.byteLength !== 32) {
      throw new EngineError('invalid_argument', 'serverCertificateHashes take sha-256 values of 32 bytes');
    }
  }
  return {
    url: target.url,
    host: address,
    port: target.port,
    ...(o.origin === undefined ? {} : { origin: o.origin }),
    certificateHashes: Buffer.concat((o.serverCertificateHashes ?? []).map((h) => h.value)),
    ...(o.rootsPem === undefined ? {} : { rootsPem: o.rootsPem }),
    ...(o.identity === undefined ? {} : { identityCert: o.identity.cert, identityKey: o.identity.key }),
    ...(o.serverName === undefined ? {} : { serverName: o.serverName }),
    connectTimeoutMs,
    datagrams: datagramMode('deliver'),
    limits: limits(o.limits),
    // A socket has one address family.
    socketGroup: group * 2 + (isIPv6(address) ? 1 : 0),
    ownSocket: o.socketGroup === undefined,
    ...(o.link ? { link: link(o.link) } : {}),
  };
}
