// Loaded into the relay by --import: at each SIGUSR2 it collects garbage and writes what is left to the file of HAYATE_SOAK_FIGURES.
import { renameSync, writeFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import v8, { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import workers, { isMainThread, Worker, type WorkerOptions } from 'node:worker_threads';

/** Of the JavaScript side of the relay, after its garbage is collected. */
export interface InsideFigures {
  /** Counts the answers, from 1. */
  number: number;
  heapBytes: number;
  /** Buffers included. */
  externalBytes: number;
  /** In memory for the heap, its free space included. */
  committedBytes: number;
  /** Of that, compiled code. */
  codeBytes: number;
  /** In memory for the heaps of the other threads, not collected. */
  workersBytes: number;
  /** What keeps the event loop, by Node's own names: sockets, servers, timers. */
  resources: Record<string, number>;
}

const file = process.env['HAYATE_SOAK_FIGURES'];

// The ledger and other threads are given the same options.
if (isMainThread && file !== undefined) {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const threads = counted();
  let number = 0;
  process.on('SIGUSR2', () => {
    collect();
    const { heapUsed, external } = process.memoryUsage();
    const resources: Record<string, number> = {};
    for (const name of process.getActiveResourcesInfo()) resources[name] = (resources[name] ?? 0) + 1;
    const spaces = v8.getHeapSpaceStatistics();
    const physical = (of = spaces) => of.reduce((sum, { physical_space_size }) => sum + physical_space_size, 0);
    number += 1;
    const figures = {
      number,
      heapBytes: heapUsed,
      externalBytes: external,
      committedBytes: physical(),
      codeBytes: physical(spaces.filter(({ space_name }) => space_name.startsWith('code_'))),
      resources,
    };
    void physicalOf(threads).then((workersBytes) => {
      // Whoever reads sees a whole file or the last one.
      writeFileSync(`${file}.next`, JSON.stringify({ ...figures, workersBytes } satisfies InsideFigures));
      renameSync(`${file}.next`, file);
    });
  });
}

/** All workers that are started from now on. */
function counted(): Set<Worker> {
  const all = new Set<Worker>();
  workers.Worker = class extends Worker {
    constructor(program: string | URL, options?: WorkerOptions) {
      super(program, options);
      all.add(this);
      this.once('exit', () => all.delete(this));
    }
  };
  syncBuiltinESMExports();
  return all;
}

async function physicalOf(threads: Iterable<Worker>): Promise<number> {
  const figures = await Promise.all([...threads].map((thread) => thread.getHeapStatistics().catch(() => undefined)));
  return figures.reduce((sum, of) => sum + (of?.total_physical_size ?? 0), 0);
}
