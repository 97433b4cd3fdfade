import type { Contains } from '../metrics/sinks.ts';

export type TimeUnit = 's' | 'ms' | 'us' | undefined;

const UNIT: Record<'s' | 'ms' | 'us', { suffix: string; factor: number }> = {
  s: { suffix: 's', factor: 1e-3 },
  ms: { suffix: 'ms', factor: 1 },
  us: { suffix: 'µs', factor: 1e3 },
};

/** At most `digits` decimals, cut and not rounded, without zeros at the end. */
function cut(value: number, digits: number): string {
  const factor = 10 ** digits;
  return trimmed((Math.trunc(value * factor) / factor).toFixed(digits));
}

function trimmed(fixed: string): string {
  return fixed.includes('.') ? fixed.replace(/\.?0+$/, '') : fixed;
}

/** A number as in k6's summary: at most six decimals. */
export function formatNumber(value: number): string {
  return trimmed(value.toFixed(6));
}

/** ms as `1.5s`, `12.34ms`, `2m5s`; or all in one unit. */
export function formatTime(ms: number, unit: TimeUnit = undefined): string {
  if (unit) return `${(ms * UNIT[unit].factor).toFixed(2)}${UNIT[unit].suffix}`;
  const size = Math.abs(ms);
  if (ms === 0) return '0s';
  if (size < 0.001) return `${Math.trunc(ms * 1e6)}ns`;
  if (size < 1) return `${cut(ms * 1000, 2)}µs`;
  if (size < 1000) return `${cut(ms, 2)}ms`;
  const seconds = `${cut((ms % 60_000) / 1000, size > 60_000 ? 0 : 2)}s`;
  const minutes = Math.trunc(ms / 60_000);
  if (minutes === 0) return seconds;
  const hours = Math.trunc(minutes / 60);
  return hours === 0 ? `${minutes}m${seconds}` : `${hours}h${minutes % 60}m${seconds}`;
}

const BYTES = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];

export function formatBytes(bytes: number): string {
  if (Math.abs(bytes) < 10) return `${trimmed(bytes.toFixed(6))} B`;
  const power = Math.min(Math.floor(Math.log10(Math.abs(bytes)) / 3), BYTES.length - 1);
  const value = Math.floor((bytes / 1000 ** power) * 10 + 0.5) / 10;
  return `${value.toFixed(value < 10 ? 1 : 0)} ${BYTES[power]}`;
}

/** 0.51612 as `51.61%`. */
export function formatShare(share: number): string {
  return `${(Math.trunc(share * 10_000) / 100).toFixed(2)}%`;
}

/** A value of a metric by what it contains. */
export function formatValue(value: number, contains: Contains, unit: TimeUnit): string {
  if (contains === 'time') return formatTime(value, unit);
  return contains === 'data' ? formatBytes(value) : formatNumber(value);
}
