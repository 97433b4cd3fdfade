import { type Asset, demoAssets } from '@hayate/demo';
import { engineAvailable } from '@hayate/engine';
import {
  ConfigError,
  loadConfig,
  type RelayConfig,
  type RunningRelay,
  type Setting,
  settings,
  startRelay,
} from '@hayate/relay';
import { type Command, Option } from 'commander';
import { openLog } from './log.ts';
import { onInterrupt } from './until.ts';
import { UsageError } from './usage.ts';

/** Flags out of the relay's own schema. `without`: paths that the verb decides itself. */
export function addRelayOptions(command: Command, without: readonly string[] = []): Command {
  command.option('--config <file>', 'JSON file; environment and flags go before it');
  for (const setting of settings) {
    if (!without.includes(setting.path)) command.addOption(optionOf(setting));
  }
  return command;
}

function optionOf(setting: Setting): Option {
  const value = setting.unit ? `<${setting.unit.replaceAll(' ', '-')}>` : '<value>';
  const flag = setting.kind === 'boolean' ? `--${setting.flag}` : `--${setting.flag} ${value}`;
  const fallback = setting.otherwise ?? (setting.default === undefined ? undefined : String(setting.default));
  const words = setting.description.replaceAll('`', '');
  const option = new Option(flag, fallback ? `${words} Default: ${fallback.replaceAll('`', '')}.` : words);
  if (setting.choices) option.choices(setting.choices);
  return option;
}

/** The settings among what commander parsed. */
export function relayFlags(options: Record<string, unknown>): Record<string, unknown> {
  const flags: Record<string, unknown> = {};
  for (const setting of settings) {
    const camel = setting.flag.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
    if (options[camel] !== undefined) flags[setting.flag] = options[camel];
  }
  return flags;
}

/** The effective configuration. `options`: what commander parsed. Throws UsageError for a wrong setting. */
export function relayConfig(options: Record<string, unknown>): RelayConfig {
  const file = options['config'] as string | undefined;
  try {
    return loadConfig({ flags: relayFlags(options), env: process.env, ...(file !== undefined && { file }) });
  } catch (error) {
    if (error instanceof ConfigError) throw new UsageError(error.message);
    throw error;
  }
}

export interface RunRelayOptions {
  /** Machine output: `ready`, `draining`, `closed` as JSON lines. */
  json: boolean;
  /** For the page's camera: see `demoAssets`. */
  faceModel?: string | undefined;
  /** Something that lives as long as the relay, with its way to stop. */
  beside?(relay: RunningRelay): Promise<() => Promise<void>>;
}

/** Runs a relay until a signal: drains at the first one, ends at once at the second. */
export async function runRelay(config: RelayConfig, options: RunRelayOptions): Promise<void> {
  const available = engineAvailable();
  if (!available.ok && config.transport === 'auto') {
    process.stderr.write(`hayate: no engine (${available.reason}): the relay speaks WebSocket over TCP\n`);
  }
  const interrupt = onInterrupt();
  const assets: Map<string, Asset> | undefined = config.dev
    ? await demoAssets({ faceModel: options.faceModel })
    : undefined;
  // After what builds the page, which is a child process.
  const logger = openLog({ level: config.log.level });
  const relay = await startRelay(config, { logger, ...(assets && { assets }) });
  let stop: (() => Promise<void>) | undefined;
  try {
    stop = await options.beside?.(relay);
    announce(relay, config, options.json);
    await interrupt.wait();
    if (options.json) print({ event: 'draining', deadlineMs: config.drainMs });
    else process.stderr.write('hayate: draining; a second signal ends it at once\n');
    await stop?.();
    stop = undefined;
    await relay.drain();
    if (options.json) print({ event: 'closed' });
  } finally {
    await stop?.();
    await relay.close();
    interrupt.dispose();
  }
}

function announce(relay: RunningRelay, config: RelayConfig, json: boolean): void {
  const { url, transport, certificateHashes, httpAddress, metricsAddress, apiAddress } = relay;
  const page = config.dev ? `${httpAddress}/` : undefined;
  if (json) {
    const addresses = { http: httpAddress, metrics: metricsAddress, api: apiAddress, page };
    print({ event: 'ready', url, transport, certificateHashes, ...addresses });
    return;
  }
  const lines = [`relay    ${url} (${transport})`];
  for (const hash of certificateHashes) lines.push(`sha-256  ${hash}`);
  lines.push(`metrics  ${metricsAddress}`);
  lines.push(page ? `page     ${page}` : `http     ${httpAddress}`);
  process.stdout.write(`${lines.join('\n')}\n`);
}

function print(value: object): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}
