import { readdirSync, readFileSync } from 'node:fs';

/** CPU time of a process over all its threads, us (Linux schedstat: nanosecond accounting, not ticks). */
export function cpuUs(pid: number): number {
  let ns = 0;
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    try {
      ns += Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]);
    } catch {
      // The thread ended between the two reads.
    }
  }
  return ns / 1000;
}

/** Resident memory of a process, kB. */
export function rssKb(pid: number): number {
  const hit = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(hit?.[1] ?? 0);
}
