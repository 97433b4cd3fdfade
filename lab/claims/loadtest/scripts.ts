import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Checks, type Claim, type ClaimContext } from '../claim.ts';
import { type Ran, SCRIPTS, startTest, withRelay } from './relay-and-script.ts';

/** Short enough that all fit into some minutes. */
const SHIPPED: { name: string; env: Record<string, string> }[] = [
  { name: 'smoke', env: { SECONDS: '12' } },
  { name: 'steady', env: { ROOMS: '10', VIEWERS: '20', SECONDS: '12', JOIN_SECONDS: '5' } },
  { name: 'ramp', env: { MAX: '200', STEP_SECONDS: '2' } },
  { name: 'evening', env: { HOUR_SECONDS: '4' } },
  { name: 'gift-storm', env: { RATE: '30', SECONDS: '10' } },
  { name: 'flash-crowd', env: { CROWD: '200', SECONDS: '4' } },
  { name: 'bad-networks', env: { SECONDS: '15' } },
  { name: 'soak', env: { HOURS: '0.006' } },
];
const BROKEN = `import { sleep } from '@hayate/loadtest';
throw new Error('broken at the start');`;
const LONG = { SECONDS: '60' };
/** A summary must be there so soon after the relay is gone, or Ctrl-C: the script's time is over or cut. */
const END_SECONDS = 20;

function summary(ran: Ran) {
  const { code, seconds, metrics } = ran;
  const p99 = (name: string) => metrics[name]?.['p(99)'] ?? metrics[name]?.['p(95)'];
  return {
    code,
    seconds: Math.round(seconds),
    motion_lag_ms: p99('motion_lag'),
    exact: metrics['motion_exact']?.['value'],
  };
}

async function shipped(checks: Checks, context: ClaimContext): Promise<void> {
  for (const { name, env } of SHIPPED) {
    if (context.only.length > 0 && !context.only.some((part) => name.includes(part))) continue;
    context.log(`${name}.ts`);
    await withRelay(async ({ stateDir }) => {
      const ran = await startTest(join(SCRIPTS, `${name}.ts`), stateDir, env).ended;
      checks.figure(`${name}.ts`, summary(ran));
      checks.check(ran.code === 0, `${name}.ts ends with ${ran.code}: ${ran.err.trim().split('\n').at(-1)}`);
    });
  }
}

async function endings(checks: Checks, context: ClaimContext): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'hayate-endings-'));
  const smoke = join(SCRIPTS, 'smoke.ts');
  const has = (name: string, ran: Ran, code: number | null, ...words: string[]) => {
    const text = ran.out + ran.err;
    const missing = words.filter((word) => !text.includes(word));
    checks.figure(name, { code: ran.code, seconds: Math.round(ran.seconds), missing });
    if (code !== null) checks.check(ran.code === code, `${name}: ends with ${ran.code} instead of ${code}`);
    checks.check(missing.length === 0, `${name}: does not say ${missing.join(', ')}`);
  };
  try {
    context.log('an impossible threshold, a script error, Ctrl-C');
    await withRelay(async ({ stateDir }) => {
      const impossible = join(folder, 'impossible.ts');
      writeFileSync(
        impossible,
        `export * from ${JSON.stringify(smoke)};
import { options as own } from ${JSON.stringify(smoke)};
export const options = { ...own, thresholds: { motion_lag: ['p(99)<0.001'] } };`,
      );
      has(
        'an impossible threshold',
        await startTest(impossible, stateDir, { SECONDS: '8' }).ended,
        99,
        "✗ 'p(99)<0.001'",
        'TOTAL RESULTS',
      );
      const broken = join(folder, 'broken.ts');
      writeFileSync(broken, BROKEN);
      has('a script error', await startTest(broken, stateDir).ended, 107, 'broken at the start');
      const running = startTest(smoke, stateDir, LONG);
      await sleep(8000);
      running.interrupt();
      const ran = await running.ended;
      has('Ctrl-C', ran, 105, 'TOTAL RESULTS', 'motion_lag');
      checks.check(ran.seconds < 8 + END_SECONDS, `Ctrl-C: took ${ran.seconds.toFixed(0)} s`);
    });
    context.log('no relay, a relay that dies, hangs, refuses');
    has('no relay', await startTest(smoke, folder).ended, 104, 'no relay to test');
    await withRelay(async (relay) => {
      const running = startTest(smoke, relay.stateDir, { SECONDS: '12' });
      await sleep(7000);
      await relay.kill();
      const ran = await running.ended;
      has('a relay that dies', ran, null, 'a session was lost', 'sessions_lost', 'TOTAL RESULTS');
      checks.check(ran.seconds < 12 + 5 + END_SECONDS, `a relay that dies: took ${ran.seconds.toFixed(0)} s`);
    });
    await withRelay(async (relay) => {
      const running = startTest(smoke, relay.stateDir, { SECONDS: '12' });
      await sleep(7000);
      process.kill(relay.pid, 'SIGSTOP');
      const ran = await running.ended;
      process.kill(relay.pid, 'SIGCONT');
      has('a relay that hangs', ran, null, 'a session was lost', 'TOTAL RESULTS');
      checks.check(ran.seconds < 12 + 5 + END_SECONDS, `a relay that hangs: took ${ran.seconds.toFixed(0)} s`);
    });
    await withRelay(
      async (relay) => {
        const ran = await startTest(join(SCRIPTS, 'steady.ts'), relay.stateDir, {
          ROOMS: '1',
          VIEWERS: '12',
          SECONDS: '5',
          JOIN_SECONDS: '2',
        }).ended;
        has('a relay that refuses', ran, null, 'room_full', 'TOTAL RESULTS');
      },
      ['--rooms-max-viewers', '4'],
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function run(context: ClaimContext) {
  const checks = new Checks();
  await shipped(checks, context);
  if (context.only.length === 0 || context.only.includes('endings')) await endings(checks, context);
  return checks.outcome();
}

export const shippedScripts: Claim = {
  id: 'loadtest.1',
  title:
    'Each shipped script passes against a relay; an impossible threshold gives 99 with the cross, a script error 107, Ctrl-C 105 with a whole summary; a relay that dies, hangs or refuses: a clear summary, no hang',
  seconds: 330,
  run,
};
