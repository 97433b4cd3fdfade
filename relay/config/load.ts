import { readFileSync } from 'node:fs';
import { HayateError } from '@hayate/codec/errors';
import { webhookUrl } from '../webhook/post.ts';
import { natsFault } from './cluster.ts';
import { configSchema, type RelayConfig } from './schema.ts';
import { ENV_PREFIX, type Setting, settings } from './settings.ts';
import { shown, withoutSecrets } from './shown.ts';

export interface ConfigSources {
  /** By setting path (`rooms.lingerMs`) or flag name (`rooms-linger-ms`, `roomsLingerMs`); text or typed values. */
  flags?: Record<string, unknown>;
  env?: Record<string, string | undefined>;
  /** JSON file. `HAYATE_RELAY_CONFIG` names one too. */
  file?: string;
}

/** A setting that is wrong: says which, from where, and what would be right. */
export class ConfigError extends HayateError {
  override readonly name = 'ConfigError';
  constructor(message: string, options: { cause?: unknown } = {}) {
    super('invalid_argument', message, options);
  }
}

const CONFIG_FILE_ENV = `${ENV_PREFIX}CONFIG`;

/**
 * The effective configuration: flag before environment before file before default.
 * @throws ConfigError for an unknown key (with the nearest known one), a wrong value, or a file that cannot be read.
 */
export function loadConfig(sources: ConfigSources = {}): RelayConfig {
  const env = sources.env ?? {};
  const tree: Record<string, unknown> = {};
  const origin = new Map<string, string>();
  const put = (setting: Setting, value: unknown, from: string) => {
    assign(tree, setting.path, typeof value === 'string' ? fromText(setting, value, from) : value);
    origin.set(setting.path, from);
  };

  const file = sources.file ?? env[CONFIG_FILE_ENV];
  if (file) {
    for (const [path, value] of leaves(readJson(file))) {
      const setting = settings.find((s) => s.path === path);
      if (!setting)
        throw unknownKey(
          path,
          settings.map((s) => s.path),
          `in ${file}`,
        );
      // Text in a file stays text: "8080" for a number is a mistake worth telling.
      assign(tree, path, value);
      origin.set(path, file);
    }
  }
  for (const [name, value] of Object.entries(env)) {
    if (!name.startsWith(ENV_PREFIX) || name === CONFIG_FILE_ENV || value === undefined) continue;
    const setting = settings.find((s) => s.env === name);
    if (!setting)
      throw unknownKey(
        name,
        settings.map((s) => s.env),
        'in the environment',
      );
    put(setting, value, name);
  }
  for (const [name, value] of Object.entries(sources.flags ?? {})) {
    if (value === undefined) continue;
    const setting = settings.find((s) => s.path === name || s.flag === name || camel(s.flag) === name);
    if (!setting)
      throw unknownKey(
        name,
        settings.map((s) => s.flag),
        'among the flags',
      );
    put(setting, value, `--${setting.flag}`);
  }
  return check(tree, origin);
}

/** Fills in the defaults of what a caller gives as an object. @throws ConfigError */
export function parseConfig(input: unknown): RelayConfig {
  for (const [path] of leaves(input)) {
    if (!settings.some((s) => s.path === path))
      throw unknownKey(
        path,
        settings.map((s) => s.path),
        'in the configuration',
      );
  }
  return check(input, new Map());
}

function check(tree: unknown, origin: ReadonlyMap<string, string>): RelayConfig {
  const result = configSchema.safeParse(tree);
  if (!result.success) {
    const lines = result.error.issues.map((issue) => {
      const path = issue.path.filter((p) => typeof p === 'string').join('.');
      const from = origin.get(path);
      return `${path}${from ? ` (from ${from})` : ''}: ${issue.message}`;
    });
    throw new ConfigError(lines.join('; '), { cause: result.error });
  }
  const { certFile, keyFile } = result.data.certificate;
  if ((certFile === undefined) !== (keyFile === undefined)) {
    throw new ConfigError('certificate.certFile and certificate.keyFile go together');
  }
  for (const section of ['token', 'gifts'] as const) {
    const { jwksFile, jwksUrl } = result.data[section];
    if (jwksFile !== undefined && jwksUrl !== undefined) {
      throw new ConfigError(`${section}.jwksFile and ${section}.jwksUrl are two sources of one set`);
    }
  }
  const { dev, emulateLink, transport } = result.data;
  if (emulateLink && !dev) throw new ConfigError('emulateLink: only with dev');
  if (emulateLink && transport === 'websocket')
    throw new ConfigError('emulateLink: a link is of UDP, and needs the engine');
  checkCluster(result.data);
  checkWebhook('gifts.webhook', result.data.gifts.webhook);
  checkWebhook('rooms.webhook', result.data.rooms.webhook);
  checkWebhook('comments.filter', result.data.comments.filter);
  checkCollector(result.data.telemetry.otlp);
  return result.data;
}

function checkCluster({ cluster, transport, dev }: RelayConfig): void {
  if (cluster.emulate.region !== undefined && !dev) throw new ConfigError('cluster.emulate: only with dev');
  const fault = natsFault(cluster);
  if (fault !== undefined) throw new ConfigError(fault);
  if (cluster.relayId === undefined) return;
  for (const key of ['region', 'caFile', 'certFile', 'keyFile'] as const) {
    if (cluster[key] === undefined) throw new ConfigError(`cluster.relayId without cluster.${key}`);
  }
  if (transport === 'websocket') throw new ConfigError('cluster.relayId: relays of a cluster need the engine');
}

/** Of everything that posts to the backend. */
function checkWebhook(
  section: string,
  { url, secretFile }: Pick<RelayConfig['gifts']['webhook'], 'url' | 'secretFile'>,
): void {
  if ((url === undefined) !== (secretFile === undefined)) {
    throw new ConfigError(`${section}.url and ${section}.secretFile go together`);
  }
  if (url !== undefined) checkUrl(`${section}.url`, url);
}

function checkCollector({ endpoint, headersFile }: RelayConfig['telemetry']['otlp']): void {
  if (endpoint !== undefined) checkUrl('telemetry.otlp.endpoint', endpoint);
  else if (headersFile !== undefined) throw new ConfigError('telemetry.otlp.headersFile without an endpoint');
}

function checkUrl(path: string, url: string): void {
  try {
    webhookUrl(url);
  } catch (cause) {
    throw new ConfigError(`${path}: ${(cause as Error).message}`, { cause });
  }
}

/**
 * For people: every setting's effective value by path. Where a secret lies is not shown, only that it is set.
 */
export function redactConfig(config: RelayConfig): Record<string, unknown> {
  const secret = new Set([
    'token.keyFile',
    'certificate.keyFile',
    'cluster.keyFile',
    // They may bear a password.
    'cluster.natsUrls',
    'cluster.natsCredsFile',
    'gifts.webhook.secretFile',
    // Paths and queries of webhooks are secrets at times.
    'gifts.webhook.url',
    'rooms.webhook.secretFile',
    'rooms.webhook.url',
    'comments.filter.secretFile',
    'comments.filter.url',
    'api.tokenFile',
    'telemetry.otlp.endpoint',
    'telemetry.otlp.headersFile',
  ]);
  const out: Record<string, unknown> = {};
  const given = new Map(leaves(config));
  for (const { path } of settings) {
    const value = given.get(path);
    out[path] = secret.has(path) && value !== undefined ? '[set]' : (value ?? null);
  }
  return out;
}

function readJson(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (cause) {
    throw new ConfigError(`cannot read ${withoutSecrets(file)}: ${withoutSecrets((cause as Error).message)}`, {
      cause,
    });
  }
}

function* leaves(value: unknown, path: string[] = []): Generator<[string, unknown]> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    for (const [key, child] of Object.entries(value)) yield* leaves(child, [...path, key]);
  } else if (path.length === 0) {
    throw new ConfigError('the configuration must be an object');
  } else if (value !== undefined) {
    yield [path.join('.'), value];
  }
}

function assign(tree: Record<string, unknown>, path: string, value: unknown): void {
  const keys = path.split('.');
  const last = keys.pop() as string;
  let node = tree;
  for (const key of keys) {
    node[key] ??= {};
    node = node[key] as Record<string, unknown>;
  }
  node[last] = value;
}

function fromText(setting: Setting, text: string, from: string): unknown {
  switch (setting.kind) {
    case 'boolean':
      if (['true', '1', 'yes'].includes(text)) return true;
      if (['false', '0', 'no'].includes(text)) return false;
      throw new ConfigError(`${setting.path} (from ${from}): "${shown(text)}" is neither true nor false`);
    case 'number': {
      const value = Number(text);
      if (text.trim() === '' || !Number.isFinite(value)) {
        throw new ConfigError(`${setting.path} (from ${from}): "${shown(text)}" is not a number`);
      }
      return value;
    }
    case 'list':
      return text
        .split(',')
        .map((part) => part.trim())
        .filter((part) => part !== '');
    default:
      return text;
  }
}

function unknownKey(key: string, known: string[], where: string): ConfigError {
  let nearest = '';
  let best = Number.POSITIVE_INFINITY;
  for (const candidate of known) {
    const d = distance(key.toLowerCase(), candidate.toLowerCase());
    if (d < best) {
      best = d;
      nearest = candidate;
    }
  }
  const hint = best <= Math.max(3, key.length / 2) ? `; did you mean ${nearest}?` : '';
  return new ConfigError(`unknown setting ${withoutSecrets(key)} ${where}${hint}`);
}

function camel(flag: string): string {
  return flag.replace(/-([a-z])/g, (_, c: string) => c.toUpperCase());
}

/** Levenshtein. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next[j] = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1));
    }
    row = next;
  }
  return row[b.length]!;
}
