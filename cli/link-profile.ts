import { HayateError } from '@hayate/codec/errors';
import type { LinkOptions, LinkProfile } from '@hayate/engine';

export const LINK_SYNTAX = `delay=MS,jitter=MS,loss=PERCENT,burst=GOOD_MS/BAD_MS,rate=KBPS,queue=MS,reorder=PERCENT,dup=PERCENT,seed=N`;

const KEYS = ['delay', 'jitter', 'loss', 'burst', 'rate', 'queue', 'reorder', 'dup', 'seed'] as const;

function refuse(text: string, why: string): HayateError {
  return new HayateError('invalid_argument', `link profile "${text}": ${why}. Syntax: ${LINK_SYNTAX}`);
}

function number(text: string, key: string, value: string, limits: { min?: number; max: number }): number {
  const parsed = /^\d+(\.\d+)?$/.test(value) ? Number(value) : Number.NaN;
  const min = limits.min ?? 0;
  if (!(parsed >= min && parsed <= limits.max)) {
    throw refuse(text, `${key} wants a number from ${min} to ${limits.max}, not "${value}"`);
  }
  return parsed;
}

/** `2%` and `2` both mean 2 percent; the result is a share. */
function percent(text: string, key: string, value: string): number {
  return number(text, key, value.endsWith('%') ? value.slice(0, -1) : value, { max: 100 }) / 100;
}

/** One direction: `delay=35,jitter=5,loss=2%`. Throws `invalid_argument`. */
export function parseLinkProfile(text: string): LinkProfile {
  const profile: LinkProfile = {};
  const seen = new Set<string>();
  for (const part of text.split(',')) {
    const [rawKey = '', value = '', ...more] = part.split('=');
    const key = rawKey.trim();
    if (value.trim() === '' || more.length > 0) throw refuse(text, `"${part.trim()}" is not key=value`);
    if (seen.has(key)) throw refuse(text, `${key} is given twice`);
    seen.add(key);
    setKey(profile, text, key, value.trim());
  }
  if (profile.jitterMs !== undefined && profile.jitterMs > (profile.delayMs ?? 0)) {
    throw refuse(text, 'jitter is more than delay: a packet cannot arrive before it left');
  }
  return profile;
}

function setKey(profile: LinkProfile, text: string, key: string, value: string): void {
  switch (key) {
    case 'delay':
      profile.delayMs = number(text, key, value, { max: 10_000 });
      break;
    case 'jitter':
      profile.jitterMs = number(text, key, value, { max: 10_000 });
      break;
    case 'loss':
      profile.loss = percent(text, key, value);
      break;
    case 'burst': {
      const [good = '', bad = '', ...more] = value.split('/');
      if (more.length > 0) throw refuse(text, `burst wants GOOD_MS/BAD_MS, not "${value}"`);
      profile.burst = {
        goodMs: number(text, 'burst (good)', good, { min: 1, max: 3_600_000 }),
        badMs: number(text, 'burst (bad)', bad, { min: 1, max: 3_600_000 }),
      };
      break;
    }
    case 'rate':
      profile.rateKbps = number(text, key, value, { min: 1, max: 10_000_000 });
      break;
    case 'queue':
      profile.queueMs = number(text, key, value, { max: 10_000 });
      break;
    case 'reorder':
      profile.reorder = percent(text, key, value);
      break;
    case 'dup':
      profile.duplicate = percent(text, key, value);
      break;
    case 'seed':
      profile.seed = number(text, key, value, { max: 2 ** 32 - 1 });
      if (!Number.isInteger(profile.seed)) throw refuse(text, `seed wants a whole number, not "${value}"`);
      break;
    default:
      throw refuse(text, `unknown key "${key}" (known: ${KEYS.join(', ')})`);
  }
}

/**
 * Both directions as a client's socket sees them: up is what it sends. `up:...;down:...`, either alone, or one profile
 * for both. Then the way down takes the next seed, so that the two do not lose the same packets.
 */
export function parseLink(text: string): LinkOptions {
  const link: LinkOptions = {};
  const parts = text.split(';').map((part) => part.trim());
  const prefixed = parts.filter((part) => /^(up|down):/.test(part));
  if (prefixed.length === 0) {
    if (parts.length > 1) throw refuse(text, 'two parts want the prefixes up: and down:');
    const tx = parseLinkProfile(text.trim());
    return { tx, rx: tx.seed === undefined ? { ...tx } : { ...tx, seed: (tx.seed + 1) % 2 ** 32 } };
  }
  if (prefixed.length !== parts.length) throw refuse(text, 'either every part has a prefix up: or down:, or none');
  for (const part of parts) {
    const up = part.startsWith('up:');
    const direction = up ? 'tx' : 'rx';
    if (link[direction]) throw refuse(text, `${up ? 'up:' : 'down:'} is given twice`);
    link[direction] = parseLinkProfile(part.slice(part.indexOf(':') + 1));
  }
  return link;
}
