// Loaded into the relay by --import: at each SIGUSR2 it collects garbage and writes what is left to the file of HAYATE_SOAK_FIGURES.
import { renameSync, writeFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { isMainThread } from 'node:worker_threads';

/** Of the JavaScript side of the relay, after its garbage is collected. */
export interface InsideFigures {
  /** Counts the answers, from 1. */
  number: number;
  heapBytes: number;
  /** Buffers included. */
  externalBytes: number;
  /** What keeps the event loop, by Node's own names: sockets, servers, timers. */
  resources: Record<string, number>;
}

const file = process.env['HAYATE_SOAK_FIGURES'];

// The ledger and other threads are given the same options.
if (isMainThread && file !== undefined) {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  let number = 0;
  process.on('SIGUSR2', () => {
    collect();
    const { heapUsed, external } = process.memoryUsage();
    const resources: Record<string, number> = {};
    for (const name of process.getActiveResourcesInfo()) resources[name] = (resources[name] ?? 0) + 1;
    number += 1;
    const figures: InsideFigures = { number, heapBytes: heapUsed, externalBytes: external, resources };
    // Whoever reads sees a whole file or the last one.
    writeFileSync(`${file}.next`, JSON.stringify(figures));
    renameSync(`${file}.next`, file);
  });
}
