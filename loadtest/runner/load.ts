import { registerHooks } from 'node:module';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ConfigError } from '../errors.ts';
import type { Environment } from './environment.ts';
import { type RunLog, TestRun } from './run.ts';
import { readScript, type Script } from './script.ts';
import { currentScope, setLoadingRun } from './vu.ts';

const OWN: Record<string, URL> = {
  k6: new URL('../k6/index.ts', import.meta.url),
  'k6/metrics': new URL('../k6/metrics.ts', import.meta.url),
  'k6/execution': new URL('../k6/execution.ts', import.meta.url),
  '@hayate/loadtest': new URL('../src/index.ts', import.meta.url),
};

let hooked = false;

/** Lets scripts import what k6 calls its modules. Once a process. */
function hook(): void {
  if (hooked) return;
  hooked = true;
  registerHooks({
    resolve(specifier, context, next) {
      const own = OWN[specifier];
      if (own) return { url: own.href, shortCircuit: true };
      if (/^k6(\/|$)/.test(specifier) || /^https?:/.test(specifier)) {
        throw new ConfigError(
          `${specifier} is not here: of k6 there are k6, k6/metrics and k6/execution; @hayate/loadtest has rooms and sessions`,
        );
      }
      return next(specifier, context);
    },
  });
}

/** An exception while the script loads: exit code 107. */
export class ScriptError extends Error {
  override readonly name = 'ScriptError';
}

/**
 * Imports a script (TypeScript or JavaScript) for a new test. `env` becomes `__ENV`.
 * @throws ConfigError, ScriptError
 */
export async function loadScript(
  file: string,
  env: Record<string, string>,
  environment: Environment,
  log: RunLog,
): Promise<{ run: TestRun; script: Script }> {
  hook();
  const run = new TestRun(environment, log);
  defineEnv({ ...process.env, ...env });
  setLoadingRun(run);
  try {
    // A fresh copy each time: metrics that it makes belong to this run.
    const url = pathToFileURL(resolve(file));
    url.searchParams.set('run', String(++loads));
    return { run, script: readScript((await import(url.href)) as Record<string, unknown>) };
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    const missing = (error as { code?: string }).code === 'ERR_MODULE_NOT_FOUND';
    const text = error instanceof Error ? (missing ? error.message : (error.stack ?? error.message)) : String(error);
    throw new ScriptError(text, { cause: error });
  } finally {
    setLoadingRun(undefined);
  }
}

let loads = 0;

/** `__ENV`: the test's variables, in a scenario with that scenario's over them. */
function defineEnv(base: Record<string, string | undefined>): void {
  const merged = new WeakMap<object, Record<string, string | undefined>>();
  Object.defineProperty(globalThis, '__ENV', {
    configurable: true,
    get: () => {
      const own = currentScope()?.scenario?.env;
      if (!own) return base;
      const known = merged.get(own) ?? { ...base, ...own };
      merged.set(own, known);
      return known;
    },
  });
}
