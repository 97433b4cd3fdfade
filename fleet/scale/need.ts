import type { Forecast } from './forecast.ts';

export interface NeedRules {
  /** From the decision to create a relay to its first room, ms. */
  leadMs: number;
  /** What is needed within this time is not drained, ms. */
  keepMs: number;
  /** Standard errors of the forecast that are provided for. */
  sigmas: number;
  /** Share of a relay's limit that is planned with: rooms are of different size, and relays die. */
  fill: number;
  /** A load that falls is believed after so long, ms: rooms of a relay that died come back within it. */
  fallMs: number;
  /** Between samples of the load's trend, which takes the last twenty, ms. Default: 30 s. */
  trendMs?: number;
}

/** Relays that a region needs. @param load is in relays that are full: 1 is the limit of one. */
export function needOf(forecast: Forecast, nowMs: number, rules: NeedRules): { least: number; most: number } {
  const { leadMs, keepMs, sigmas, fill } = rules;
  const soon = forecast.highest(nowMs, 0, leadMs, sigmas);
  const later = forecast.highest(nowMs, 0, keepMs, sigmas);
  const least = Math.ceil(soon / fill);
  return { least, most: Math.max(least, Math.ceil(later / fill)) };
}
