import { createSocket } from 'node:dgram';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { hayateCommand, Running } from '../lib/processes.ts';
import type { RelayNetwork } from './network.ts';

const CHILD = fileURLToPath(new URL('relay-child.ts', import.meta.url));
export const METRICS_PORT = 9464;

export interface WatchedRelay {
  pid: number;
  stateDir: string;
  /** Address of `/metrics`, as reached from here. */
  metrics: string;
  /** Its UDP port. */
  port: number;
  stop(): Promise<void>;
}

/** A development relay in a namespace. @param socketBufferBytes 0: as relays have it */
export async function startWatched(network: RelayNetwork, socketBufferBytes = 0): Promise<WatchedRelay> {
  const stateDir = mkdtempSync(join(tmpdir(), 'hayate-operations-'));
  const { media, watched, enter } = network;
  const config = {
    ...{ dev: true, stateDir, transport: 'engine', log: { level: 'warn' } },
    listen: { host: media, port: 0 },
    certificate: { names: [media] },
    http: { port: 0 },
    api: { port: 0 },
    metrics: { host: watched, port: METRICS_PORT },
  };
  const [program, ...flags] = hayateCommand.slice(0, -1);
  const [command, ...before] = [...enter, program!, ...flags];
  const child = new Running(command!, [...before, CHILD, JSON.stringify(config), String(socketBufferBytes)]);
  const ready = await child.line(/"event":"ready"/, 30_000);
  const { metrics, port } = JSON.parse(ready.input) as { metrics: string; port: number };
  return {
    // `ip netns exec` becomes what it starts.
    ...{ pid: child.pid, stateDir, metrics, port },
    async stop() {
      await child.stop();
      rmSync(stateDir, { recursive: true, force: true });
    },
  };
}

/** Bursts of datagrams that are no QUIC, each faster than anybody reads, for `seconds`. */
export async function bursts(to: { host: string; port: number }, datagrams: number, seconds: number): Promise<void> {
  const socket = createSocket('udp4');
  try {
    const datagram = Buffer.alloc(100);
    for (const untilMs = performance.now() + seconds * 1000; performance.now() < untilMs; await sleep(100)) {
      const sent = (done: () => void) => socket.send(datagram, to.port, to.host, () => done());
      await Promise.all(Array.from({ length: datagrams }, () => new Promise<void>(sent)));
    }
  } finally {
    socket.close();
  }
}
