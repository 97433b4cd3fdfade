import { AsyncLocalStorage } from 'node:async_hooks';
import type { Tags } from '../metrics/registry.ts';
import type { GroupNode } from './checks.ts';
import type { Scenario } from './options.ts';
import type { TestRun } from './run.ts';

/** A virtual user: one chain of iterations at a time. */
export interface Vu {
  /** From 1, over the whole test. */
  readonly id: number;
  /** Iterations that it has begun. */
  iterations: number;
}

/** Where the script's code runs: the whole of what `check`, `sleep`, metrics and the domain find about their caller. */
export interface Scope {
  readonly run: TestRun;
  /** Undefined in setup, teardown and handleSummary. */
  readonly vu: Vu | undefined;
  readonly scenario: Scenario | undefined;
  /** Iteration of this VU in its scenario, from 0. */
  readonly iteration: number;
  readonly tags: Tags;
  readonly group: GroupNode;
  /** Aborts when the iteration is to end at once. */
  readonly signal: AbortSignal;
  /** Runs when the iteration has ended, however: closes what it opened. Last in, first out. */
  onEnd(cleanup: () => void): void;
  /** Sleeps that nobody waited for: the iteration ends after them. */
  pending: Promise<void> | undefined;
}

const scopes = new AsyncLocalStorage<Scope>();

/** Runs the script's code in its scope; what it awaits stays in it. */
export function inScope<T>(scope: Scope, work: () => T): T {
  return scopes.run(scope, work);
}

/** Undefined while a script is loaded, and in callbacks that began outside. */
export function currentScope(): Scope | undefined {
  return scopes.getStore();
}

/** @throws Error outside of iterations, setup and teardown */
export function neededScope(what: string): Scope {
  const scope = scopes.getStore();
  if (!scope) throw new Error(`${what} can be used in setup, teardown and iterations, not while the script loads`);
  return scope;
}

/** The test whose script is being loaded: metrics that it makes belong there. */
let loading: TestRun | undefined;

export function loadingRun(): TestRun | undefined {
  return loading;
}

export function setLoadingRun(run: TestRun | undefined): void {
  loading = run;
}
