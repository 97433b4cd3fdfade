import { MessageError } from './errors.ts';
import type { MessagesFrom } from './types.ts';

/** Checks a decoded value and gives back a clean one, or throws MessageError `field`. */
type Check = (value: unknown, field: string) => unknown;
type Fields = Record<string, Check>;

const MAX_COMMENT_CHARACTERS = 500;
const MAX_LIVERS = 8;
const MAX_LIST = 64;

function fail(field: string, wanted: string): never {
  throw new MessageError('field', `field ${field} is not ${wanted}`, { field });
}

function number(min: number, max: number): Check {
  return (raw, field) => {
    const value = narrow(raw);
    if (typeof value !== 'number' || !(value >= min && value <= max)) fail(field, `a number in ${min}..${max}`);
    return value;
  };
}

function uint(max = Number.MAX_SAFE_INTEGER): Check {
  return (raw, field) => {
    const value = narrow(raw);
    if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > max) {
      fail(field, `an integer in 0..${max}`);
    }
    return value;
  };
}

/** The decoder gives every integer of eight bytes as a bigint. */
function narrow(value: unknown): unknown {
  return typeof value === 'bigint' && value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;
}

function oneOf(...allowed: readonly unknown[]): Check {
  return (value, field) => (allowed.includes(value) ? value : fail(field, `one of ${allowed.join(', ')}`));
}

const text: Check = (value, field) => (typeof value === 'string' ? value : fail(field, 'text'));
const bool: Check = (value, field) => (typeof value === 'boolean' ? value : fail(field, 'true or false'));

const bytes: Check = (value, field) =>
  // The decoder gives a view of the message: a copy outlives it.
  value instanceof Uint8Array ? new Uint8Array(value) : fail(field, 'bytes');

const comment: Check = (value, field) => {
  if (typeof value !== 'string' || !isCommentText(value))
    fail(field, `text of 1 to ${MAX_COMMENT_CHARACTERS} characters`);
  return value;
};

/** Whether `value` may be sent as a comment: 1 to 500 code points. */
export function isCommentText(value: string): boolean {
  if (value.length === 0 || value.length > 2 * MAX_COMMENT_CHARACTERS) return false;
  let characters = 0;
  for (const _ of value) characters++;
  return characters <= MAX_COMMENT_CHARACTERS;
}

function list(item: Check, max: number): Check {
  return (value, field) => {
    if (!Array.isArray(value) || value.length > max) fail(field, `a list of at most ${max}`);
    return value.map((entry, index) => item(entry, `${field}[${index}]`));
  };
}

function map(fields: Fields): Check {
  return (value, field) => readFields(asObject(value, field), fields, `${field}.`);
}

const counts: Check = (value, field) => {
  const entries = Object.entries(asObject(value, field));
  if (entries.length > MAX_LIST) fail(field, `a map of at most ${MAX_LIST} counts`);
  return Object.fromEntries(entries.map(([key, count]) => [key, uint()(count, `${field}.${key}`)]));
};

function optional(check: Check): Check {
  return (value, field) => (value === undefined || value === null ? undefined : check(value, field));
}

function asObject(value: unknown, field: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof Uint8Array) {
    fail(field, 'a map');
  }
  return value as Record<string, unknown>;
}

function readFields(source: Record<string, unknown>, fields: Fields, prefix: string): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  for (const [key, check] of Object.entries(fields)) {
    const value = check(Object.hasOwn(source, key) ? source[key] : undefined, prefix + key);
    if (value !== undefined) out[key] = value;
  }
  return out;
}

const u32 = uint(0xffff_ffff);
const slot = uint(7);
const generation = uint(255);
const id = { id: u32 };

const motion = map({
  codec: text,
  fps: number(1, 120),
  channels: uint(93),
  extras: optional(list(text, 32)),
  config: optional(bytes),
});

const voice = map({
  codec: oneOf('opus'),
  sampleRate: oneOf(48_000),
  channels: oneOf(1, 2),
  frameMs: number(2.5, 60),
});

const media = { motion: optional(motion), voice: optional(voice) };
const liver = { slot, gen: generation, sub: text, name: optional(text), ...media };

const CLIENT: Record<MessagesFrom['client']['t'], Fields> = {
  hello: { v: uint(), token: text, agent: optional(text) },
  publish: { ...id, ...media },
  unpublish: id,
  watch: id,
  unwatch: id,
  report: {
    marginMs: number(0, 10_000),
    lagP99Ms: optional(number(-1e9, 1e9)),
    lost: optional(uint()),
    asks: optional(bool),
  },
  comments: {},
  comment: { ...id, text: comment },
  gifts: { after: optional(uint()) },
  gift: { ...id, ticket: text },
};

const RELAY: Record<MessagesFrom['relay']['t'], Fields> = {
  welcome: {
    v: uint(),
    session: text,
    room: text,
    alias: uint(0x3fff_ffff),
    sub: text,
    name: optional(text),
    roles: list(text, MAX_LIST),
    budgetMs: u32,
    livers: list(map(liver), MAX_LIVERS),
  },
  publishing: { ...id, slot, gen: generation },
  done: id,
  liver,
  left: { slot, gen: generation },
  uplink: {
    received: uint(),
    lost: uint(),
    duplicate: uint(),
    lagMs: map({ p50: number(-1e9, 1e9), p99: number(-1e9, 1e9) }),
    uncertaintyMs: number(0, 1e9),
    refused: counts,
    holdMs: optional(number(0, 60)),
    repair: optional(oneOf('none', 'repeat', 'since_key')),
    spacingMs: optional(number(0, 500)),
    voiceBitrate: optional(uint(510_000)),
  },
  error: { id: optional(u32), code: text, message: text, retryable: bool },
  draining: { deadlineMs: u32 },
  comment: { n: uint(), sub: text, name: optional(text), text: comment, at: uint() },
  gifts: { after: uint() },
  gifted: { ...id, n: uint(), gift: uint(), at: uint(), repeat: bool },
  gift: {
    n: uint(),
    kind: oneOf('gift', 'void', 'refund'),
    jti: text,
    of: optional(text),
    sub: text,
    name: optional(text),
    liver: text,
    item: text,
    amount: uint(),
    currency: text,
    at: uint(),
  },
};

const TABLES: Record<keyof MessagesFrom, Record<string, Fields>> = { client: CLIENT, relay: RELAY };

/** Reads a decoded map as a message from one side; unknown fields are left out. Throws MessageError. */
export function validateMessage<Side extends keyof MessagesFrom>(from: Side, value: unknown): MessagesFrom[Side] {
  const source = asObject(value, 'message');
  const t = Object.hasOwn(source, 't') ? source['t'] : undefined;
  const table = TABLES[from];
  if (typeof t !== 'string' || !Object.hasOwn(table, t)) {
    const named = typeof t === 'string' ? `"${t.slice(0, 40)}"` : typeof t;
    throw new MessageError('unknown_type', `no message from the ${from} is named ${named}`);
  }
  return { t, ...readFields(source, table[t]!, '') } as unknown as MessagesFrom[Side];
}
