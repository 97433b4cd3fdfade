import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HayateError } from '@hayate/codec/errors';
import { type Asset, demoAssets, regionsPage } from '@hayate/demo';
import { engineAvailable, issueCertificate, makeAuthority, openEngine } from '@hayate/engine';
import { type RunningRelay, readDevState, startRelay } from '@hayate/relay';
import { MemoryCloud } from '@hayate/relay/directory';
import { engineConnector } from '@hayate/transport/engine';
import type { Logger } from 'pino';
import { perform } from './performance.ts';
import { devToken } from './target.ts';

const PLACES = [
  { id: 'tokyo', region: 'jp', title: 'Tokyo' },
  { id: 'chicago', region: 'us', title: 'Chicago' },
] as const;
const JITTER_MS = 2.5;
const FPS = 60;
const LOOPBACK = '127.0.0.1';

export interface TwoRegionsOptions {
  room: string;
  seed: number;
  /** One way between the regions, ms. */
  oceanMs: number;
  /** Of the page that shows both; 0 takes a free one. */
  httpPort: number;
  logger: Logger;
}

export interface TwoRegions {
  /** Where both are watched side by side. */
  page: string;
  /** By region. */
  relays: Record<string, RunningRelay>;
  /** Leaves nothing behind. Idempotent. */
  close(): Promise<void>;
}

/**
 * Two relays of two regions in this process, joined by their own trunk across an emulated ocean, with a liver in the first
 * one. What NATS does for relays on machines of their own, the directory, is in memory; gifts are off. Rejects with
 * `unsupported` where there is no engine.
 */
export async function startTwoRegions(options: TwoRegionsOptions): Promise<TwoRegions> {
  const available = engineAvailable();
  if (!available.ok) throw new HayateError('unsupported', `relays of a cluster need the engine: ${available.reason}`);
  const folder = mkdtempSync(join(tmpdir(), 'hayate-two-regions-'));
  const engine = openEngine();
  const relays = new Map<string, RunningRelay>();
  let stopLiver: (() => Promise<void>) | undefined;
  let closed: Promise<void> | undefined;
  const close = () => {
    closed ??= (async () => {
      await stopLiver?.();
      await Promise.all([...relays.values()].map((relay) => relay.close()));
      await engine.close();
      rmSync(folder, { recursive: true, force: true });
    })();
    return closed;
  };
  try {
    const assets: Map<string, Asset> = await demoAssets();
    const cloud = new MemoryCloud({ regions: PLACES.map(({ region }) => region) });
    const authority = makeAuthority();
    for (const place of PLACES)
      relays.set(place.region, await startAt(place, { ...options, folder, authority, cloud, assets }));
    const panes = PLACES.map(({ region, title }) => ({
      title: region === PLACES[0].region ? `${title}, with the liver` : title,
      url: `${relays.get(region)!.httpAddress}/?room=${encodeURIComponent(options.room)}`,
    }));
    const note = `Two relays on this machine, ${options.oceanMs} ms each way between them. Each picture says how old it is; e in a pane shows why.`;
    assets.set('/regions', regionsPage(note, panes));
    const first = relays.get(PLACES[0].region)!;
    const { url, certificateHashes } = first;
    const state = readDevState(join(folder, PLACES[0].id))!;
    const token = () => devToken(state, { room: options.room, role: 'liver', sub: 'performer', name: 'Hayate' });
    const liver = await perform(
      { url, certificateHashes, token },
      { connector: engineConnector(engine), seed: options.seed, fps: FPS, dtx: true },
    );
    stopLiver = () => liver.stop();
    return { page: `${first.httpAddress}/regions`, relays: Object.fromEntries(relays), close };
  } catch (error) {
    await close();
    throw error;
  }
}

interface Shared extends TwoRegionsOptions {
  folder: string;
  authority: { cert: string; key: string };
  cloud: MemoryCloud;
  assets: Map<string, Asset>;
}

function startAt(place: (typeof PLACES)[number], shared: Shared): Promise<RunningRelay> {
  const { id, region } = place;
  const { folder, authority, cloud, assets, logger, oceanMs, httpPort } = shared;
  const stateDir = join(folder, id);
  mkdirSync(stateDir, { mode: 0o700 });
  const file = (name: string, text: string) => {
    const path = join(stateDir, name);
    writeFileSync(path, text, { mode: 0o600 });
    return path;
  };
  const { cert, key } = issueCertificate({ authority: { key: authority.key }, names: [`${id}.relay.hayate`] });
  const other = PLACES.find((each) => each.region !== region)!;
  const ports = { listen: { port: 0 }, metrics: { port: 0 }, api: { port: 0 } };
  return startRelay(
    {
      ...{ ...ports, dev: true, stateDir, transport: 'engine', log: { level: 'warn' } },
      http: { port: region === PLACES[0].region ? httpPort : 0 },
      gifts: { enabled: false },
      cluster: {
        ...{ relayId: id, region, regions: PLACES.map((each) => each.region) },
        ...{
          caFile: file('ca.pem', authority.cert),
          certFile: file('trunk.pem', cert),
          keyFile: file('trunk.key', key),
        },
        listen: { host: LOOPBACK, port: 0 },
        emulate: { region: other.region, outMs: oceanMs, backMs: oceanMs, jitterMs: Math.min(JITTER_MS, oceanMs) },
      },
    },
    { logger, assets, directory: cloud.directory(region) },
  );
}
