import { isReactionKind } from './community.ts';
import { MessageError } from './errors.ts';

/** Checks a decoded value and gives back a clean one, or throws MessageError `field`. */
export type Check = (value: unknown, field: string) => unknown;
export type Fields = Record<string, Check>;

const MAX_COMMENT_CHARACTERS = 500;
const MAX_COUNTS = 64;
const MAX_REACTION_KINDS = 16;

function fail(field: string, wanted: string): never {
  throw new MessageError('field', `field ${field} is not ${wanted}`, { field });
}

export function number(min: number, max: number): Check {
  return (raw, field) => {
    const value = narrow(raw);
    if (typeof value !== 'number' || !(value >= min && value <= max)) fail(field, `a number in ${min}..${max}`);
    return value;
  };
}

export function uint(max = Number.MAX_SAFE_INTEGER): Check {
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

export function oneOf(...allowed: readonly unknown[]): Check {
  return (value, field) => (allowed.includes(value) ? value : fail(field, `one of ${allowed.join(', ')}`));
}

export const text: Check = (value, field) => (typeof value === 'string' ? value : fail(field, 'text'));
export const bool: Check = (value, field) => (typeof value === 'boolean' ? value : fail(field, 'true or false'));

export const bytes: Check = (value, field) =>
  // The decoder gives a view of the message: a copy outlives it.
  value instanceof Uint8Array ? new Uint8Array(value) : fail(field, 'bytes');

export const comment: Check = (value, field) => {
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

/** Of a liver's `info`. */
export const MAX_INFO_CHARACTERS = 512;

/** Whether `value` may be a liver's `info`: up to 512 code units. */
export const isInfoText = (value: string): boolean => value.length <= MAX_INFO_CHARACTERS;

export const info: Check = (value, field) =>
  typeof value === 'string' && isInfoText(value)
    ? value
    : fail(field, `text of up to ${MAX_INFO_CHARACTERS} characters`);

export function list(item: Check, max: number): Check {
  return (value, field) => {
    if (!Array.isArray(value) || value.length > max) fail(field, `a list of at most ${max}`);
    return value.map((entry, index) => item(entry, `${field}[${index}]`));
  };
}

export function map(fields: Fields): Check {
  return (value, field) => readFields(asObject(value, field), fields, `${field}.`);
}

export const counts: Check = (value, field) => {
  const entries = Object.entries(asObject(value, field));
  if (entries.length > MAX_COUNTS) fail(field, `a map of at most ${MAX_COUNTS} counts`);
  return Object.fromEntries(entries.map(([key, count]) => [key, uint()(count, `${field}.${key}`)]));
};

export function optional(check: Check): Check {
  return (value, field) => (value === undefined || value === null ? undefined : check(value, field));
}

export function asObject(value: unknown, field: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof Uint8Array) {
    fail(field, 'a map');
  }
  return value as Record<string, unknown>;
}

export function readFields(source: Record<string, unknown>, fields: Fields, prefix: string): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  for (const [key, check] of Object.entries(fields)) {
    const value = check(Object.hasOwn(source, key) ? source[key] : undefined, prefix + key);
    if (value !== undefined) out[key] = value;
  }
  return out;
}

/** Text of at most `max` UTF-16 units. */
export function shortText(max: number): Check {
  return (value, field) =>
    typeof value === 'string' && value.length <= max ? value : fail(field, `text up to ${max}`);
}

export const reactionKind: Check = (value, field) =>
  typeof value === 'string' && isReactionKind(value) ? value : fail(field, '1 to 16 of a-z, 0-9, _ and -');

/** Counts by kind of reaction, at most 16. */
export const reactionCounts: Check = (value, field) => {
  const entries = Object.entries(asObject(value, field));
  if (entries.length > MAX_REACTION_KINDS) fail(field, `a map of at most ${MAX_REACTION_KINDS} counts`);
  return Object.fromEntries(
    entries.map(([kind, count]) => [reactionKind(kind, field), uint()(count, `${field}.${kind}`)]),
  );
};

/** Words of a later version are left out. */
export function knownWords(words: readonly string[], max: number): Check {
  const all = list(text, max);
  return (value, field) => (all(value, field) as string[]).filter((word) => words.includes(word));
}
