import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BenchReport, benchFiles, type FileReport, type Profile } from '@hayate/codec/bench';
import { formatLiveLinkCsv, parseLiveLinkCsv } from '@hayate/codec/motion';
import { hayate } from '../../lib/processes.ts';
import { Checks, type Claim, type ClaimContext } from '../claim.ts';
import { DAO, FOUR, haveRecordings, pathOf, readFiles } from './data.ts';

const FIGURES = [
  'bytes_per_chain_unit',
  'bytes_per_key_unit',
  'bytes_per_frame',
  'max_error_steps',
  'mean_error_steps',
  'encode_us',
  'decode_us',
  'loss',
  'error',
];
const LOSS = ['kind', 'rate', 'repair', 'exact', 'p99_error', 'recovery_frames', 'bytes_per_datagram'];

interface Run {
  code: number;
  report: BenchReport | undefined;
  err: string;
}

async function codecBench(files: string[], ...flags: string[]): Promise<Run> {
  const child = hayate(['codec-bench', ...files, ...flags, '--json']);
  const code = await child.exited;
  const line = child.stdout.find((text) => text.startsWith('{'));
  return { code, report: line === undefined ? undefined : JSON.parse(line), err: child.stderr.join('\n') };
}

const sizesOf = (file: FileReport) => ({
  model: file.model.model,
  chain: file.bytes_per_chain_unit,
  key: file.bytes_per_key_unit,
  frame: file.bytes_per_frame,
  max_error_steps: file.max_error_steps,
});

function missingKeys(report: BenchReport): string[] {
  const missing: string[] = [];
  for (const [name, each] of [
    ...report.files.map((file) => [file.name, file] as const),
    ['total', report.total] as const,
  ]) {
    for (const key of FIGURES) if (!(key in each)) missing.push(`${name}.${key}`);
    for (const loss of each.loss) for (const key of LOSS) if (!(key in loss)) missing.push(`${name}.loss.${key}`);
    if (each.loss.length === 0) missing.push(`${name}.loss[]`);
  }
  return missing;
}

async function runTool(context: ClaimContext) {
  const checks = new Checks();
  if (!haveRecordings(checks)) return checks.outcome();
  const dir = mkdtempSync(join(tmpdir(), 'hayate-codec-bench-'));
  try {
    const names = [...FOUR, DAO];
    context.log('codec-bench of every recording');
    const whole = await codecBench(names.map(pathOf), '--profile', 'std', '--seeds', '1');
    checks.check(whole.code === 0 && whole.report !== undefined, `codec-bench ended with ${whole.code}: ${whole.err}`);
    if (whole.report === undefined) return checks.outcome();
    const missing = missingKeys(whole.report);
    checks.check(missing.length === 0, `not in the report: ${missing.join(', ')}`);
    for (const file of whole.report.files) {
      checks.figure(file.name, sizesOf(file));
      checks.check(file.mismatched === 0, `${file.name}: ${file.mismatched} frames decode to something else`);
    }
    checks.figure('total', { ...whole.report.mean_of_files, minutes: whole.report.total.minutes });

    context.log('the same under wrong names, cut, and two in one file');
    for (const [n, name] of names.entries()) {
      // Named as another recording is, so that a choice by name would be wrong.
      const path = join(dir, `${names[(n + 1) % names.length]}.csv`);
      const lines = readFileSync(pathOf(name), 'utf8').split('\n');
      const rows = lines.slice(Math.floor(lines.length / 4), Math.floor((lines.length * 3) / 4));
      writeFileSync(path, [lines[0], ...rows].join('\n'));
      const cut = await codecBench([path], '--profile', 'std', '--seeds', '0');
      const model = cut.report?.files[0]?.model;
      checks.figure(`${name}, its middle half under another name`, { model: model?.model ?? `exit ${cut.code}` });
      checks.check(
        model?.model === whole.report.files[n]!.model.model && model?.recording === name && model.unseen,
        `${name} cut and renamed got the model ${model?.model}: ${cut.err}`,
      );
    }
    const joined = join(dir, 'joined.csv');
    const [first, second] = [FOUR[2]!, FOUR[3]!].map((name) => readFileSync(pathOf(name), 'utf8').split('\n'));
    writeFileSync(joined, [...first!.slice(0, 800), ...second!.slice(1, 800)].join('\n'));
    const refused = await codecBench([joined], '--profile', 'std', '--seeds', '0');
    checks.figure('two recordings in one file', { exit_code: refused.code });
    checks.check(
      refused.code === 1 && refused.err.includes(FOUR[2]!) && refused.err.includes(FOUR[3]!),
      `two recordings in one file: exit code ${refused.code}, ${refused.err}`,
    );
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
  return checks.outcome();
}

/** The same recording with its head held still. */
function headStill(text: string): string {
  const rows = [...parseLiveLinkCsv(text.split('\n'))];
  for (const { frame } of rows) frame.values.fill(0, 52, 55);
  return [...formatLiveLinkCsv(rows, { fps: 60 })].join('\n');
}

const TARGETS: Record<string, { chain: number; frame: number }> = {
  std: { chain: 3.8, frame: 5.6 },
  hi: { chain: 5.3, frame: 7.3 },
};
const STRANGER_BYTES_PER_FRAME = 10;
/** A value on the edge between two steps may fall to either side in float32. */
const ERROR_STEPS = 1 + 1e-4;

async function runSizes(context: ClaimContext) {
  const checks = new Checks();
  if (!haveRecordings(checks)) return checks.outcome();
  const four = readFiles(FOUR);
  const bench = (profile: Profile, files = four, more = {}) =>
    benchFiles(files, { profile, seeds: [], onProgress: context.log, ...more });

  for (const profile of ['std', 'hi', 'lo'] as const) {
    const report = bench(profile);
    const { bytes_per_chain_unit: chain, bytes_per_key_unit: key, bytes_per_frame: frame } = report.mean_of_files;
    const { max_error_steps, mean_error_steps, minutes, error } = report.total;
    checks.figure(`${profile}, recording left out, mean of four`, {
      chain,
      key,
      frame,
      max_error_steps,
      mean_error_steps,
    });
    checks.figure(`${profile}, each`, Object.fromEntries(report.files.map((file) => [file.name, sizesOf(file)])));
    checks.figure(`${profile}, error by group`, error);
    const target = TARGETS[profile];
    if (target !== undefined) {
      checks.check(chain <= target.chain, `${profile}: ${chain} B a chain unit (target ${target.chain})`);
      checks.check(frame <= target.frame, `${profile}: ${frame} B a frame (target ${target.frame})`);
    }
    for (const file of report.files) {
      checks.check(
        file.max_error_steps <= ERROR_STEPS,
        `${profile}: ${file.name}: error of ${file.max_error_steps} steps`,
      );
      checks.check(
        file.mismatched === 0,
        `${profile}: ${file.name}: ${file.mismatched} frames decode to something else`,
      );
      checks.check(file.model.unseen && file.model.recording !== undefined, `${file.name}: the model has seen it`);
    }
    if (profile !== 'std') continue;
    checks.figure('measured on', { minutes, people: new Set(report.files.map((file) => file.model.person)).size });
    checks.figure(
      'trained on, for each',
      Object.fromEntries(report.files.map((file) => [file.name, file.model.trained_on])),
    );
  }

  const strangers = bench('std', four, { stranger: true });
  checks.figure(
    'std, nobody of the person seen',
    Object.fromEntries(
      strangers.files.map((file) => [file.name, { ...sizesOf(file), trained_on: file.model.trained_on }]),
    ),
  );
  const busiest = strangers.files.reduce((a, b) => (a.bytes_per_frame > b.bytes_per_frame ? a : b));
  checks.check(
    busiest.bytes_per_frame <= STRANGER_BYTES_PER_FRAME,
    `${busiest.name}, a stranger: ${busiest.bytes_per_frame} B a frame (target ${STRANGER_BYTES_PER_FRAME})`,
  );
  checks.check(
    strangers.files.every((file) => file.model.stranger),
    'a model has seen the person',
  );

  const dao = readFiles([DAO])[0]!;
  for (const fps of [60, 30]) {
    const moving = bench('std', [dao], { fps }).files[0]!;
    const still = bench('std', [{ ...dao, text: headStill(dao.text) }], { fps }).files[0]!;
    checks.check(moving.model.model === still.model.model, `${DAO}: another model with its head still`);
    checks.figure(`std, ${DAO} at ${fps} fps`, {
      ...sizesOf(moving),
      seconds: moving.frames / fps,
      frame_head_still: still.bytes_per_frame,
      head_adds: Number((moving.bytes_per_frame - still.bytes_per_frame).toFixed(2)),
    });
  }
  return checks.outcome();
}

export const codecBenchTool: Claim = {
  id: 'codec.1',
  title:
    'codec-bench prints sizes, errors, times, losses and repair of each recording, measured with a model that has not seen it: chosen by what is in the file, whatever its name, cut too; two recordings in one file are refused',
  seconds: 60,
  run: runTool,
};

export const codecSizes: Claim = {
  id: 'codec.2',
  title:
    'Left out of training, mean over the four 30 fps recordings: std at most 3.8 B a chain unit and 5.6 a frame, hi 5.3 and 7.3, error at most one step; a stranger at most 10 B a frame; what head motion adds',
  seconds: 60,
  run: runSizes,
};
