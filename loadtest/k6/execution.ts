import { EXIT, Interrupted } from '../errors.ts';
import { neededScope } from '../runner/vu.ts';

/** Scripts import this as 'k6/execution'. */

export const scenario = {
  get name(): string {
    return neededScope('exec.scenario').scenario?.name ?? '';
  },
  get executor(): string {
    return neededScope('exec.scenario').scenario?.executor ?? '';
  },
  /** ms since 1970 */
  get startTime(): number {
    const { run, scenario: own } = neededScope('exec.scenario');
    const found = run.scenarios.find((each) => each.scenario === own);
    return run.environment.dateMs() - (run.environment.nowMs() - (found?.startedMs ?? 0));
  },
  /** Of the scenario's time, 0 to 1. */
  get progress(): number {
    const { run, scenario: own } = neededScope('exec.scenario');
    const found = run.scenarios.find((each) => each.scenario === own);
    if (!found || !own || own.durationMs === 0) return 0;
    return Math.min(1, (run.environment.nowMs() - found.startedMs) / own.durationMs);
  },
};

export const instance = {
  get iterationsInterrupted(): number {
    return neededScope('exec.instance').run.interrupted;
  },
  get iterationsCompleted(): number {
    return neededScope('exec.instance').run.completed;
  },
  get vusActive(): number {
    return neededScope('exec.instance').run.activeVus;
  },
  get vusInitialized(): number {
    return neededScope('exec.instance').run.vuCount;
  },
  /** ms since the test began */
  get currentTestRunDuration(): number {
    return neededScope('exec.instance').run.durationMs;
  },
};

export const test = {
  /** Ends the test: exit code 108. */
  abort(reason = ''): never {
    const text = reason === '' ? 'test aborted' : `test aborted: ${reason}`;
    neededScope('exec.test').run.abort({ exitCode: EXIT.scriptAborted, reason: text });
    throw new Interrupted(text);
  },
  /** The test goes on, and its exit code is 110. */
  fail(reason = ''): void {
    const { run } = neededScope('exec.test');
    run.log.error(`test marked as failed${reason === '' ? '' : `: ${reason}`}`);
    run.markFailed();
  },
};

export const vu = {
  get idInTest(): number {
    return neededScope('exec.vu').vu?.id ?? 0;
  },
  get idInInstance(): number {
    return neededScope('exec.vu').vu?.id ?? 0;
  },
  get iterationInInstance(): number {
    return neededScope('exec.vu').iteration;
  },
  get iterationInScenario(): number {
    return neededScope('exec.vu').iteration;
  },
  get tags(): Record<string, string> {
    return { ...neededScope('exec.vu').tags };
  },
};

export default { scenario, instance, test, vu };
