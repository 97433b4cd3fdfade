// npm run fuzz -- [--inputs 20000000] [--seconds N] [--jobs N] [--target NAME ...] [--seed N] [--keep-corpus] [--json] [--save]
import { Command, InvalidArgumentError } from 'commander';
import { report } from '../lib/report.ts';
import { fuzz, holds, NAMES } from './fuzz.ts';
import { keepFuzz } from './save.ts';

interface Flags {
  inputs: number;
  seconds: number;
  jobs: number;
  target: string[];
  seed: number;
  keepCorpus: boolean;
  json?: boolean;
  save?: boolean;
}

function number(text: string): number {
  const value = Number(text.replaceAll('_', ''));
  if (!(value > 0)) throw new InvalidArgumentError('a number over 0');
  return value;
}

function whole(text: string): number {
  if (!/^[1-9]\d*$/.test(text)) throw new InvalidArgumentError('a whole number over 0');
  return Number(text);
}

const { inputs, seconds, jobs, target, seed, keepCorpus, json, save } = new Command('fuzz')
  .description(
    'Coverage-guided fuzzing of what reads bytes from the network: libFuzzer with AddressSanitizer for Rust, V8 block coverage for TypeScript. Exit code 1: something broke, or a planted fault was not found.',
  )
  .option('--inputs <n>', 'of all targets together', number, 20_000_000)
  .option('--seconds <s>', 'times of all targets together, at most', number, Number.POSITIVE_INFINITY)
  .option('--jobs <n>', 'targets that run at once', whole, 1)
  .option('--target <name...>', `part of a name, as often as wanted: ${NAMES.join(', ')}`, [])
  .option('--seed <n>', 'of all that is random', number, 1)
  .option('--keep-corpus', 'write what reached most into the corpora of the source', false)
  .option('--json', 'one JSON object')
  .option('--save', 'keep the result in lab/results/fuzz.json, in the place of that of the same targets')
  .parse()
  .opts<Flags>();

const log = (text: string) => process.stderr.write(`${text}\n`);
const chosen = target.map((name) => ` --target ${name}`).join('');
const time = Number.isFinite(seconds) ? ` --seconds ${seconds}` : '';
const beside = jobs > 1 ? ` --jobs ${jobs}` : '';
const command = `npm run fuzz -- --inputs ${inputs}${time}${beside}${chosen} --seed ${seed}`;
const result = await report({ command, json }, () =>
  fuzz({ inputs, seconds, jobs, seed, only: target, keepCorpus, log }),
);
if (save) keepFuzz(result, command);
for (const reason of result.skipped) log(`SKIPPED ${reason}`);
const controls = Object.values(result.controls);
if (result.crashes > 0 || !controls.every(holds)) process.exitCode = 1;
