// npm run fuzz -- [--inputs 20000000] [--seconds N] [--target NAME ...] [--seed N] [--keep-corpus] [--json] [--save]
import { Command, InvalidArgumentError } from 'commander';
import { report } from '../lib/report.ts';
import { fuzz, holds, NAMES } from './fuzz.ts';

interface Flags {
  inputs: number;
  seconds: number;
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

const { inputs, seconds, target, seed, keepCorpus, json, save } = new Command('fuzz')
  .description(
    'Coverage-guided fuzzing of what reads bytes from the network: libFuzzer with AddressSanitizer for Rust, V8 block coverage for TypeScript. Exit code 1: something broke, or a planted fault was not found.',
  )
  .option('--inputs <n>', 'of all targets together', number, 20_000_000)
  .option('--seconds <s>', 'of all targets together, at most', number, Number.POSITIVE_INFINITY)
  .option('--target <name...>', `part of a name, as often as wanted: ${NAMES.join(', ')}`, [])
  .option('--seed <n>', 'of all that is random', number, 1)
  .option('--keep-corpus', 'write what reached most into the corpora of the source', false)
  .option('--json', 'one JSON object')
  .option('--save', 'keep the result in lab/results/fuzz.json')
  .parse()
  .opts<Flags>();

const log = (text: string) => process.stderr.write(`${text}\n`);
const chosen = target.map((name) => ` --target ${name}`).join('');
const time = Number.isFinite(seconds) ? ` --seconds ${seconds}` : '';
const command = `npm run fuzz -- --inputs ${inputs}${time}${chosen} --seed ${seed}`;
const place = save ? { folder: '.', name: 'fuzz' } : undefined;
const result = await report({ command, json, save: place }, () =>
  fuzz({ inputs, seconds, seed, only: target, keepCorpus, log }),
);
for (const reason of result.skipped) log(`SKIPPED ${reason}`);
const controls = Object.values(result.controls);
if (result.crashes > 0 || !controls.every(holds)) process.exitCode = 1;
