import { ConfigError } from '../errors.ts';

const UNITS: Record<string, number> = { h: 3_600_000, m: 60_000, s: 1000, ms: 1, us: 1e-3, µs: 1e-3, ns: 1e-6 };

/** `1h30m`, `10s`, `500ms`, or a number of ms, in ms. Throws ConfigError, naming `what`. */
export function parseDuration(value: string | number, what: string): number {
  const text = String(value).trim();
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text);
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(h|ms|m|s|us|µs|ns)/g)];
  if (parts.length === 0 || parts.map(([all]) => all).join('') !== text) {
    throw new ConfigError(`${what} is "${text}", which is no duration; write 30s, 1m30s, 500ms`);
  }
  return parts.reduce((sum, [, number, unit]) => sum + Number(number) * UNITS[unit!]!, 0);
}
