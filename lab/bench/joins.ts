import { fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { askChild, pin } from '../lib/children.ts';
import { cpuUs } from '../lib/proc.ts';
import { root } from '../lib/processes.ts';
import { startRelayProcess } from '../lib/relay-process.ts';

export interface JoinsOptions {
  viewers: number;
  joinsPerSecond: number;
  seconds: number;
}

interface Lag {
  p50: number;
  p95: number;
  p99: number;
  max: number;
}

export interface JoinsResult extends JoinsOptions {
  calm_lag_ms: Lag;
  joining_lag_ms: Lag;
  delivered_ratio: { calm: number; joining: number };
  joins: { started: number; joined: number; failed: number; join_ms: { p50: number; p99: number } };
  relay_cpu_percent: { calm: number; joining: number };
}

/**
 * A whole relay (tokens, control streams, rooms), viewers that watch one room at 30 frames/s, and a process that joins
 * the same room so many times a second: connect, hello, watch, first media, leave.
 */
export async function joins(options: JoinsOptions, log: (text: string) => void): Promise<JoinsResult> {
  const stateDir = mkdtempSync(join(tmpdir(), 'hayate-joins-'));
  // Nothing to spend: each frame is a datagram that leaves at once, so what grows is the relay's own lag.
  const relay = await startRelayProcess(stateDir, ['--rooms-budget-ms', '20']);
  const here = join(root, 'lab', 'bench');
  const start = () => fork(join(here, 'joins-load.ts'), { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const watchers = start();
  const joiner = start();
  try {
    pin(relay.pid, 0);
    pin(watchers.pid ?? 0, 1);
    pin(joiner.pid ?? 0, 1);
    const to = await relay.tokens('joins');
    log(`connecting ${options.viewers} viewers`);
    await askChild(watchers, 'watch', { to, viewers: options.viewers });
    const measure = async () => {
      const cpu = cpuUs(relay.pid);
      const lag = await askChild<Lag & { received: number; sent: number }>(watchers, 'lag', {
        seconds: options.seconds,
      });
      const percent = Number(((cpuUs(relay.pid) - cpu) / options.seconds / 1e4).toFixed(1));
      const { received, sent, ...figures } = lag;
      return { lag: figures, percent, delivered: Number((received / (sent * options.viewers)).toFixed(5)) };
    };
    await askChild(watchers, 'lag', { seconds: 2 });
    log(`calm: ${options.seconds} s`);
    const calm = await measure();
    log(`joining: ${options.joinsPerSecond} a second, ${options.seconds} s`);
    const [joining, joined] = await Promise.all([
      measure(),
      askChild<JoinsResult['joins']>(joiner, 'join', {
        to,
        perSecond: options.joinsPerSecond,
        seconds: options.seconds,
      }),
    ]);
    return {
      ...options,
      calm_lag_ms: calm.lag,
      joining_lag_ms: joining.lag,
      delivered_ratio: { calm: calm.delivered, joining: joining.delivered },
      joins: joined,
      relay_cpu_percent: { calm: calm.percent, joining: joining.percent },
    };
  } finally {
    watchers.kill();
    joiner.kill();
    await relay.stop();
    rmSync(stateDir, { recursive: true, force: true });
  }
}
