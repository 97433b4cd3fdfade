import { execFile } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { RelayAddress } from '../../lib/raw-session.ts';
import type { Fault } from './fault.ts';
import type { Stage } from './stage.ts';

const run = promisify(execFile);

const MEMORY_MB = 384;
const MEMORY_CGROUPS = '/sys/fs/cgroup/memory';

/** A group below that of this process: whatever limits this one limits it too. */
function cgroupFolder(): string {
  const own = /^\d+:memory:(.*)$/m.exec(readFileSync('/proc/self/cgroup', 'utf8'))?.[1] ?? '';
  return join(MEMORY_CGROUPS, own, `hayate-fault-${process.pid}`);
}

function cannotLimitMemory(): string | undefined {
  try {
    const folder = cgroupFolder();
    mkdirSync(folder);
    rmdirSync(folder);
    return undefined;
  } catch (error) {
    return `no memory cgroup (v1) can be made: ${(error as NodeJS.ErrnoException).code}`;
  }
}

/** TCP connections that hold a descriptor of the relay each; those that are refused or closed are gone. */
function openMany(port: number, count: number): Set<Socket> {
  const sockets = new Set<Socket>();
  for (let n = 0; n < count; n += 1) {
    const socket = connect(port, '127.0.0.1');
    sockets.add(socket);
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
  }
  return sockets;
}

async function answers({ running }: Stage, timeoutMs: number): Promise<boolean> {
  try {
    const signal = AbortSignal.timeout(timeoutMs);
    return (await fetch(new URL('/healthz', running.http), { signal, headers: { connection: 'close' } })).ok;
  } catch {
    return false;
  }
}

export const limitFaults: Fault[] = [
  {
    name: 'descriptors-exhausted',
    does: 'the relay may open no descriptor more (prlimit on the running process), and 100 TCP connections want one each; both end 3 s later',
    limits: { ended: 0, stillMs: 250, duringMs: 20 },
    also: {
      out: 'the HTTP API did run out of them',
      join: 'a newcomer by QUIC is let in within 1 s meanwhile',
      back: 'the HTTP API answers within 1 s afterwards',
    },
    async cannot() {
      return run('prlimit', ['--version']).then(
        () => undefined,
        () => 'no prlimit',
      );
    },
    async inflict(stage) {
      const { pid, running } = stage;
      const limitOf = async () =>
        (await run('prlimit', ['--pid', String(pid), '--nofile', '--noheadings', '-o', 'SOFT'])).stdout.trim();
      const before = await limitOf();
      const open = readdirSync(`/proc/${pid}/fd`).length;
      await run('prlimit', ['--pid', String(pid), `--nofile=${open}:`]);
      const sockets = openMany(Number(new URL(running.http).port), 100);
      await sleep(1000);
      const out = !(await answers(stage, 1000));
      const join = await stage.joinFound(1000);
      await sleep(1000);
      for (const socket of sockets) socket.destroy();
      await run('prlimit', ['--pid', String(pid), `--nofile=${before}:`]);
      await sleep(200);
      const since = performance.now();
      const back = await answers(stage, 1000);
      return {
        out: { ok: out, measured: out ? 'the API gave no answer meanwhile' : 'the API answered all the while' },
        join,
        back: {
          ok: back,
          measured: `the API ${back ? `answered after ${Math.round(performance.now() - since)} ms` : 'gave no answer afterwards'}`,
        },
      };
    },
  },
  {
    name: 'memory-limited',
    does: `the relay has ${MEMORY_MB} MB (a memory cgroup of its own) while 20 people flood comments and 20 viewers read nothing`,
    limits: { ended: 0, stillMs: 250, duringMs: 20 },
    also: { within: 'it stays within them: the kernel never kills' },
    cannot: cannotLimitMemory,
    setup() {
      const folder = cgroupFolder();
      mkdirSync(folder);
      writeFileSync(join(folder, 'memory.limit_in_bytes'), String(MEMORY_MB << 20));
      return {
        around: { wrap: ['sh', '-c', 'echo $$ > "$0/cgroup.procs" && exec "$@"', folder] },
        clean: () => rmdirSync(folder),
      };
    },
    async inflict(stage) {
      const folder = cgroupFolder();
      const people = (name: string): Promise<RelayAddress[]> =>
        Promise.all(Array.from({ length: 20 }, (_, n) => stage.address(`${name}-${n}`)));
      const [writers, readers] = await Promise.all([people('writer'), people('reader')]);
      await Promise.all([
        stage.attackers.comments(writers, { seconds: 4, perSecond: 2000 }),
        stage.attackers.deaf(readers, { seconds: 4, perSecond: 0 }),
      ]);
      const peak = Number(readFileSync(join(folder, 'memory.max_usage_in_bytes'), 'utf8'));
      const kills = Number(/oom_kill (\d+)/.exec(readFileSync(join(folder, 'memory.oom_control'), 'utf8'))?.[1]);
      const measured = `at most ${Math.round(peak / 2 ** 20)} MB, ${kills} kills`;
      return { within: { ok: kills === 0, measured } };
    },
  },
];
