import { cpus } from 'node:os';

/** Counts from now on. The function gives how many of the machine's cores were at work since, in the mean. */
export function busyCores(read: typeof cpus = cpus): () => number {
  const from = times(read());
  return () => {
    const to = times(read());
    const all = to.all - from.all;
    return all > 0 ? Math.round((100 * to.cores * (to.busy - from.busy)) / all) / 100 : 0;
  };
}

function times(cores: ReturnType<typeof cpus>) {
  let all = 0;
  let idle = 0;
  for (const { times } of cores) {
    for (const ms of Object.values(times)) all += ms;
    idle += times.idle;
  }
  return { cores: cores.length, all, busy: all - idle };
}
