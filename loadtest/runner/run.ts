import { EXIT, Interrupted, textOf } from '../errors.ts';
import { type Metric, Registry, type Series, type Tags } from '../metrics/registry.ts';
import { evaluateThreshold } from '../metrics/threshold.ts';
import { CheckTree } from './checks.ts';
import type { Environment } from './environment.ts';
import type { Options } from './options.ts';
import { ScenarioRun } from './scenario-run.ts';
import { functionOf, type Script, type ScriptFunction } from './script.ts';
import { inScope, type Scope, type Vu } from './vu.ts';

/** k6 looks at thresholds so often. */
const THRESHOLD_PERIOD_MS = 2000;
const GAUGE_PERIOD_MS = 1000;

/** Why a test ended before its time. */
export interface Abort {
  exitCode: number;
  reason: string;
}

export interface RunLog {
  warn(text: string): void;
  error(text: string): void;
}

/** The metrics that every test has. */
export interface BuiltIn {
  checks: Metric;
  dataReceived: Metric;
  dataSent: Metric;
  groupDuration: Metric;
  iterationDuration: Metric;
  iterations: Metric;
  droppedIterations: Metric;
  vus: Metric;
  vusMax: Metric;
}

export interface TestResult {
  exitCode: number;
  abort: Abort | undefined;
  durationMs: number;
  /** Metrics whose thresholds do not hold. */
  crossed: string[];
  interrupted: number;
}

/** One test from setup to teardown. `create` the metrics of the script before `start`, `run` once. */
export class TestRun {
  readonly environment: Environment;
  readonly log: RunLog;
  readonly registry: Registry;
  readonly metrics: BuiltIn;
  readonly checks = new CheckTree();
  readonly scenarios: ScenarioRun[] = [];
  readonly #abort = new AbortController();
  readonly #vus: Vu[] = [];
  readonly #freeVus: Vu[] = [];
  readonly #cleanups: (() => void | Promise<void>)[] = [];
  #aborted: Abort | undefined;
  #marked = false;
  #options: Options | undefined;
  #script: Script | undefined;
  #startedMs = 0;
  #endedMs: number | undefined;
  #data = '';
  activeVus = 0;
  completed = 0;
  interrupted = 0;

  constructor(environment: Environment, log: RunLog) {
    this.environment = environment;
    this.log = log;
    this.registry = new Registry(() => environment.dateMs());
    const { registry } = this;
    this.metrics = {
      checks: registry.create('checks', 'rate'),
      dataReceived: registry.create('data_received', 'counter', 'data'),
      dataSent: registry.create('data_sent', 'counter', 'data'),
      groupDuration: registry.create('group_duration', 'trend', 'time'),
      iterationDuration: registry.create('iteration_duration', 'trend', 'time'),
      iterations: registry.create('iterations', 'counter'),
      droppedIterations: registry.create('dropped_iterations', 'counter'),
      vus: registry.create('vus', 'gauge'),
      vusMax: registry.create('vus_max', 'gauge'),
    };
  }

  get options(): Options {
    return this.#options!;
  }

  /** Aborts when the test ends before its time. */
  get aborted(): AbortSignal {
    return this.#abort.signal;
  }

  /** Since the first scenario began, ms; stands still after the last has ended. */
  get durationMs(): number {
    if (this.#startedMs === 0) return 0;
    return (this.#endedMs ?? this.environment.nowMs()) - this.#startedMs;
  }

  get vuCount(): number {
    return this.#vus.length;
  }

  /** Checks what can be checked before anything runs. Throws ConfigError. */
  prepare(script: Script, options: Options): void {
    this.#script = script;
    this.#options = options;
    for (const { metric, thresholds } of options.thresholds) this.registry.watch(metric, thresholds);
    this.scenarios.push(
      ...options.scenarios.map((scenario) => new ScenarioRun(this, scenario, functionOf(script, scenario))),
    );
    const planned = options.scenarios.reduce((sum, { vus, maxVus, executor }) => {
      return sum + (executor === 'ramping-vus' ? maxVus : vus);
    }, 0);
    for (let made = 0; made < planned; made++) this.#freeVus.push(this.#newVu());
  }

  /** Ends the test early; the first reason counts. Everything that runs is cut short. */
  abort(abort: Abort): void {
    if (this.#aborted) return;
    this.#aborted = abort;
    this.#abort.abort(new Interrupted(abort.reason));
  }

  /** `exec.test.fail()`: the test goes on and ends with 110. */
  markFailed(): void {
    this.#marked = true;
  }

  async run(): Promise<TestResult> {
    const script = this.#script!;
    const { setupTimeoutMs, teardownTimeoutMs } = this.options;
    let scriptFailed: number | undefined;
    const stage = async (what: string, work: ScriptFunction, ms: number, code: number, data?: unknown) => {
      const outcome = await this.#limited(what, work, ms, data);
      if (outcome.kind === 'value') return outcome.value;
      if (outcome.kind === 'timeout') {
        this.log.error(`${what}() execution timed out after ${ms / 1000} seconds`);
        scriptFailed ??= code;
      } else if (!(outcome.error instanceof Interrupted)) {
        this.log.error(`${what}(): ${textOf(outcome.error)}`);
        scriptFailed ??= EXIT.scriptException;
      }
      return undefined;
    };

    if (script.setup) {
      const data = await stage('setup', script.setup, setupTimeoutMs, EXIT.setupTimeout);
      // As k6: each VU has its own copy of what JSON keeps of it.
      this.#data = data === undefined ? '' : JSON.stringify(data);
    }
    if (scriptFailed === undefined && !this.aborted.aborted) await this.#load();
    if (script.teardown && scriptFailed === undefined) {
      await stage('teardown', script.teardown, teardownTimeoutMs, EXIT.teardownTimeout, this.setupData());
    }
    for (const cleanup of this.#cleanups.reverse()) {
      await Promise.resolve(cleanup()).catch((error: unknown) => this.log.warn(textOf(error)));
    }
    const crossed = this.#evaluate();
    return {
      exitCode: this.#exitCode(scriptFailed, crossed),
      abort: this.#aborted,
      durationMs: this.durationMs,
      crossed,
      interrupted: this.interrupted,
    };
  }

  /** A copy of what setup returned. */
  setupData(): unknown {
    return this.#data === '' ? undefined : JSON.parse(this.#data);
  }

  /** A scope for code outside of iterations: `part` is `setup` or `teardown`. */
  outerScope(part = '', signal: AbortSignal = this.aborted): Scope {
    const tags = { ...this.options.tags, group: part && `::${part}` };
    const base = { run: this, vu: undefined, scenario: undefined, iteration: 0, pending: undefined };
    // What setup opened stays open until the test is over.
    const onEnd = (cleanup: () => void) => void this.#cleanups.push(cleanup);
    return { ...base, tags, group: this.checks.root, signal, onEnd };
  }

  /** Runs once the test is over: what all its users share is closed. */
  onEnd(cleanup: () => Promise<void>): void {
    this.#cleanups.push(cleanup);
  }

  /** The lowest free VU, or a new one while the scenario may have it. */
  takeVu(mayGrow: boolean): Vu | undefined {
    const vu = this.#freeVus.shift() ?? (mayGrow ? this.#newVu() : undefined);
    if (vu) this.activeVus += 1;
    return vu;
  }

  giveVu(vu: Vu): void {
    this.activeVus -= 1;
    this.#freeVus.push(vu);
  }

  /** Adds one sample. For what comes often, keep a Series. */
  sample(metric: Metric, value: number, tags: Tags): void {
    this.series(metric, tags).add(value);
  }

  series(metric: Metric, tags: Tags): Series {
    return this.registry.series(metric, tags);
  }

  async #load(): Promise<void> {
    this.#startedMs = this.environment.nowMs();
    const ticking = [
      this.#every(GAUGE_PERIOD_MS, () => this.#gauges()),
      this.#every(THRESHOLD_PERIOD_MS, () => this.#look()),
    ];
    try {
      await Promise.all(this.scenarios.map((scenario) => scenario.run(this.#startedMs)));
    } finally {
      this.#endedMs = this.environment.nowMs();
      for (const stop of ticking) stop();
    }
  }

  #gauges(): void {
    this.sample(this.metrics.vus, this.activeVus, this.options.tags);
    this.sample(this.metrics.vusMax, this.#vus.length, this.options.tags);
  }

  #every(periodMs: number, work: () => void): () => void {
    let timer: unknown;
    const arm = () => {
      timer = this.environment.setTimer(() => {
        work();
        arm();
      }, periodMs);
    };
    arm();
    return () => this.environment.clearTimer(timer);
  }

  /** Thresholds while the test runs: one that may abort ends it. */
  #look(): void {
    this.#evaluate((name, source) => {
      this.abort({ exitCode: EXIT.thresholdsFailed, reason: `threshold ${name} '${source}' was crossed` });
    });
  }

  #evaluate(onAbort?: (name: string, source: string) => void): string[] {
    const { durationMs } = this;
    const crossed: string[] = [];
    for (const metric of this.registry.all()) {
      for (const { name, sink, thresholds } of [metric, ...metric.submetrics]) {
        const failed = thresholds.filter((each) => !evaluateThreshold(each, sink, durationMs));
        if (failed.length > 0) crossed.push(name);
        for (const { abortOnFail, delayAbortMs, source } of failed) {
          if (abortOnFail && durationMs >= delayAbortMs) onAbort?.(name, source);
        }
      }
    }
    return crossed;
  }

  #exitCode(scriptFailed: number | undefined, crossed: readonly string[]): number {
    if (scriptFailed !== undefined) return scriptFailed;
    if (this.#aborted) return this.#aborted.exitCode;
    if (crossed.length > 0) return EXIT.thresholdsFailed;
    return this.#marked ? EXIT.markedFailed : EXIT.ok;
  }

  #newVu(): Vu {
    const vu = { id: this.#vus.length + 1, iterations: 0 };
    this.#vus.push(vu);
    return vu;
  }

  async #limited(
    part: string,
    work: ScriptFunction,
    timeoutMs: number,
    data: unknown,
  ): Promise<{ kind: 'value'; value: unknown } | { kind: 'error'; error: unknown } | { kind: 'timeout' }> {
    const ended = new AbortController();
    const scope = this.outerScope(part, ended.signal);
    let timer: unknown;
    const late = new Promise<{ kind: 'timeout' }>((resolve) => {
      timer = this.environment.setTimer(() => {
        resolve({ kind: 'timeout' });
        ended.abort(new Interrupted('its time is over'));
      }, timeoutMs);
    });
    const done = (async () => {
      try {
        const value = await inScope(scope, () => work(data));
        await scope.pending;
        this.sample(this.metrics.dataSent, 0, scope.tags);
        this.sample(this.metrics.dataReceived, 0, scope.tags);
        return { kind: 'value' as const, value };
      } catch (error) {
        return { kind: 'error' as const, error };
      }
    })();
    const outcome = await Promise.race([done, late]);
    this.environment.clearTimer(timer);
    return outcome;
  }
}
