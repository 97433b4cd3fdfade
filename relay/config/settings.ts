import type { z } from 'zod';
import { configSchema } from './schema.ts';

type SettingKind = 'boolean' | 'number' | 'text' | 'list' | 'choice';

/** One row of the schema, flattened: what flags, environment, docs and error messages need. */
export interface Setting {
  /** `rooms.lingerMs` */
  path: string;
  /** `HAYATE_RELAY_ROOMS_LINGER_MS` */
  env: string;
  /** `rooms-linger-ms` */
  flag: string;
  kind: SettingKind;
  choices?: string[];
  unit?: string;
  description: string;
  /** Value when nothing is given; undefined when there is none. */
  default: unknown;
  /** The default in words, where it depends on other settings. */
  otherwise?: string;
  /** Smallest and greatest number. */
  range?: [number, number];
}

export const ENV_PREFIX = 'HAYATE_RELAY_';

interface Def {
  type: string;
  innerType?: z.ZodType & { def: Def };
  defaultValue?: unknown;
  shape?: Record<string, z.ZodType & { def: Def }>;
  entries?: Record<string, string>;
}

type Node = z.ZodType & { def: Def; minValue?: number; maxValue?: number };

function words(path: string): string {
  return path
    .replace(/([A-Z])/g, '-$1')
    .replaceAll('.', '-')
    .toLowerCase();
}

function walk(node: Node, path: string[], out: Setting[]): void {
  let inner = node;
  let fallback: unknown;
  while (inner.def.innerType) {
    if (inner.def.type === 'default') fallback = inner.def.defaultValue;
    inner = inner.def.innerType as Node;
  }
  if (inner.def.shape) {
    for (const [key, child] of Object.entries(inner.def.shape)) walk(child as Node, [...path, key], out);
    return;
  }
  const meta = node.meta() as { description?: string; unit?: string; otherwise?: string } | undefined;
  const name = path.join('.');
  const kinds: Record<string, SettingKind> = { boolean: 'boolean', number: 'number', array: 'list', enum: 'choice' };
  const kind = kinds[inner.def.type] ?? 'text';
  const row: Setting = {
    path: name,
    env: ENV_PREFIX + words(name).replaceAll('-', '_').toUpperCase(),
    flag: words(name),
    kind,
    description: meta?.description ?? '',
    default: fallback,
  };
  if (meta?.unit) row.unit = meta.unit;
  if (meta?.otherwise) row.otherwise = meta.otherwise;
  if (kind === 'choice') row.choices = Object.values(inner.def.entries ?? {});
  if (kind === 'number') row.range = [inner.minValue ?? 0, inner.maxValue ?? 0];
  out.push(row);
}

function flatten(): Setting[] {
  const out: Setting[] = [];
  walk(configSchema as unknown as Node, [], out);
  return out;
}

/** Every setting, in the schema's order. */
export const settings: readonly Setting[] = flatten();
