// npm run lab -- --ocean 65 --last-mile 5 --json
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { commit, load, machine } from '../lib/machine.ts';
import { root } from '../lib/processes.ts';
import { oceanRun } from './ocean.ts';

interface Options {
  ocean: { outMs: number; backMs: number };
  lastMile: number;
  burst: number;
  loss: number;
  rooms: number;
  viewers: number;
  seconds: number;
  warm: number;
  seed: number;
  json?: boolean;
  save?: boolean;
}

function oceanOf(text: string): Options['ocean'] {
  const [out, back = out, ...more] = text.split('/').map(Number);
  if (out === undefined || back === undefined || more.length > 0 || !(out >= 0 && back >= 0)) {
    throw new InvalidArgumentError('one way in ms, or OUT/BACK');
  }
  return { outMs: out, backMs: back };
}

const options = new Command('lab')
  .description('Two regions of two relays on this machine, joined by an emulated ocean: what reaches whom, and when.')
  .option('--ocean <ms>', 'one way between the regions, or jp-to-us/us-to-jp', oceanOf, { outMs: 65, backMs: 65 })
  .option('--last-mile <ms>', 'one way between a phone and its relay', Number, 5)
  .option('--loss <percent>', 'share of the time in which the ocean loses all', Number, 0.5)
  .option('--burst <ms>', 'mean length of such a time', Number, 15)
  .option('--rooms <n>', 'rooms, each with a liver in both regions', Number, 10)
  .option('--viewers <n>', 'over all rooms and relays', Number, 200)
  .option('--seconds <n>', 'measured seconds', Number, 30)
  .option('--warm <n>', 'seconds of media before', Number, 20)
  .option('--seed <n>', 'of the emulated links', Number, 1)
  .option('--json', 'one JSON object')
  .option('--save', 'keep the result in lab/results/regions')
  .parse()
  .opts<Options>();

const before = load();
const { ocean, lastMile, burst, loss, rooms, viewers, seconds, warm, seed } = options;
const asked = {
  ocean,
  lastMileMs: lastMile,
  burstMs: burst,
  loss: loss / 100,
  rooms,
  viewers,
  seconds,
  warmSeconds: warm,
  seed,
};
const figures = await oceanRun(asked, (text) => process.stderr.write(`${text}\n`));
const result = {
  ...figures,
  command: `npm run lab -- ${process.argv.slice(2).join(' ')}`,
  at: new Date().toISOString(),
  commit: commit(),
  machine: machine(),
  load: { before, after: load() },
};
if (options.save) {
  const folder = join(root, 'lab', 'results', 'regions');
  mkdirSync(folder, { recursive: true });
  const name = `ocean-${ocean.outMs}-${ocean.backMs}-last-mile-${lastMile}-burst-${burst}`;
  writeFileSync(join(folder, `${name}.json`), `${JSON.stringify(result, null, 1)}\n`);
}
if (options.json) console.log(JSON.stringify(result));
else {
  for (const { from, to, floor_ms, motion, voice } of result.paths) {
    console.log(
      `${from} > ${to}  floor ${floor_ms} ms  motion p99 ${motion.presentation_ms.p99} ms exact ${motion.exact_ratio}  ` +
        `voice p99 ${voice.presentation_ms.p99} ms gaps ${voice.gap_ratio}`,
    );
  }
  console.log(JSON.stringify(result.social));
}
