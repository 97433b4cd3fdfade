import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { cpuUs } from '../../lib/proc.ts';
import { Checks, type Claim, type ClaimContext } from '../claim.ts';
import { type Ran, SCRIPTS, startTest, withRelay } from './relay-and-script.ts';

/** Few livers: what is measured are viewers, and a liver costs this process many times what one of them does. */
const ROOMS = 20;
const VIEWERS = 150;
/** Who has just joined gets every packet at once for 10 s, which costs several times as much as later. */
const JOIN_SECONDS = 90;
const SETTLE_SECONDS = 13;
const STEADY_SECONDS = 12;
const SECONDS = SETTLE_SECONDS + STEADY_SECONDS + 2;
/** Viewers begin 5 s after the start. */
const STEADY_FROM = 5 + JOIN_SECONDS + SETTLE_SECONDS;
const MORE_MS = 50;

/** Livers and a few viewers on one link each way; arrival lag, so that no playout is in it. */
const DELAY = `import { publish, sleep, watch } from '@hayate/loadtest';
const ms = Number(__ENV.MS);
export const options = { scenarios: {
  liver: { executor: 'per-vu-iterations', exec: 'liver' },
  viewers: { executor: 'per-vu-iterations', vus: 4, exec: 'viewer', startTime: '2s' },
} };
export async function liver() { await publish({ room: 'delay', sub: 'liver', voice: false }); await sleep(18); }
export async function viewer() {
  await watch({ room: 'delay', decode: 'all', link: { rx: { delayMs: ms }, tx: { delayMs: ms } } });
  await sleep(14);
}`;

async function crowd(checks: Checks, context: ClaimContext): Promise<void> {
  context.log(`${ROOMS * VIEWERS} viewers in ${ROOMS} rooms by one runner process (${5 + JOIN_SECONDS + SECONDS} s)`);
  await withRelay(async ({ stateDir, pid }) => {
    const env = { ROOMS: `${ROOMS}`, VIEWERS: `${VIEWERS}`, SECONDS: `${SECONDS}`, JOIN_SECONDS: `${JOIN_SECONDS}` };
    const running = startTest(join(SCRIPTS, 'steady.ts'), stateDir, env);
    await sleep(STEADY_FROM * 1000);
    const before = { runner: cpuUs(running.pid), relay: cpuUs(pid), ms: performance.now() };
    await sleep(STEADY_SECONDS * 1000);
    const share = (us: number) => Number((us / ((performance.now() - before.ms) * 1000)).toFixed(3));
    const cores = { runner: share(cpuUs(running.pid) - before.runner), relay: share(cpuUs(pid) - before.relay) };
    const ran = await running.ended;
    const { metrics } = ran;
    checks.figure('viewers at once', metrics['viewers']?.['max']);
    checks.figure('cores while all watch', cores);
    checks.figure('runner_delay_ms', metrics['runner_delay']);
    checks.figure('motion_lag_ms', metrics['motion_lag']);
    checks.figure('motion_exact', metrics['motion_exact']);
    checks.figure('sessions_lost', metrics['sessions_lost']?.['count'] ?? 0);
    checks.check((metrics['viewers']?.['max'] ?? 0) >= ROOMS * VIEWERS * 0.999, 'not all viewers were there at once');
    checks.check(cores.runner <= 1, `the runner used ${cores.runner} cores`);
    checks.check((metrics['runner_delay']?.['med'] ?? -1) >= 0, 'the runner did not report its own delay');
    checks.check((metrics['sessions_lost']?.['count'] ?? 0) === 0, 'sessions were lost');
  });
}

async function injected(checks: Checks, context: ClaimContext): Promise<void> {
  context.log(`a link with ${MORE_MS} ms more`);
  const folder = mkdtempSync(join(tmpdir(), 'hayate-delay-'));
  const script = join(folder, 'delay.ts');
  writeFileSync(script, DELAY);
  try {
    const median = async (ms: number): Promise<number> => {
      // No time is spent on fewer packets: what is measured is the link.
      const flags = ['--rooms-budget-ms', '20'];
      const ran: Ran = await withRelay(({ stateDir }) => startTest(script, stateDir, { MS: `${ms}` }).ended, flags);
      return ran.metrics['motion_arrival_lag']?.['med'] ?? Number.NaN;
    };
    const [without, more] = [await median(2), await median(2 + MORE_MS)];
    const shown = Number((more - without).toFixed(2));
    checks.figure('arrival lag, median ms', { without, with_50_ms_more: more, difference: shown });
    checks.check(Math.abs(shown - MORE_MS) <= 3, `${MORE_MS} ms more on the link show as ${shown} ms`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function run(context: ClaimContext) {
  const checks = new Checks();
  await injected(checks, context);
  await crowd(checks, context);
  return checks.outcome();
}

export const runnerCrowd: Claim = {
  id: 'loadtest.2',
  title:
    '3000 virtual viewers in one runner process use at most one core; the runner’s own delay is measured and reported; 50 ms more on the link show as 50 ± 3 ms',
  seconds: 190,
  run,
};
