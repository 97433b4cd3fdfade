import { readdirSync, readFileSync } from 'node:fs';

/** CPU time of a process over all its threads, us (Linux schedstat: nanosecond accounting, not ticks). */
export function cpuUs(pid: number): number {
  return cpuByThread(pid).allUs;
}

/** The same, and how much of it the engine's thread had. */
export function cpuByThread(pid: number): { allUs: number; engineUs: number } {
  let allNs = 0;
  let engineNs = 0;
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    try {
      const ns = Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]);
      allNs += ns;
      if (readFileSync(`/proc/${pid}/task/${task}/comm`, 'utf8').trim() === 'hayate') engineNs += ns;
    } catch {
      // The thread ended between the reads.
    }
  }
  return { allUs: allNs / 1000, engineUs: engineNs / 1000 };
}

/** Time that the engine's thread of a process was ready to run and had no core, us. */
export function engineWaitUs(pid: number): number {
  let ns = 0;
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    if (readFileSync(`/proc/${pid}/task/${task}/comm`, 'utf8').trim() !== 'hayate') continue;
    ns += Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[1]);
  }
  return ns / 1000;
}

/** Resident memory of a process, kB. `RssFile`: what is mapped of files, as its program is. */
export function rssKb(pid: number, of: 'VmRSS' | 'RssFile' = 'VmRSS'): number {
  const hit = new RegExp(`^${of}:\\s+(\\d+) kB`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(hit?.[1] ?? 0);
}
