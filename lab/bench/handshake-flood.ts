import { fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Attackers } from '../faults/table/attackers.ts';
import { askChild, pin } from '../lib/children.ts';
import { readMetrics, type Sample } from '../lib/metrics.ts';
import { cpuUs } from '../lib/proc.ts';
import { root } from '../lib/processes.ts';
import { startRelayProcess } from '../lib/relay-process.ts';

export interface HandshakeFloodOptions {
  viewers: number;
  /** First packets of handshakes that nobody goes on with. */
  perMinute: number;
  /** Of 127.0.0.0/8, that they come from. */
  addresses: number;
  seconds: number;
}

interface Lag {
  p50: number;
  p95: number;
  p99: number;
  max: number;
}

interface Measured {
  lag_ms: Lag;
  /** Of the frames that the liver sent to each viewer. */
  delivered_ratio: number;
  relay_cpu_percent: number;
}

export interface HandshakeFloodResult extends HandshakeFloodOptions {
  calm: Measured;
  flooded: Measured;
  lag_p99_growth_ms: number;
  flood: { sent: number; per_minute: number };
  /** What the relay counted of it, by how handshakes ended. */
  handshakes: Record<string, number>;
  /** All that the relay took in meanwhile: the viewers' own is some thousand a second each. */
  udp_bytes_in: number;
  /** Who came meanwhile, one after the other: from dialling to the first media. */
  joins: { started: number; joined: number; failed: number; join_ms: { p50: number; p99: number } };
}

const JOINS_PER_SECOND = 5;

/** A whole relay and viewers of one room at 30 frames/s, while handshakes are begun that nobody goes on with. */
export async function handshakeFlood(
  options: HandshakeFloodOptions,
  log: (text: string) => void,
): Promise<HandshakeFloodResult> {
  const { viewers, perMinute, addresses, seconds } = options;
  const stateDir = mkdtempSync(join(tmpdir(), 'hayate-flood-'));
  // Nothing to spend: each frame is a datagram that leaves at once, so what grows is the relay's own lag.
  const relay = await startRelayProcess(stateDir, ['--rooms-budget-ms', '20']);
  const start = () =>
    fork(join(root, 'lab', 'bench', 'joins-load.ts'), { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const [watchers, joiner, attackers] = [start(), start(), new Attackers()];
  try {
    pin(relay.pid, 0);
    pin(watchers.pid ?? 0, 1);
    pin(joiner.pid ?? 0, 1);
    const to = await relay.tokens('flood');
    log(`connecting ${viewers} viewers`);
    await askChild(watchers, 'watch', { to, viewers });
    const measure = async (): Promise<Measured> => {
      const cpu = cpuUs(relay.pid);
      const { received, sent, ...lag } = await askChild<Lag & { received: number; sent: number }>(watchers, 'lag', {
        seconds,
      });
      return {
        lag_ms: lag,
        delivered_ratio: Number((received / (sent * viewers)).toFixed(5)),
        relay_cpu_percent: Number(((cpuUs(relay.pid) - cpu) / seconds / 1e4).toFixed(1)),
      };
    };
    await askChild(watchers, 'lag', { seconds: 2 });
    log(`calm: ${seconds} s`);
    const calm = await measure();
    log(`${perMinute} handshakes a minute from ${addresses} addresses: ${seconds} s`);
    const before = await readMetrics(relay.metrics);
    // It begins before and ends after what is measured.
    const flooding = attackers.handshakes(to, { seconds: seconds + 3, perSecond: perMinute / 60, addresses });
    await sleep(1000);
    const [flooded, joins] = await Promise.all([
      measure(),
      askChild<HandshakeFloodResult['joins']>(joiner, 'join', { to, perSecond: JOINS_PER_SECOND, seconds }),
    ]);
    const flood = await flooding;
    const after = await readMetrics(relay.metrics);
    const counted = handshakesOf(before);
    const handshakes = Object.fromEntries(
      Object.entries(handshakesOf(after)).map(([result, count]) => [result, count - (counted[result] ?? 0)]),
    );
    return {
      ...options,
      calm,
      flooded,
      lag_p99_growth_ms: Number((flooded.lag_ms.p99 - calm.lag_ms.p99).toFixed(2)),
      flood: { sent: flood.sent, per_minute: Math.round((flood.sent / flood.seconds) * 60) },
      handshakes,
      udp_bytes_in: bytesIn(after) - bytesIn(before),
      joins,
    };
  } finally {
    watchers.kill();
    joiner.kill();
    await attackers.close();
    await relay.stop();
    rmSync(stateDir, { recursive: true, force: true });
  }
}

function handshakesOf(samples: readonly Sample[]): Record<string, number> {
  const of = samples.filter(({ name }) => name === 'hayate_handshakes_total');
  return Object.fromEntries(of.map(({ labels, value }) => [Object.values(labels).join(), value]));
}

function bytesIn(samples: readonly Sample[]): number {
  return (
    samples.find(({ name, labels }) => name === 'hayate_udp_bytes_total' && labels['direction'] === 'in')?.value ?? 0
  );
}
