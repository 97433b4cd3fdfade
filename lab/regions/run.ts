// npm run lab -- --ocean 65 --last-mile 5 --json
import { Command, InvalidArgumentError } from 'commander';
import { report } from '../lib/report.ts';
import { oceanRun } from './ocean.ts';

const ROOMS = 10;
const VIEWERS = 200;

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
  .option('--rooms <n>', 'rooms, each with a liver in both regions', Number, ROOMS)
  .option('--viewers <n>', 'over all rooms and relays', Number, VIEWERS)
  .option('--seconds <n>', 'measured seconds', Number, 30)
  .option('--warm <n>', 'seconds of media before', Number, 20)
  .option('--seed <n>', 'of the emulated links', Number, 1)
  .option('--json', 'one JSON object')
  .option('--save', 'keep the result in lab/results/regions')
  .parse()
  .opts<Options>();

const { ocean, lastMile, burst, loss, rooms, viewers, seconds, warm, seed } = options;
const asked = {
  ...{ ocean, lastMileMs: lastMile, burstMs: burst, loss: loss / 100, rooms, viewers, seconds },
  ...{ warmSeconds: warm, seed },
};
const { outMs, backMs } = ocean;
const command =
  `npm run lab -- --ocean ${outMs}/${backMs} --last-mile ${lastMile} --loss ${loss} --burst ${burst} --rooms ${rooms} ` +
  `--viewers ${viewers} --seconds ${seconds} --warm ${warm} --seed ${seed}`;
const crowd = rooms === ROOMS && viewers === VIEWERS ? '' : `-rooms-${rooms}-viewers-${viewers}`;
const name = `ocean-${outMs}-${backMs}-last-mile-${lastMile}-burst-${burst}${crowd}`;
const save = options.save ? { folder: 'regions', name } : undefined;
await report({ command, json: options.json, save }, () => oceanRun(asked, (text) => process.stderr.write(`${text}\n`)));
