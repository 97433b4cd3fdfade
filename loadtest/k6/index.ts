import { Interrupted } from '../errors.ts';
import { until } from '../runner/environment.ts';
import { currentScope, inScope, neededScope, type Scope } from '../runner/vu.ts';

/** Scripts import this as 'k6'. */

type Checks<T> = Record<string, (value: T) => unknown>;

/** Runs each check with `value` and counts it as passed or failed; true when all passed. A check that throws failed, and throws on. */
export function check<T>(value: T, checks: Checks<T>, tags: Record<string, string> = {}): boolean {
  const scope = neededScope('check');
  const { run } = scope;
  let all = true;
  for (const [name, test] of Object.entries(checks)) {
    let passed = false;
    try {
      const result = typeof test === 'function' ? test(value) : test;
      if (result instanceof Promise) {
        // As in k6, where a promise is no answer; an unhandled rejection behind it must not end the process.
        result.catch(() => {});
        run.log.warn(`the check '${name}' returned a promise, which counts as passed: await before check()`);
      }
      passed = Boolean(result);
    } finally {
      all &&= passed;
      run.checks.count(scope.group, name, passed);
      run.sample(run.metrics.checks, passed ? 1 : 0, { ...scope.tags, ...tags, check: name });
    }
  }
  return all;
}

/** Runs `work` as a named part of the iteration; gives back what it returns. */
export function group<T>(name: string, work: () => T): T {
  const scope = neededScope('group');
  const { run } = scope;
  const node = run.checks.group(scope.group, name);
  const inner: Scope = { ...scope, group: node, tags: { ...scope.tags, group: node.path }, pending: undefined };
  const startedMs = run.environment.nowMs();
  const done = () => run.sample(run.metrics.groupDuration, run.environment.nowMs() - startedMs, inner.tags);
  const result = inScope(inner, work);
  const adopt = () => {
    const { pending } = inner;
    const before = scope.pending;
    if (pending) scope.pending = before ? before.then(() => pending) : pending;
  };
  if (result instanceof Promise) {
    return result.finally(() => {
      adopt();
      done();
    }) as T;
  }
  adopt();
  done();
  return result;
}

/**
 * Waits so many seconds: `await sleep(1)`. Without `await` the rest of the iteration runs on at once, and the iteration
 * ends when its sleeps are over, one after the other: its pace is that of a script which waits. Rejects when the iteration is cut short.
 */
export function sleep(seconds: number): Promise<void> {
  const scope = neededScope('sleep');
  const { environment } = scope.run;
  const ms = Math.max(0, Number(seconds) * 1000);
  if (Number.isNaN(ms)) throw new TypeError(`sleep(${seconds}) is no number of seconds`);
  const before = scope.pending;
  const calledMs = environment.nowMs();
  let awaited = false;
  const known = microtasks();
  const slept = known.then(async () => {
    // Nobody waits: then it begins after the sleeps before it, as it would in a script that blocks.
    if (!awaited && before) await before;
    await until(environment, (awaited ? calledMs : environment.nowMs()) + ms, scope.signal);
    if (scope.signal.aborted) throw new Interrupted('the iteration was cut short');
  });
  scope.pending = known.then(async () => {
    if (before) await before;
    if (awaited) return;
    warnOfSleep(scope);
    await slept.catch(() => {});
  });
  slept.catch(() => {});
  const seen = <T>(next: T): T => {
    awaited = true;
    return next;
  };
  return {
    // biome-ignore lint/suspicious/noThenProperty: whether somebody waits for it is what this is about.
    then: (resolve, reject) => seen(slept.then(resolve, reject)),
    catch: (reject) => seen(slept.catch(reject)),
    finally: (work) => seen(slept.finally(work)),
    [Symbol.toStringTag]: 'Promise',
  };
}

/** `await` and Promise.all() subscribe to what is no native promise a few microtasks later. */
async function microtasks(): Promise<void> {
  for (let turn = 0; turn < 4; turn++) await undefined;
}

const warned = new WeakSet<object>();

function warnOfSleep({ run }: Scope): void {
  if (warned.has(run)) return;
  warned.add(run);
  run.log.warn('sleep() was not awaited: write `await sleep(1)`, which real k6 takes too');
}

/** Ends this iteration with an error; the test goes on. */
export function fail(message = ''): never {
  throw new Error(message);
}

let seed: number | undefined;

/** Makes `Math.random()` of this process repeatable. */
export function randomSeed(value: number): void {
  if (seed === undefined) {
    Math.random = () => {
      // mulberry32
      seed = (seed! + 0x6d2b79f5) | 0;
      let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed);
      mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
      return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
    };
  }
  seed = value | 0;
}

// __VU and __ITER, as scripts of k6 know them.
for (const [name, read] of Object.entries({
  __VU: () => currentScope()?.vu?.id ?? 0,
  __ITER: () => currentScope()?.iteration ?? 0,
})) {
  Object.defineProperty(globalThis, name, { get: read, configurable: true });
}

export default { check, group, sleep, fail, randomSeed };
