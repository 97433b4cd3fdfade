import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Fault, Found } from './fault.ts';
import type { Stage } from './stage.ts';
import { STALL_MS } from './stalling.ts';

/** A process that stands still as a whole: what a hypervisor does that takes the machine's cores away. */
function stopped(name: string, ms: number, limits: Fault['limits']): Fault {
  return {
    name,
    does: `SIGSTOP, and SIGCONT ${ms} ms later`,
    limits,
    async inflict({ pid }) {
      process.kill(pid, 'SIGSTOP');
      await sleep(ms);
      process.kill(pid, 'SIGCONT');
      await sleep(500);
      return {};
    },
  };
}

/** Of the relay's JavaScript. */
const STALLS = 5;
const STALLING = fileURLToPath(new URL('stalling.ts', import.meta.url));

async function killAndBack(stage: Stage, stateDir?: string): Promise<void> {
  await stage.running.kill();
  stage.relay = undefined;
  await stage.restart(stateDir);
}

export const processFaults: Fault[] = [
  stopped('relay-stopped-0.3s', 300, { ended: 0, stillMs: 500 }),
  stopped('relay-stopped-2s', 2000, { stillMs: 4000 }),
  {
    name: 'javascript-stalled',
    does: `the JavaScript thread blocks for ${STALL_MS} ms, ${STALLS} times (a handler put in by --import)`,
    limits: { ended: 0, stillMs: 200, duringMs: 10 },
    setup: () => ({ around: { env: { ...process.env, NODE_OPTIONS: `--import=${STALLING}` } } }),
    async inflict({ pid }) {
      for (let n = 0; n < STALLS; n += 1) {
        process.kill(pid, 'SIGUSR2');
        await sleep(600);
      }
      return {};
    },
  },
  {
    name: 'relay-killed',
    does: 'SIGKILL with gifts under way, and another relay process on the same files at the same address',
    limits: { stillMs: 8000 },
    async inflict(stage) {
      await killAndBack(stage);
      return {};
    },
  },
  {
    name: 'relay-killed-3-times',
    does: 'the same three times, each as soon as the last relay is ready',
    limits: { stillMs: 20_000 },
    async inflict(stage) {
      for (let n = 0; n < 3; n += 1) await killAndBack(stage);
      return {};
    },
  },
  {
    name: 'relay-drained',
    does: 'SIGTERM under load, and another relay process on the same files at the same address once it has ended',
    limits: { stillMs: 12_000 },
    also: { exit: 'it ends by itself with exit code 0' },
    setup: () => ({ flags: ['--drain-ms', '2000'] }),
    async inflict(stage) {
      const code = await stage.running.stop();
      stage.relay = undefined;
      await stage.restart();
      return { exit: { ok: code === 0, measured: `exit code ${code}` } };
    },
  },
  {
    name: 'log-reader-gone',
    does: 'what reads standard output and error is gone (EPIPE), under a log level of debug; sessions come and go; then SIGTERM',
    limits: { ended: 0, stillMs: 200, duringMs: 10 },
    also: { joins: 'newcomers are let in within 1 s' },
    setup: () => ({ flags: ['--log-level', 'debug'] }),
    inflict: (stage) => unread(stage, () => stage.running.child.cutOutput(), 50),
  },
  {
    name: 'log-reader-stands-still',
    does: 'nobody reads standard output and error, which are full soon under a log level of debug; sessions come and go',
    limits: { ended: 0, stillMs: 200, duringMs: 10 },
    also: { joins: 'newcomers are let in within 1 s' },
    setup: () => ({ flags: ['--log-level', 'trace'] }),
    inflict: (stage) => unread(stage, () => stage.running.child.holdOutput(), 600),
  },
];

/** Sessions come and go, each with lines in the log. */
async function unread(stage: Stage, begin: () => void, joins: number): Promise<Record<string, Found>> {
  begin();
  let longest = 0;
  const limit = AbortSignal.timeout(8000);
  const to = await stage.address('newcomer');
  for (let n = 0; n < joins; n += 10) {
    if (limit.aborted) return { joins: { ok: false, measured: `only ${n} of ${joins} newcomers were tried` } };
    const all = await Promise.allSettled(Array.from({ length: 10 }, () => stage.joinMs(to)));
    const lost = all.find((each) => each.status === 'rejected');
    if (lost) return { joins: { ok: false, measured: `newcomer ${n}: ${lost.reason}` } };
    longest = Math.max(longest, ...all.map((each) => (each.status === 'fulfilled' ? each.value : 0)));
  }
  return { joins: { ok: longest <= 1000, measured: `${joins} newcomers, each in after at most ${longest} ms` } };
}

export const processControls: Fault[] = [
  {
    ...stopped('control-stopped-2s-as-0.3s', 2000, { ended: 0, stillMs: 500 }),
    does: 'the relay stands still for 2 s under the promise of 0.3 s',
    control: true,
  },
  {
    name: 'control-state-lost',
    does: 'SIGKILL, and another relay process at the same address without the ledger of the first',
    limits: { stillMs: 8000 },
    control: true,
    async inflict(stage) {
      await stage.loseLedger(() => killAndBack(stage));
      return {};
    },
  },
];
