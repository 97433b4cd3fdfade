import { createRequire } from 'node:module';
import { findBinary } from './binary.ts';
import { EngineError } from './errors.ts';

// The only file that touches the addon (engine/node). Its classes, as they are there.

export interface NativeEngineConfig {
  io: number;
  eventQueueBytes: number;
  eventQueueMs: number;
  socketBufferBytes: number;
  handshakesPerTurn: number;
}

export interface NativeLimits {
  idleTimeoutMs: number;
  keepAliveMs: number;
  maxBidiStreams: number;
  maxUniStreams: number;
  datagramQueueBytes: number;
  datagramQueueMs: number;
  streamWindowBytes: number;
  streamSendBytes: number;
  maxDatagramBytes: number;
  rateCeilingKbps: number;
  trunkFlushMs: number;
}

export interface NativeLinkProfile {
  delayMs: number;
  jitterMs: number;
  loss: number;
  burstGoodMs: number;
  burstBadMs: number;
  outageEveryMs: number;
  outageForMs: number;
  rateKbps: number;
  queueMs: number;
  reorder: number;
  duplicate: number;
  seed: number;
}

export interface NativeLink {
  tx: NativeLinkProfile;
  rx: NativeLinkProfile;
  rebindEveryMs: number;
}

export interface NativeListenConfig {
  host: string;
  port: number;
  certPath?: string;
  keyPath?: string;
  selfSignedNames: string[];
  selfSignedDays: number;
  selfSignedDir?: string;
  clientCa?: string;
  paths: string[];
  origins: string[];
  maxSessions: number;
  retryAbove: number;
  datagrams: number;
  heartbeatMs: number;
  limits: NativeLimits;
  link?: NativeLink;
}

export interface NativeConnectConfig {
  url: string;
  host: string;
  port: number;
  origin?: string;
  certificateHashes: Buffer;
  rootsPem?: string;
  identityCert?: string;
  identityKey?: string;
  serverName?: string;
  connectTimeoutMs: number;
  datagrams: number;
  limits: NativeLimits;
  socketGroup: number;
  ownSocket: boolean;
  link?: NativeLink;
}

export interface NativeProxyConfig {
  host: string;
  port: number;
  targetHost: string;
  targetPort: number;
  link: NativeLink;
  maxClients: number;
}

export interface NativeAddress {
  host: string;
  port: number;
}

export interface NativeEngine {
  keepAlive(on: boolean): void;
  poll(): Buffer | null;
  /** Until `release` commands do not wake the engine one by one. */
  hold(): void;
  release(): void;
  shutdown(): void;
  listen(config: NativeListenConfig): { endpoint: number; address: NativeAddress; hashes: Buffer[] };
  connect(config: NativeConnectConfig): number;
  closeSession(session: number, code: number, reason: string): void;
  stopListening(endpoint: number, close: boolean): void;
  sendDatagram(session: number, data: Uint8Array): void;
  setDatagramMode(session: number, mode: number): void;
  setStreamLimits(session: number, bidi: number, uni: number): void;
  openStream(session: number, token: number, bidi: boolean, priority: number, repeatMs: number): void;
  streamOptions(session: number, stream: number, priority: number, repeatMs: number): void;
  streamWrite(session: number, stream: number, data: Uint8Array, fin: boolean): void;
  streamReset(session: number, stream: number, code: number): void;
  streamStop(session: number, stream: number, code: number): void;
  streamCredit(session: number, stream: number, bytes: number): void;
  roomCreate(alias: number, maxAgeMs: number, maxAheadMs: number, maxMembers: number, unitsPerSecond: number): number;
  roomClose(room: number): void;
  roomJoin(room: number, session: number): void;
  roomLeave(room: number, session: number): void;
  roomPublish(room: number, session: number, slot: number, generation: number): void;
  roomUnpublish(room: number, slot: number): void;
  roomFeed(room: number, session: number, alias: number, slots: number): void;
  roomSetClass(
    room: number,
    session: number,
    voice: number,
    holdMs: number,
    repair: number,
    spacingMs: number,
    layer: number,
    slots: number,
    patient: number,
  ): void;
  roomSend(room: number, data: Uint8Array): void;
  stats(token: number, of: number, id: number, slot: number): void;
}

/** PEM texts. */
export interface PemPair {
  cert: string;
  key: string;
}

export interface NativeProxy {
  address(): NativeAddress;
  stats(): [string, number][];
  close(): void;
}

interface Addon {
  NativeEngine: new (config: NativeEngineConfig, wake: () => void) => NativeEngine;
  NativeProxy: { start(config: NativeProxyConfig): NativeProxy };
  NativeCertificates: NativeCertificates;
}

interface NativeCertificates {
  makeAuthority(name: string, days: number): PemPair;
  issueCertificate(authorityName: string, authorityKey: string, names: string[], days: number): PemPair;
}

let loaded: Addon | undefined;

function load(): { addon: Addon } | { reason: string; cause?: unknown } {
  if (process.env['HAYATE_NO_ENGINE'] === '1') return { reason: 'HAYATE_NO_ENGINE=1 hides the native engine' };
  if (loaded) return { addon: loaded };
  const { platform, arch, env } = process;
  const found = findBinary({ from: import.meta.url, platform, arch, named: env['HAYATE_ENGINE_PATH'] });
  if ('reason' in found) return found;
  try {
    // mimalloc reads this once, while the addon loads: memory is committed as it is used, a quarter less RSS a session.
    process.env['MIMALLOC_EAGER_COMMIT'] ??= '0';
    process.env['MIMALLOC_ARENA_EAGER_COMMIT'] ??= '0';
    loaded = createRequire(import.meta.url)(found.path) as Addon;
    return { addon: loaded };
  } catch (cause) {
    return { reason: `the native engine does not load: ${cause instanceof Error ? cause.message : cause}`, cause };
  }
}

/** Whether `openEngine` can work here, and if not why (a sentence for humans). */
export function engineAvailable(): { ok: true } | { ok: false; reason: string } {
  const result = load();
  return 'addon' in result ? { ok: true } : { ok: false, reason: result.reason };
}

function addon(): Addon {
  const result = load();
  if ('addon' in result) return result.addon;
  throw new EngineError('engine_unavailable', result.reason, { cause: result.cause });
}

export function startNativeEngine(config: NativeEngineConfig, wake: () => void): NativeEngine {
  const { NativeEngine } = addon();
  return new NativeEngine(config, wake);
}

export function startNativeProxy(config: NativeProxyConfig): NativeProxy {
  return addon().NativeProxy.start(config);
}

export function nativeCertificates(): NativeCertificates {
  return addon().NativeCertificates;
}
