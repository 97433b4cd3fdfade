import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RelayTarget } from '@hayate/client';
import { startRelayProcess } from '../lib/relay-process.ts';
import type { TcpPath } from '../lib/tcp-line.ts';
import type { UdpPath } from '../lib/udp-line.ts';
import { type Line, lineTo } from './line.ts';
import { perform } from './liver.ts';

const ROOM = 'networks';

/** A relay process with a liver who performs on it, and networks to it. */
export interface NetworkRig {
  stateDir: string;
  /** Another one each, so that nothing is known of it. */
  line(path: { udp: UdpPath; tcp?: TcpPath }): Promise<Line>;
  /** A viewer of its own over such a line, and a gift that it may give. */
  viewer(line: Line): Promise<{ target: RelayTarget; ticket: string }>;
  close(): Promise<void>;
}

export async function openRig(flags: string[] = []): Promise<NetworkRig> {
  const stateDir = mkdtempSync(join(tmpdir(), 'hayate-networks-'));
  const relay = await startRelayProcess(stateDir, ['--log-level', 'warn', ...flags]);
  const ask = async <T>(path: string, body: object): Promise<T> => {
    const response = await fetch(new URL(path, relay.http), {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    if (!response.ok) throw new Error(`${path} answered ${response.status}`);
    return (await response.json()) as T;
  };
  const tokens = async (sub: string) =>
    (await ask<{ tokens: Record<'liver' | 'viewer', string> }>('/v1/rooms', { room: ROOM, sub })).tokens;
  const certificateHashes = relay.hashes;
  const liver = await perform({ url: relay.url, certificateHashes, token: (await tokens('mio')).liver });
  let viewers = 0;
  return {
    stateDir,
    line: (path) => lineTo(relay.url, path),
    async viewer({ url }) {
      viewers += 1;
      const sub = `viewer-${viewers}`;
      const gift = { room: ROOM, sub, liver: 'mio', item: 'star', amount: 100 };
      const { ticket } = await ask<{ ticket: string }>('/v1/gifts/tickets', gift);
      return { target: { url, certificateHashes, token: (await tokens(sub)).viewer }, ticket };
    },
    async close() {
      await liver.close();
      await relay.stop();
      rmSync(stateDir, { recursive: true, force: true });
    },
  };
}
