import { ConfigError, EXIT, Interrupted, textOf } from '../errors.ts';
import type { Metric, Series, Tags } from '../metrics/registry.ts';
import { until } from './environment.ts';
import { EXECUTORS, type Progress } from './executors.ts';
import type { Scenario } from './options.ts';
import type { TestRun } from './run.ts';
import type { ScriptFunction } from './script.ts';
import { inScope, type Scope, type Vu } from './vu.ts';

/** Lines of one error that are worth a log; the rest is counted. */
const ERRORS_LOGGED = 20;

/** One scenario of a test: its VUs, its iterations and how they end. */
export class ScenarioRun {
  readonly scenario: Scenario;
  readonly progress: Progress = { done: 0, total: undefined };
  activeVus = 0;
  state: 'waiting' | 'running' | 'ended' = 'waiting';
  /** On the environment's clock. */
  startedMs = 0;
  endedMs = 0;
  readonly #run: TestRun;
  readonly #work: ScriptFunction;
  readonly #tags: Tags;
  /** Nothing more starts. */
  readonly #stop = new AbortController();
  /** What runs is cut short. */
  readonly #kill = new AbortController();
  readonly #duration: Series;
  readonly #iterations: Series;
  readonly #dropped: Series;
  readonly #bytes: Series[];
  #vus = 0;
  #errors = 0;
  #warnedOfDrops = false;

  constructor(run: TestRun, scenario: Scenario, work: ScriptFunction) {
    this.#run = run;
    this.scenario = scenario;
    this.#work = work;
    this.#tags = { ...run.options.tags, group: '', scenario: scenario.name, ...scenario.tags };
    const series = (metric: Metric) => run.series(metric, this.#tags);
    this.#duration = series(run.metrics.iterationDuration);
    this.#iterations = series(run.metrics.iterations);
    this.#dropped = series(run.metrics.droppedIterations);
    this.#bytes = [series(run.metrics.dataSent), series(run.metrics.dataReceived)];
  }

  /** Resolves when all of it has ended; never rejects. */
  async run(testStartedMs: number): Promise<void> {
    const { environment, aborted } = this.#run;
    const { scenario } = this;
    await until(environment, testStartedMs + scenario.startMs, aborted);
    if (aborted.aborted) return;
    this.state = 'running';
    this.startedMs = environment.nowMs();
    const stopTimer = environment.setTimer(() => this.#stop.abort(), scenario.durationMs);
    const killTimer = environment.setTimer(
      () => this.#cut('its time is over'),
      scenario.durationMs + scenario.gracefulStopMs,
    );
    const onAbort = () => this.#cut('the test was ended');
    aborted.addEventListener('abort', onAbort);
    try {
      await EXECUTORS[scenario.executor]({
        environment,
        scenario,
        startedMs: this.startedMs,
        stop: this.#stop.signal,
        take: () => this.#take(),
        give: (vu) => this.#give(vu),
        kill: this.#kill.signal,
        iterate: (vu, signal) => this.#iterate(vu, signal),
        dropped: () => this.#drop(),
        progress: this.progress,
      });
    } finally {
      environment.clearTimer(stopTimer);
      environment.clearTimer(killTimer);
      aborted.removeEventListener('abort', onAbort);
      this.state = 'ended';
      this.endedMs = environment.nowMs();
    }
  }

  #cut(reason: string): void {
    this.#stop.abort();
    this.#kill.abort(new Interrupted(reason));
  }

  #take(): Vu | undefined {
    if (this.activeVus >= this.scenario.maxVus) return undefined;
    const vu = this.#run.takeVu(true);
    if (!vu) return undefined;
    this.activeVus += 1;
    this.#vus = Math.max(this.#vus, this.activeVus);
    return vu;
  }

  #give(vu: Vu): void {
    this.activeVus -= 1;
    this.#run.giveVu(vu);
  }

  /** VUs that it had at work at once, at most. */
  get vus(): number {
    return this.#vus;
  }

  #drop(): void {
    this.#dropped.add(1);
    if (this.#warnedOfDrops) return;
    this.#warnedOfDrops = true;
    const { name, maxVus } = this.scenario;
    this.#run.log.warn(`Insufficient VUs, reached ${maxVus} active VUs and cannot initialize more (scenario ${name})`);
  }

  async #iterate(vu: Vu, signal: AbortSignal): Promise<void> {
    const { environment } = this.#run;
    if (signal.aborted) return;
    const cleanups: (() => void)[] = [];
    const scope: Scope = {
      run: this.#run,
      vu,
      scenario: this.scenario,
      iteration: vu.iterations,
      tags: this.#tags,
      group: this.#run.checks.root,
      signal,
      pending: undefined,
      onEnd: (cleanup) => void cleanups.push(cleanup),
    };

    vu.iterations += 1;
    const startedMs = environment.nowMs();
    if (await this.#finished(scope)) {
      this.#duration.add(environment.nowMs() - startedMs);
      this.#iterations.add(1);
      // As k6: an iteration without traffic says so. Sessions add what they carry while they carry it.
      for (const bytes of this.#bytes) bytes.add(0);
      this.#run.completed += 1;
    } else {
      this.#run.interrupted += 1;
    }
    for (const cleanup of cleanups.reverse()) cleanup();
    // Else iterations without a wait in them would keep timers and sockets from their turn.
    await environment.turn();
  }

  /** False when the iteration was cut short. Errors of the script are logged; the test goes on, as in k6. */
  async #finished(scope: Scope): Promise<boolean> {
    const { signal } = scope;
    let onAbort = () => {};
    const cut = new Promise<false>((resolve) => {
      onAbort = () => resolve(false);
      signal.addEventListener('abort', onAbort);
    });
    const whole = (async () => {
      try {
        await inScope(scope, () => this.#work(this.#run.setupData()));
        await scope.pending;
        return true;
      } catch (error) {
        if (error instanceof Interrupted || signal.aborted) return false;
        this.#failed(error);
        return true;
      }
    })();
    try {
      return await Promise.race([whole, cut]);
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  #failed(error: unknown): void {
    // No relay, no recording, no key: the next iteration would say the same.
    if (error instanceof ConfigError) this.#run.abort({ exitCode: EXIT.invalidConfig, reason: error.message });
    this.#errors += 1;
    if (this.#errors <= ERRORS_LOGGED) this.#run.log.error(`scenario ${this.scenario.name}: ${textOf(error)}`);
    if (this.#errors === ERRORS_LOGGED)
      this.#run.log.error(`scenario ${this.scenario.name}: further errors are not shown`);
  }
}
