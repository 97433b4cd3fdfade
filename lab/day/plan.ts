import type { LoadPlan } from './load.ts';
import type { RelayPlan } from './relays.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

export const STEP_MS = 5000;
export const WARM_MS = 2 * HOUR_MS;
export const DAY_MS = 24 * HOUR_MS;
/** The last day of a month: what the fleet forecasts for the month's end is known at midnight. */
export const START_MS = Date.UTC(2026, 2, 31);

/** Fifteen hours apart. */
export const REGIONS = [
  { region: 'jp', offsetHours: 9, zones: ['jp-tyo-3', 'jp-osa', 'ap-northeast'] },
  { region: 'us', offsetHours: -6, zones: ['us-ord', 'us-sea', 'us-iad'] },
] as const;
/** Nine in the evening in Japan. */
export const PEAK_MS = START_MS + 12 * HOUR_MS;

export const LOAD: LoadPlan = {
  regions: REGIONS,
  nightRooms: 110,
  ratio: 20,
  medianMinutes: 45,
  medianViewers: 12,
  mostViewers: 400,
  growMs: 10 * MINUTE_MS,
};

/**
 * Of lab/results/claims/loadtest.5.json, "5 ms, voice all the time": 486.4 us of CPU a viewer and second, 5107 B/s. The limit
 * is docs/capacity.md's: 60 % of one core; egress far from binding.
 */
export const VIEWER = { cpu: 486.4e-6, egressBps: 5107 };
export const LIMITS = { cpu: 0.6, egressBps: 75_000_000, stretch: 1.5 };

export const RELAYS: RelayPlan = {
  viewer: VIEWER,
  limits: LIMITS,
  growMs: LOAD.growMs,
  moveMs: 30_000,
  goneMs: 3000,
  giftsPerViewerSecond: 0.0005,
  // While both regions shrink after their evening.
  backendAway: [
    { region: 'us', fromMs: START_MS + 5 * HOUR_MS, toMs: START_MS + 5.5 * HOUR_MS },
    { region: 'jp', fromMs: START_MS + 14 * HOUR_MS, toMs: START_MS + 14.5 * HOUR_MS },
  ],
};
/** Rooms whose clients know one relay only. */
export const STUCK = 0.005;
/** How days differ: one standard deviation. */
export const DAYS_SPREAD = 0.1;

export const FAULTS = {
  /** Of creates: 500 and not done; 408, done every second time. */
  failing: 0.05,
  timeouts: 0.04,
  /** A death an hour; its machine boots again so much later, one of them never. */
  bootAgainMs: 5 * MINUTE_MS,
  neverAgain: 12,
  outage: { zone: 'jp-tyo-3', fromMs: PEAK_MS - HOUR_MS, forMs: 20 * MINUTE_MS },
};

export const FLEET = {
  scale: {
    regions: Object.fromEntries(
      REGIONS.map(({ region, zones }) => [region, { zones: { linode: zones }, min: 2, max: 80 }]),
    ),
    ...{ labelPrefix: 'hayate-', tag: 'hayate-fleet' },
    ...{ createRetryMs: 15_000, createMaxRetryMs: 300_000, bootLimitMs: 6 * MINUTE_MS },
    ...{ lostMs: 20_000, darkMs: 10_000, drainMs: 10 * MINUTE_MS, drainShare: 0.25 },
  },
  need: { leadMs: 150_000, keepMs: 10 * MINUTE_MS, sigmas: 1, fill: 0.96, fallMs: MINUTE_MS },
  place: { limits: LIMITS, viewer: VIEWER, viewers: 20, growMs: LOAD.growMs },
};
/** From the create to the relay in the directory: what the fake takes, and one look. */
export const BOOT_MS = 94_000;
export const TICK_MS = 10_000;
