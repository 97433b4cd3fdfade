import { writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { targetOf } from '../domain/rig.ts';
import { ConfigError, EXIT, textOf } from '../errors.ts';
import { exportData, type SummaryData, summaryData } from '../report/data.ts';
import { reportHtml } from '../report/html.ts';
import { type JsonOutput, openJsonOutput } from '../report/json.ts';
import { Parts } from '../report/parts.ts';
import { planText, progressLines } from '../report/progress.ts';
import { watchRelay } from '../report/relay-watch.ts';
import { Series } from '../report/series.ts';
import { type SummaryMode, summaryText } from '../report/summary.ts';
import { type Environment, systemEnvironment } from '../runner/environment.ts';
import { loadScript, ScriptError } from '../runner/load.ts';
import { readOptions, type ScriptOptions } from '../runner/options.ts';
import type { RunLog, TestResult, TestRun } from '../runner/run.ts';
import type { Script } from '../runner/script.ts';
import { inScope } from '../runner/vu.ts';

const PROGRESS_MS = 1000;
const PROGRESS_TTY_MS = 200;

export interface LoadtestFlags {
  /** Over the script's own. */
  options: ScriptOptions;
  env: Record<string, string>;
  summaryMode: SummaryMode;
  summaryExport: string | undefined;
  /** `json=FILE` */
  out: readonly string[];
  /** HTML with plots over time. */
  report: string | undefined;
  quiet: boolean;
  color: boolean;
}

/** Where a test writes; `tty`: it may redraw. */
export interface Terminal {
  out(text: string): void;
  err(text: string): void;
  tty: boolean;
}

/**
 * Runs a script from its import to its summary; resolves with k6's exit code and throws nothing.
 * @param interrupt aborts on Ctrl-C: the test ends with a whole summary and 105
 */
export async function runLoadtest(
  file: string,
  flags: LoadtestFlags,
  terminal: Terminal,
  interrupt: AbortSignal,
  environment: Environment = systemEnvironment,
): Promise<number> {
  const log = logTo(terminal, environment);
  let run: TestRun;
  let script: Script;
  let outputs: JsonOutput[];
  let parts: Parts | undefined;
  try {
    ({ run, script } = await loadScript(file, flags.env, environment, log));
    if (flags.summaryMode === 'full') parts = new Parts(run.registry);
    run.prepare(script, readOptions(script.options, flags.options));
    for (const name of run.registry.unknown()) {
      throw new ConfigError(`a threshold is on ${name}, and no metric has that name`);
    }
    outputs = flags.out.map((each) => openOutput(run, each));
  } catch (error) {
    log.error(error instanceof ConfigError || error instanceof ScriptError ? error.message : textOf(error));
    return error instanceof ConfigError ? EXIT.invalidConfig : EXIT.scriptException;
  }
  const onInterrupt = () => run.abort({ exitCode: EXIT.externalAbort, reason: 'the test was interrupted' });
  if (interrupt.aborted) onInterrupt();
  interrupt.addEventListener('abort', onInterrupt);
  if (!flags.quiet) terminal.out(planText(run, file, flags.out));
  const series = flags.report === undefined ? undefined : new Series(run.registry, environment);
  const metricsAddress = targetOf(run)?.metricsAddress;
  const stopWatching = series && metricsAddress ? watchRelay(metricsAddress, series, environment) : () => {};
  const stopProgress = flags.quiet ? () => {} : showProgress(run, terminal, environment);
  let result: TestResult;
  try {
    result = await run.run();
  } finally {
    stopProgress();
    stopWatching();
    series?.close();
    interrupt.removeEventListener('abort', onInterrupt);
  }
  const summarised = await summarise({ run, script, parts }, flags, terminal, log);
  if (series && flags.report !== undefined) {
    writeReport(flags.report, { run, result, series, file }, log);
  }
  for (const output of outputs) await closeOutput(output, log);
  if (result.abort) log.error(result.abort.reason);
  if (result.crossed.length > 0) {
    log.error(`thresholds on metrics '${result.crossed.join(', ')}' have been crossed`);
  }
  return result.exitCode === EXIT.ok && !summarised ? EXIT.scriptException : result.exitCode;
}

function openOutput(run: TestRun, text: string): JsonOutput {
  const found = /^json=(.+)$/.exec(text);
  if (!found) throw new ConfigError(`--out ${text} is not known here: write json=FILE or json=FILE.gz`);
  return openJsonOutput(run.registry, found[1]!);
}

async function closeOutput(output: JsonOutput, log: RunLog): Promise<void> {
  try {
    await output.close();
    if (output.dropped() > 0)
      log.warn(`${output.dropped()} samples are missing in the JSON output: the disk was too slow`);
  } catch (error) {
    log.error(`the JSON output broke: ${textOf(error)}`);
  }
}

/** False when the script's handleSummary failed; then the usual text is shown. */
async function summarise(
  { run, script, parts }: { run: TestRun; script: Script; parts: Parts | undefined },
  flags: LoadtestFlags,
  terminal: Terminal,
  log: RunLog,
): Promise<boolean> {
  const data = summaryData(run, { out: terminal.tty, err: terminal.tty });
  let good = true;
  let own: Record<string, unknown> | undefined;
  if (script.handleSummary) {
    try {
      own = (await inScope(run.outerScope(), () => script.handleSummary!(data))) as Record<string, unknown>;
    } catch (error) {
      log.error(`handleSummary(): ${textOf(error)}`);
      good = false;
    }
  }
  if (own) writeSummaries(own, terminal, log);
  else if (flags.summaryMode !== 'disabled') {
    terminal.out(summaryText(data, { color: flags.color, checks: run.checks.inOrder, parts }));
  }
  if (flags.summaryExport !== undefined) writeExport(flags.summaryExport, data, log);
  return good;
}

/** What handleSummary returned: text by `stdout`, `stderr` or a file's path. */
function writeSummaries(texts: Record<string, unknown>, terminal: Terminal, log: RunLog): void {
  for (const [where, value] of Object.entries(texts)) {
    const text = value instanceof ArrayBuffer ? new Uint8Array(value) : String(value);
    if (where === 'stdout') terminal.out(String(value));
    else if (where === 'stderr') terminal.err(String(value));
    else {
      try {
        writeFileSync(where, text);
      } catch (error) {
        log.error(`handleSummary: ${where} cannot be written: ${textOf(error)}`);
      }
    }
  }
}

function writeExport(file: string, data: SummaryData, log: RunLog): void {
  try {
    writeFileSync(file, `${JSON.stringify(exportData(data), null, 4)}\n`);
  } catch (error) {
    log.error(`--summary-export ${file} cannot be written: ${textOf(error)}`);
  }
}

function writeReport(
  where: string,
  of: { run: TestRun; result: TestResult; series: Series; file: string },
  log: RunLog,
): void {
  const { run, result, series, file } = of;
  const data = summaryData(run, { out: false, err: false });
  const target = targetOf(run);
  const facts = {
    script: basename(file),
    at: new Date(run.environment.dateMs()).toISOString(),
    exitCode: result.exitCode,
    durationMs: result.durationMs,
    clock: clockWords(run),
    target: target?.url,
  };
  const text = summaryText(data, { color: false, checks: run.checks.inOrder, parts: undefined });
  try {
    writeFileSync(where, reportHtml(facts, data, series, text));
  } catch (error) {
    log.error(`--report ${where} cannot be written: ${textOf(error)}`);
  }
}

/** Whether lag in this test is by one clock or estimated. */
function clockWords(run: TestRun): string {
  const uncertainty = run.registry.get('clock_uncertainty')?.sink;
  if (!uncertainty || uncertainty.empty) return 'no lag measured';
  const most = uncertainty.figure('max', 1)!;
  if (most === 0) return 'lag by one clock: livers and viewers of this process';
  return `lag by clock estimates, each within ± ${most.toFixed(1)} ms`;
}

function showProgress(run: TestRun, terminal: Terminal, environment: Environment): () => void {
  let drawn = 0;
  const draw = () => {
    const lines = progressLines(run, terminal.tty);
    if (terminal.tty && drawn > 0) terminal.out(`\u001b[${drawn}A\u001b[0J`);
    terminal.out(`${lines.join('\n')}\n${terminal.tty ? '' : '\n'}`);
    drawn = lines.length;
  };
  let timer: unknown;
  const arm = () => {
    timer = environment.setTimer(
      () => {
        draw();
        arm();
      },
      terminal.tty ? PROGRESS_TTY_MS : PROGRESS_MS,
    );
  };
  arm();
  return () => {
    environment.clearTimer(timer);
    draw();
  };
}

/** Lines as k6 logs them where no terminal is. */
function logTo(terminal: Terminal, environment: Environment): RunLog {
  const line = (level: string, text: string) => {
    const time = `${new Date(environment.dateMs()).toISOString().slice(0, 19)}Z`;
    terminal.err(`time="${time}" level=${level} msg=${JSON.stringify(text)}\n`);
  };
  return { warn: (text) => line('warning', text), error: (text) => line('error', text) };
}
