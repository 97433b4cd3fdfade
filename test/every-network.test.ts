import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type RelayTarget, watch } from '@hayate/client';
import { engineAvailable } from '@hayate/engine';
import { mintToken, type RunningRelay, readSharedKey, startRelay } from '@hayate/relay';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TcpPath } from '../lab/lib/tcp-line.ts';
import type { UdpPath } from '../lab/lib/udp-line.ts';
import { type Line, lineTo } from '../lab/networks/line.ts';
import { type NetworkLiver, perform } from '../lab/networks/liver.ts';
import { type NetworkViewer, view } from '../lab/networks/viewer.ts';

const available = engineAvailable();
if (!available.ok) it('networks that carry UDP by half', ({ skip }) => skip(available.reason));

describe.skipIf(!available.ok)('networks that carry UDP by half', () => {
  let relay: RunningRelay;
  let liver: NetworkLiver;
  let dir: string;
  const target = (url: string, sub: string): RelayTarget => ({
    url,
    certificateHashes: relay.certificateHashes,
    token: () =>
      mintToken(readSharedKey(relay.keyFile!), { room: 'r', sub, roles: ['liver', 'viewer'], ttlSeconds: 60 }),
  });
  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'hayate-networks-'));
    const free = { listen: { port: 0 }, http: { port: 0 }, metrics: { port: 0 }, api: { port: 0 } };
    relay = await startRelay({ dev: true, transport: 'engine', stateDir: dir, log: { level: 'silent' }, ...free });
    liver = await perform(target(relay.url, 'mio'));
  });
  afterAll(async () => {
    await liver?.close();
    await relay?.close();
    rmSync(dir, { recursive: true, force: true });
  });

  /** A viewer over such a network, until `done`; the test's time limit is the deadline. */
  async function over(
    path: { udp: UdpPath; tcp?: TcpPath },
    done: (viewer: NetworkViewer, line: Line) => boolean,
  ): Promise<{ ways: string[]; line: Line; viewer: NetworkViewer }> {
    const line = await lineTo(relay.url, path);
    const viewer = view({ watch }, target(line.url, 'ann'), {});
    while (!done(viewer, line)) await new Promise((resolve) => setTimeout(resolve, 10));
    const ways = viewer.seen().ways.map(({ way }) => way);
    return { ways, line, viewer };
  }
  const end = async ({ viewer, line }: { viewer: NetworkViewer; line: Line }) => {
    viewer.close();
    await line.close();
  };
  const flows = (viewer: NetworkViewer) => {
    const { frames, packets, first } = viewer.seen();
    return frames > 20 && packets > 20 && first.comment !== undefined;
  };

  it('good UDP: QUIC, and no TCP connection was ever made', { timeout: 30_000 }, async () => {
    const run = await over({ udp: {} }, flows);
    expect([run.ways, run.line.tcp.connections]).toEqual([['quic'], { open: 0, taken: 0 }]);
    await end(run);
  });

  it.each<[string, UdpPath]>([
    ['all of UDP is blocked', { blocked: true }],
    ['large packets vanish', { maxBytes: 1100 }],
  ])('%s: TCP from the beginning', { timeout: 30_000 }, async (_, udp) => {
    const run = await over({ udp }, flows);
    expect([run.ways, run.line.tcp.connections.open]).toEqual([['websocket'], 1]);
    await end(run);
  });

  it('blocked some seconds after the connect: it goes on by TCP', { timeout: 60_000 }, async () => {
    let before = 0;
    const run = await over({ udp: { blockedAfterMs: 2500 } }, (viewer) => {
      const { ways, frames } = viewer.seen();
      if (ways.length < 2) before = frames;
      return ways.at(-1)?.way === 'websocket' && frames > before + 20;
    });
    expect(run.ways).toEqual(['quic', 'websocket']);
    expect(before).toBeGreaterThan(20);
    await end(run);
  });

  it('30 % is lost: it ends on TCP', { timeout: 60_000 }, async () => {
    let before = 0;
    const run = await over({ udp: { loss: 0.3, delayMs: 10, seed: 4 } }, (viewer) => {
      const { ways, frames } = viewer.seen();
      if (ways.at(-1)?.way !== 'websocket') before = frames;
      return frames > before + 50;
    });
    expect(run.ways.at(-1)).toBe('websocket');
    await end(run);
  });

  it('large packets vanish later, small ones pass: it ends on TCP', { timeout: 60_000 }, async () => {
    const run = await over({ udp: {} }, (viewer, line) => {
      if (flows(viewer)) line.udp.path = { maxBytes: 130 };
      return viewer.seen().ways.at(-1)?.way === 'websocket';
    });
    expect(run.ways.at(-1)).toBe('websocket');
    await end(run);
  });
});
