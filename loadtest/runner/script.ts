import { ConfigError } from '../errors.ts';
import type { Scenario } from './options.ts';

export type ScriptFunction = (data?: unknown) => unknown;

/** What a script exports. */
export interface Script {
  options: unknown;
  setup: ScriptFunction | undefined;
  teardown: ScriptFunction | undefined;
  handleSummary: ScriptFunction | undefined;
  /** `default` and every other exported function, by name. */
  functions: ReadonlyMap<string, ScriptFunction>;
}

/** Reads the namespace of a loaded script. Throws ConfigError when an export is not what its name says. */
export function readScript(exports: Record<string, unknown>): Script {
  const functions = new Map<string, ScriptFunction>();
  for (const [name, value] of Object.entries(exports)) {
    if (typeof value === 'function') functions.set(name, value as ScriptFunction);
  }
  const named = (name: string): ScriptFunction | undefined => {
    if (exports[name] !== undefined && !functions.has(name)) throw new ConfigError(`export ${name} is no function`);
    return functions.get(name);
  };
  return {
    options: exports['options'],
    setup: named('setup'),
    teardown: named('teardown'),
    handleSummary: named('handleSummary'),
    functions,
  };
}

/** The function that a scenario runs. Throws ConfigError when the script does not export it. */
export function functionOf(script: Script, { exec, name }: Scenario): ScriptFunction {
  const found = script.functions.get(exec);
  if (found) return found;
  const wanted = exec === 'default' ? 'export default function' : `export function ${exec}`;
  throw new ConfigError(`scenario ${name} runs ${exec}, which the script does not export: write "${wanted}"`);
}
