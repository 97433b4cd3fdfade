import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import type { BenchFigures, BenchReport, Profile } from '@hayate/codec/bench';
import { HayateError } from '@hayate/codec/errors';
import { Command, InvalidArgumentError, Option } from 'commander';
import { numberFrom } from '../usage.ts';

interface CodecBenchOptions {
  profile: Profile;
  keyInterval: number;
  fps?: number;
  stranger?: true;
  seeds: number;
  json?: true;
}

export function codecBenchCommand(): Command {
  return new Command('codec-bench')
    .description('Measure the motion codec on Live Link Face recordings: bytes, errors, time, losses and repair.')
    .argument('<file.csv...>', 'recordings; each is measured with a model that has not seen it, by what is in it')
    .addOption(new Option('--profile <profile>', 'quantiser').choices(['std', 'hi', 'lo']).default('std'))
    .option('--key-interval <frames>', 'from key to key', wholeFrom(1, 100_000), 8)
    .option('--fps <n>', 'thin the recordings to so many frames a second', wholeFrom(1, 120))
    .option('--stranger', "with a model that has seen nobody of the recording's person")
    .option('--seeds <n>', 'runs of each kind of loss, seeds 1 to n; 0 for none', wholeFrom(0, 1000), 4)
    .option('--json', 'the report as one JSON line')
    .addHelpText('after', '\nExample:\n  hayate codec-bench face.csv --profile std --json')
    .action(run);
}

async function run(paths: string[], options: CodecBenchOptions): Promise<void> {
  const files = paths.map((path) => ({ name: basename(path), text: read(path) }));
  // Here and not above: the models weigh megabytes, and the other verbs need none.
  const { benchFiles } = await import('@hayate/codec/bench');
  const report = benchFiles(files, {
    profile: options.profile,
    keyInterval: options.keyInterval,
    seeds: Array.from({ length: options.seeds }, (_, n) => n + 1),
    ...(options.fps !== undefined && { fps: options.fps }),
    ...(options.stranger && { stranger: true }),
    onProgress: (text) => process.stderr.write(`${text}\n`),
  });
  process.stdout.write(options.json ? `${JSON.stringify(report)}\n` : `${formatReport(report)}\n`);
}

function wholeFrom(min: number, max: number): (text: string) => number {
  const parse = numberFrom(min, max);
  return (text) => {
    const value = parse(text);
    if (!Number.isInteger(value)) throw new InvalidArgumentError('It wants a whole number.');
    return value;
  };
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new HayateError('invalid_argument', `cannot read ${path}`, { cause });
  }
}

/** For people; the JSON has the rest. */
function formatReport(report: BenchReport): string {
  const { total, files, seeds } = report;
  const runs = seeds.length > 0 ? `, losses with seeds ${seeds.join(' ')}` : '';
  const row = (name: string, each: BenchFigures, tail: string): string[] => [
    name,
    String(each.frames),
    each.minutes.toFixed(2),
    each.bytes_per_chain_unit.toFixed(2),
    each.bytes_per_key_unit.toFixed(2),
    each.bytes_per_frame.toFixed(2),
    each.max_error_steps.toFixed(2),
    each.mean_error_steps.toFixed(2),
    each.encode_us.toFixed(1),
    each.decode_us.toFixed(1),
    tail,
  ];
  const sizes = [
    ['', 'frames', 'min', 'B/chain', 'B/key', 'B/frame', 'max err', 'mean', 'enc us', 'dec us', 'model'],
    ...files.map((file) => {
      const { model, stranger, unseen } = file.model;
      const note = unseen ? (stranger ? ' (a stranger)' : '') : ' (too short to tell whether it was seen)';
      return row(file.name, file, `${model}${note}`);
    }),
    row('total', total, ''),
  ];
  const losses = [
    ['loss', 'repair', 'exact %', 'p99 error', 'recovery', 'p95', 'B/datagram'],
    ...total.loss.map((each) => [
      `${each.kind} ${each.rate * 100} %`,
      each.repair,
      (each.exact * 100).toFixed(2),
      each.p99_error.toFixed(3),
      each.recovery_frames?.mean.toFixed(2) ?? '-',
      String(each.recovery_frames?.p95 ?? '-'),
      each.bytes_per_datagram.toFixed(2),
    ]),
  ];
  const groups = [
    ['error', 'mean', 'p99'],
    ...Object.entries(total.error).map(([name, { mean, p99 }]) => [name, mean.toFixed(4), p99.toFixed(4)]),
  ];
  const head = `profile ${report.profile}, a key each ${report.key_interval} frames${runs}; errors in quantiser steps`;
  const tables = [sizes, ...(total.loss.length > 0 ? [losses] : []), groups];
  return [head, ...tables.map(formatTable)].join('\n\n');
}

/** First column to the left, the rest to the right, but for words after the last number. */
function formatTable(rows: string[][]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((cells) => cells[column]!.length)));
  const left = (column: number) => column === 0 || rows.every((cells) => !/^[\d.-]/.test(cells[column]!));
  const lines = rows.map((cells) =>
    cells
      .map((cell, n) => (left(n) ? cell.padEnd(widths[n]!) : cell.padStart(widths[n]!)))
      .join('  ')
      .trimEnd(),
  );
  return lines.join('\n');
}
