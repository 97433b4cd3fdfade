import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { FanoutRig } from '../../bench/rig.ts';
import { rssKb } from '../../lib/proc.ts';
import { root } from '../../lib/processes.ts';
import { vitestCounts } from '../../lib/vitest.ts';
import { Checks, type Claim, type ClaimContext } from '../claim.ts';
import { bulkUnderLoss } from './bulk.ts';

const SESSIONS = 500;
const CYCLES = 20;

/** 500 sessions opened and closed 20 times: gauges to zero, memory flat. */
async function churn(checks: Checks, log: (text: string) => void): Promise<void> {
  const rig = new FanoutRig();
  try {
    await rig.listen(SESSIONS);
    const rss: number[] = [];
    for (let cycle = 1; cycle <= CYCLES; cycle += 1) {
      await rig.churn(SESSIONS);
      await rig.collect();
      rss.push(rssKb(rig.relayPid));
      if (cycle % 5 === 0) log(`churn: ${cycle} of ${CYCLES} cycles, ${rss.at(-1)} kB`);
    }
    // Closed connections drain for three probe time-outs before they are forgotten; timers run out within 4 s.
    const gauges = [
      'sessions_open',
      'connections_open',
      'streams_open',
      'handshakes_open',
      'incoming_waiting',
      'datagram_queue_bytes',
      'timer_entries',
    ];
    const open = async () => {
      const stats = await rig.stats();
      return Object.fromEntries(gauges.map((g) => [g, stats[g]]));
    };
    let last = await open();
    for (let i = 0; i < 100 && Object.values(last).some((v) => v !== 0); i += 1) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      last = await open();
    }
    checks.figure('churn.gauges_after', last);
    checks.check(
      Object.values(last).every((v) => v === 0),
      `gauges after the churn are not zero: ${JSON.stringify(last)}`,
    );
    const early = Math.max(...rss.slice(2, 8));
    const late = Math.max(...rss.slice(-6));
    checks.figure('churn.rss_kb', { cycles_3_to_8: early, cycles_15_to_20: late });
    checks.figure('churn.growth_bytes_a_session', Math.round(((late - early) * 1024) / (SESSIONS * 12)));
    checks.check(late <= early * 1.03, `memory grew from ${early} to ${late} kB over the last 12 cycles`);
  } finally {
    rig.close();
  }
}

/** The relaying process's JavaScript thread stands still for 200 ms, five times: the media must not notice. */
async function stall(checks: Checks): Promise<void> {
  const rig = new FanoutRig();
  try {
    await rig.listen(100);
    await rig.connect(50);
    await rig.load(60, 120, 2);
    const calm = await rig.load(60, 120, 8);
    const [stalled, longestTurnMs] = await Promise.all([rig.load(60, 120, 8), rig.stall(200, 5)]);
    checks.figure('stall.calm_lag_ms', calm.lag);
    checks.figure('stall.stalled_lag_ms', stalled.lag);
    checks.figure('stall.longest_javascript_turn_ms', longestTurnMs);
    checks.check(longestTurnMs >= 200, 'the stall did not happen: nothing was tested');
    checks.check(stalled.received === stalled.sent * 50, 'datagrams were lost during the stall');
    checks.check(stalled.lag.p99 <= calm.lag.p99 + 2, `lag p99 went from ${calm.lag.p99} to ${stalled.lag.p99} ms`);
  } finally {
    rig.close();
  }
}

function conformance(checks: Checks): void {
  const text = execFileSync(process.execPath, [join(root, 'transport', 'conformance', 'table.ts'), '--json'], {
    encoding: 'utf8',
    timeout: 240_000,
  });
  const table = JSON.parse(text) as { cells: { body: string; case: string; result: string; reason?: string }[] };
  const counts: Record<string, Record<string, number>> = {};
  for (const { body, result } of table.cells) {
    counts[body] ??= { passed: 0, failed: 0, skipped: 0 };
    counts[body][result]! += 1;
  }
  for (const [body, of] of Object.entries(counts)) {
    checks.check(of['failed'] === 0 && of['passed']! > 0, `conformance of ${body}: ${JSON.stringify(of)}`);
  }
  checks.figure('conformance', counts);
}

async function fuzz(checks: Checks): Promise<void> {
  const runs = 5000;
  const counts = await vitestCounts(['codec'], { HAYATE_FUZZ_RUNS: String(runs) });
  checks.figure('fuzz.codec', { runs_a_property: runs, ...counts });
  checks.check(counts.failed === 0 && counts.passed > 0, 'codec fuzzing failed');
  const out = execFileSync(
    'cargo',
    ['test', '--manifest-path', join(root, 'engine', 'Cargo.toml'), '-p', 'hayate-core', '--lib', '-q', 'fuzz'],
    { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] },
  );
  const passed = [...out.matchAll(/(\d+) passed/g)].reduce((sum, m) => sum + Number(m[1]), 0);
  checks.figure('fuzz.rust_tests_passed', passed);
  checks.check(passed > 0, 'no fuzz test ran in Rust');
}

async function run(context: ClaimContext) {
  const checks = new Checks();
  context.log('conformance table');
  conformance(checks);
  context.log('10 MB both ways under loss');
  await bulkUnderLoss(checks);
  context.log(`${SESSIONS} sessions, ${CYCLES} times`);
  await churn(checks, context.log);
  context.log('stalled JavaScript thread');
  await stall(checks);
  context.log('fuzzing');
  await fuzz(checks);
  return checks.outcome();
}

export const engineStands: Claim = {
  id: 'relay.4',
  title:
    'Conformance over all transports; 10 MB streams both ways under loss; 500 sessions opened and closed 20 times leave gauges at zero and memory flat; a stalled JavaScript thread leaves relayed lag unchanged; parsers fuzzed',
  seconds: 240,
  run,
};
