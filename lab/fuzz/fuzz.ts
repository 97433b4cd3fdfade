import { runTarget } from './guided/run-target.ts';
import { keepCorpus, keepCrash, kept } from './kept.ts';
import type { Amount, Control, FuzzResult, TargetResult } from './result.ts';
import { blind, buildRust, type RustBuild, runRust, rustMissing, rustTargets } from './rust.ts';
import { PLANTED } from './targets/index.ts';

/** Parts of the inputs, in proportion: by what a target's inputs cost and how much there is behind it. */
const SHARES: Record<string, number> = {
  'rust:bundle': 30,
  'rust:media_ops': 15,
  'rust:h3': 30,
  'rust:first_packets': 1,
  'rust:listener': 2,
  'rust:dialler': 1,
  'typescript:bundle': 20,
  'typescript:repair': 25,
  'typescript:messages': 20,
  'typescript:face': 10,
  'typescript:clock': 15,
  'typescript:websocket': 15,
  'typescript:token': 2,
  'typescript:ticket': 1,
  'typescript:http': 1,
  'typescript:service': 1,
};
/** The planted fault must be found within these. */
const CONTROL_INPUTS = 2_000_000;
const LOG_MS = 10_000;

export interface FuzzOptions {
  /** Of all targets together. */
  inputs: number;
  /** Times of all targets together, at most. */
  seconds: number;
  /** Targets that run at once. */
  jobs: number;
  seed: number;
  /** Parts of names, such as `rust` or `messages`; none: all. */
  only: readonly string[];
  keepCorpus: boolean;
  log(text: string): void;
}

function shares(only: readonly string[]): [string, number][] {
  const chosen = Object.entries(SHARES).filter(
    ([name]) => only.length === 0 || only.some((part) => name.includes(part)),
  );
  const sum = chosen.reduce((all, [, share]) => all + share, 0);
  return chosen.map(([name, share]) => [name, share / sum]);
}

/** Names that can be asked for. */
export const NAMES = Object.keys(SHARES);

function progress(name: string, log: FuzzOptions['log']) {
  const since = Date.now();
  let nextMs = since + LOG_MS;
  return (done: number, inputs: number, crashes: number) => {
    const nowMs = Date.now();
    if (nowMs < nextMs) return;
    nextMs = nowMs + LOG_MS;
    const rate = Math.round((1000 * done) / (nowMs - since));
    log(
      `${name}: ${(done / 1e6).toFixed(2)} of ${(inputs / 1e6).toFixed(2)} million inputs, ${rate}/s, ${crashes} crashes`,
    );
  };
}

async function runTypeScript(name: string, amount: Amount, log: FuzzOptions['log']): Promise<TargetResult> {
  const told = progress(`typescript:${name}`, log);
  const { inputs, seconds, seed, keep } = amount;
  const task = {
    target: name,
    seed,
    inputs,
    seconds,
    corpus: kept('typescript', 'corpus', name),
    learns: true,
    first: false,
  };
  const end = await runTarget(task, (report) => told(report.inputs, inputs, report.crashes));
  for (const { hex, error } of end.crashes) {
    log(`typescript:${name}: ${error}`);
    if (keep.crashes) keepCrash('typescript', name, hex, error);
  }
  if (keep.corpus) keepCorpus('typescript', name, end.corpus);
  const { blocks: coverage, corpus, crashes, ...rest } = end.report;
  return { language: 'typescript', inputs: rest.inputs, seconds: Math.round(rest.seconds), coverage, corpus, crashes };
}

async function typescriptControl(seed: number): Promise<Control> {
  const task = {
    target: PLANTED,
    seed,
    inputs: CONTROL_INPUTS,
    seconds: Number.POSITIVE_INFINITY,
    corpus: [],
    first: true,
  };
  const guided = await runTarget({ ...task, learns: true });
  const { inputs, crashes } = guided.report;
  const unguided = await runTarget({ ...task, inputs, learns: false });
  return {
    found_after: crashes > 0 ? inputs : null,
    blind_inputs: unguided.report.inputs,
    blind_found: unguided.report.crashes,
  };
}

async function rustControl(build: RustBuild, seed: number): Promise<Control> {
  const planted = rustTargets(build).find(({ name }) => name === PLANTED)!;
  const amount = {
    inputs: CONTROL_INPUTS,
    seconds: Number.POSITIVE_INFINITY,
    seed,
    keep: { crashes: false, corpus: false },
  };
  const { inputs, crashes } = await runRust(build, planted, { ...amount, first: true }, () => {});
  const { found } = blind(build, PLANTED, inputs, seed);
  return { found_after: crashes > 0 ? inputs : null, blind_inputs: inputs, blind_found: found };
}

/** Runs the controls, then the targets; what the machine has no tools for is left out and said. */
export async function fuzz(options: FuzzOptions): Promise<FuzzResult> {
  const { inputs, seconds, jobs, seed, only, log } = options;
  const result: FuzzResult = { inputs: 0, crashes: 0, targets: {}, controls: {}, skipped: [] };
  const all = shares(only);
  let build: RustBuild | undefined;
  if (all.some(([name]) => name.startsWith('rust:'))) {
    const missing = rustMissing();
    if (missing !== undefined) result.skipped.push(`the Rust targets: ${missing}`);
    else {
      log('building the Rust targets');
      build = buildRust();
      result.controls.rust = await rustControl(build, seed);
    }
  }
  if (all.some(([name]) => name.startsWith('typescript:'))) result.controls.typescript = await typescriptControl(seed);
  const rust = build === undefined ? [] : rustTargets(build);

  async function run(full: string, share: number): Promise<TargetResult | undefined> {
    const [language, name] = full.split(':') as [string, string];
    const keep = { crashes: true, corpus: options.keepCorpus };
    const amount: Amount = { inputs: Math.ceil(inputs * share), seconds: seconds * share, seed, keep };
    if (language === 'typescript') return runTypeScript(name, amount, log);
    const target = rust.find((each) => each.name === name);
    return build && target && runRust(build, target, amount, progress(full, log));
  }

  const done = new Map<string, TargetResult>();
  const waiting = [...all];
  async function work(): Promise<void> {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      const [name, share] = next;
      const end = await run(name, share);
      if (end === undefined) continue;
      done.set(name, end);
      log(`${name}: ${JSON.stringify(end)}`);
    }
  }
  await Promise.all(Array.from({ length: jobs }, work));
  for (const [name] of all) {
    const end = done.get(name);
    if (end === undefined) continue;
    result.targets[name] = end;
    result.inputs += end.inputs;
    result.crashes += end.crashes;
  }
  return result;
}

/** What a control must show: coverage leads to the fault, and blind inputs of the same number do not. */
export function holds({ found_after, blind_found }: Control): boolean {
  return found_after !== null && blind_found === 0;
}
