import { readOptions } from '../runner/options.ts';
import { type TestResult, TestRun } from '../runner/run.ts';
import { readScript } from '../runner/script.ts';
import { setLoadingRun } from '../runner/vu.ts';
import { Simulated } from './simulated.ts';

export interface Ran {
  run: TestRun;
  result: TestResult;
  log: string[];
  environment: Simulated;
}

/** Runs a script given as its exports in simulated time; `make` runs while it loads, for metrics. */
export async function runScript(make: (environment: Simulated) => Record<string, unknown>): Promise<Ran> {
  const environment = new Simulated();
  const log: string[] = [];
  const run = new TestRun(environment, { warn: (text) => log.push(text), error: (text) => log.push(text) });
  setLoadingRun(run);
  let exports: Record<string, unknown>;
  try {
    exports = make(environment);
  } finally {
    setLoadingRun(undefined);
  }
  const script = readScript(exports);
  run.prepare(script, readOptions(script.options));
  const result = await environment.finish(run.run());
  return { run, result, log, environment };
}
