import { readFileSync } from 'node:fs';
import { readFleetConfig } from '@hayate/fleet';
import { loadConfig, withoutSecrets } from '@hayate/relay';
import { type Finding, fail, ok, reasonOf } from './finding.ts';
import { checkFleet } from './fleet.ts';
import { type Machine, thisMachine } from './machine.ts';
import { checkRelay } from './relay.ts';
import { checkVersions, type EngineProbe, engineHere, versionsHere } from './software.ts';

export interface DoctorOptions {
  /** Of a relay or of the fleet, which is told by its `providers`. Undefined: flags, environment and defaults of a relay. */
  file: string | undefined;
  /** Settings of a relay, as `loadConfig` takes them. */
  flags: Record<string, unknown>;
  env: Readonly<Record<string, string | undefined>>;
  /** Of this program. */
  version: string;
  machine?: Machine;
  engine?: EngineProbe;
}

/** Looks at one thing after the other, and goes on whatever it finds. */
export async function* examine(options: DoctorOptions): AsyncGenerator<Finding> {
  const { file, env, version, machine = thisMachine(), engine = engineHere } = options;
  yield checkVersions(versionsHere(version));
  const shown = file ?? 'flags, environment and defaults';
  let checks: AsyncGenerator<Finding>;
  try {
    if (file !== undefined && isFleet(file)) {
      const config = readFleetConfig(file);
      checks = checkFleet(config, machine);
    } else {
      const config = loadConfig({ flags: options.flags, env, ...(file !== undefined && { file }) });
      checks = checkRelay(config, machine, engine);
    }
  } catch (error) {
    yield fail(
      'config',
      reasonOf(error),
      'Correct it: docs/configuration.md has every setting of a relay, docs/fleet.md those of the fleet.',
    );
    return;
  }
  yield ok('config', `${shown}: every setting is known`);
  for await (const finding of checks) yield withoutPasted(finding);
}

/** Where a file's name ought to be somebody may have put what it holds. */
function withoutPasted(finding: Finding): Finding {
  const { level, found, advice } = finding;
  if (level !== 'fail' || advice === undefined) return finding;
  return { ...finding, found: withoutSecrets(found), advice: withoutSecrets(advice) };
}

/** A file that is no JSON is a relay's: its reader says what is wrong. */
function isFleet(file: string): boolean {
  try {
    const config: unknown = JSON.parse(readFileSync(file, 'utf8'));
    return typeof config === 'object' && config !== null && 'providers' in config;
  } catch {
    return false;
  }
}
