import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { root } from '../lib/processes.ts';
import { keepCorpus, keepCrash, kept } from './kept.ts';
import type { Amount, Progress, TargetResult } from './result.ts';

const engine = join(root, 'engine');
const targetDir = join(engine, 'target', 'fuzz');
/** A run may be stopped for minutes by who measures on this machine; libFuzzer counts that as the input's time. */
const INPUT_SECONDS = 1200;
/** One allocation, and all memory. */
const MALLOC_MB = 64;
const RSS_MB = 2048;
/** After so many the rest of a target's inputs is left. */
const MOST_CRASHES = 5;

export interface RustBuild {
  fuzz: string;
  inputs: string;
}

/** Why the Rust targets cannot be built here; undefined: they can. */
export function rustMissing(): string | undefined {
  if (process.platform !== 'linux') return 'the sanitizers are set up for Linux alone';
  const nightly = spawnSync('cargo', ['+nightly', '--version'], { encoding: 'utf8' });
  if (nightly.status !== 0) return 'no nightly Rust here: rustup toolchain install nightly';
  if (spawnSync('c++', ['--version']).status !== 0) return 'no C++ compiler here, which libFuzzer is built with';
  return undefined;
}

/** Builds libFuzzer with the targets and AddressSanitizer; minutes the first time. Throws when it does not build. */
export function buildRust(): RustBuild {
  const host = /^host: (.*)$/m.exec(execFileSync('rustc', ['+nightly', '-vV'], { encoding: 'utf8' }))![1]!;
  const args = [
    '+nightly',
    'build',
    '--profile',
    'fuzz',
    '--locked',
    '-p',
    'hayate-fuzz',
    '--features',
    'libfuzzer',
    '--bins',
  ];
  const env = {
    ...process.env,
    RUSTC_WRAPPER: join(engine, 'fuzz', 'instrument.sh'),
    RUSTFLAGS: '-Zsanitizer=address',
    CARGO_TERM_QUIET: 'true',
  };
  // With --target, build scripts and macros are left as they are.
  execFileSync('cargo', [...args, '--target', host, '--target-dir', targetDir], { cwd: engine, env, stdio: 'inherit' });
  const folder = join(targetDir, host, 'fuzz');
  return { fuzz: join(folder, 'hayate-fuzz'), inputs: join(folder, 'hayate-fuzz-inputs') };
}

export function rustTargets({ inputs }: RustBuild): { name: string; maxBytes: number }[] {
  return JSON.parse(execFileSync(inputs, ['list'], { encoding: 'utf8' }));
}

/** Mutated seeds that nobody learns from: how many found something. */
export function blind({ inputs }: RustBuild, target: string, count: number, seed: number): { found: number } {
  return JSON.parse(execFileSync(inputs, ['blind', target, String(count), String(seed)], { encoding: 'utf8' }));
}

interface Ended {
  inputs: number;
  edges: number;
  corpus: number;
  crashed: boolean;
  /** What a panic or the sanitizer said. */
  why: string;
}

function libFuzzer(binary: string, target: string, args: string[], onInputs: (inputs: number) => void): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const env = { ...process.env, HAYATE_FUZZ_TARGET: target, RUST_BACKTRACE: '0' };
    const child = spawn(binary, args, { env, stdio: ['ignore', 'ignore', 'pipe'] });
    const pass = () => child.kill('SIGTERM');
    process.once('exit', pass);
    const end: Ended = { inputs: 0, edges: 0, corpus: 0, crashed: false, why: '' };
    createInterface({ input: child.stderr }).on('line', (line) => {
      const at = /^#(\d+)\s+\S+.*cov: (\d+).*corp: (\d+)/.exec(line);
      if (at) {
        [end.inputs, end.edges, end.corpus] = [Number(at[1]), Number(at[2]), Number(at[3])];
        onInputs(end.inputs);
      }
      const units = /^stat::number_of_executed_units:\s+(\d+)/.exec(line);
      if (units) end.inputs = Number(units[1]);
      if (/^thread .* panicked at |^SUMMARY: |ERROR: /.test(line) && end.why === '')
        end.why = line.replace(/^==\d+==\s*/, '');
    });
    child.once('error', reject);
    child.once('close', (code) => {
      process.off('exit', pass);
      end.crashed = code !== 0;
      resolve(end);
    });
  });
}

const hexOf = (path: string) => readFileSync(path).toString('hex');

/** Runs one target until its inputs or its time are used up. A crash is kept for the tests. */
export async function runRust(
  build: RustBuild,
  { name, maxBytes }: { name: string; maxBytes: number },
  { inputs, seconds, seed, keep, first = false }: Amount,
  onProgress: Progress,
): Promise<TargetResult> {
  const work = mkdtempSync(join(tmpdir(), `hayate-fuzz-${name}-`));
  const [corpus, crashes, merged] = ['corpus', 'crashes', 'merged'].map((each) => join(work, each)) as [
    string,
    string,
    string,
  ];
  for (const each of [corpus, crashes, merged]) mkdirSync(each);
  try {
    execFileSync(build.inputs, ['seeds', name, corpus], { stdio: 'ignore' });
    for (const [at, hex] of kept('rust', 'corpus', name).entries()) {
      writeFileSync(join(corpus, `kept-${at}`), Buffer.from(hex, 'hex'));
    }
    const limits = [
      `-max_len=${maxBytes}`,
      `-timeout=${INPUT_SECONDS}`,
      `-rss_limit_mb=${RSS_MB}`,
      `-malloc_limit_mb=${MALLOC_MB}`,
    ];
    // Engines outlive inputs, so leaks are seen by what they count. The entropic schedule costs more than an input of thousands of edges.
    const cheap = ['-detect_leaks=0', '-entropic=0', '-reload=0'];
    const told = ['-print_funcs=0', '-print_final_stats=1'];
    const result: TargetResult = { language: 'rust', inputs: 0, seconds: 0, coverage: 0, corpus: 0, crashes: 0 };
    const since = performance.now();
    const passed = () => (performance.now() - since) / 1000;
    while (result.inputs < inputs && passed() < seconds && result.crashes < (first ? 1 : MOST_CRASHES)) {
      const left = Math.max(1, Math.floor(seconds - passed()));
      const runs = [`-runs=${inputs - result.inputs}`, `-max_total_time=${Number.isFinite(left) ? left : 0}`];
      const onInputs = (done: number) => onProgress(result.inputs + done, inputs, result.crashes);
      const args = [
        corpus,
        ...runs,
        `-seed=${seed + result.crashes}`,
        `-artifact_prefix=${crashes}/`,
        ...limits,
        ...cheap,
        ...told,
      ];
      const end = await libFuzzer(build.fuzz, name, args, onInputs);
      result.inputs += end.inputs;
      result.coverage = Math.max(result.coverage, end.edges);
      result.corpus = Math.max(result.corpus, end.corpus);
      if (!end.crashed) break;
      result.crashes += 1;
      const files = readdirSync(crashes).map((file) => join(crashes, file));
      if (files.length === 0) throw new Error(`${name}: libFuzzer failed: ${end.why}`);
      for (const file of files) {
        if (keep.crashes) keepCrash('rust', name, hexOf(file), end.why);
        rmSync(file);
      }
    }
    result.seconds = Math.round(passed());
    if (keep.corpus) {
      await libFuzzer(build.fuzz, name, ['-merge=1', merged, corpus, ...limits, '-print_funcs=0'], () => {});
      keepCorpus(
        'rust',
        name,
        readdirSync(merged).map((file) => hexOf(join(merged, file))),
      );
    }
    return result;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
