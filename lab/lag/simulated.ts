// Properties of delivery and playout in simulated time, as figures: no clock, no socket, the same on every run.
import { type Hour, listen } from '../../client/test/voice-hour.ts';
import { random } from '../../codec/bench/random.ts';
import { TUNING } from '../../relay/policy/tuning.ts';
import {
  changes,
  lagP99,
  type Scenario,
  simulate,
  type ViewerResult,
  type Way,
} from '../../relay/test/delivery-simulation.ts';
import { round } from './run.ts';

const DIRECT = { voice: 1, holdMs: 0, repair: 'none', spacingMs: 0, layer: 'all', slots: 255, patient: 0 } as const;
const SETTLED_MS = 20_000;
const near: Way = { delayMs: 5, jitterMs: 2 };
const always = (way: Way) => () => way;

function one(scenario: Omit<Scenario, 'viewers'> & { down: (atMs: number) => Way; marginMs?: number }): ViewerResult {
  const { down, marginMs, ...rest } = scenario;
  return simulate({ ...rest, viewers: [{ down, ...(marginMs !== undefined && { marginMs }) }] })[0]!;
}

/** Random steady paths: how far p99 is over the budget, where sending at once would keep it. */
export function budget(paths = 40) {
  const next = random(11);
  const between = (least: number, most: number) => least + next() * (most - least);
  let worstMs = Number.NEGATIVE_INFINITY;
  let kept = 0;
  for (let n = 0; n < paths; n += 1) {
    const way = (): Way => {
      const delayMs = between(1, 45);
      return { delayMs, jitterMs: delayMs * between(0, 0.4) };
    };
    const budgetMs = Math.round(between(80, 150));
    const scenario = {
      seconds: 60,
      seed: n + 1,
      uplink: always(way()),
      down: always(way()),
      marginMs: between(5, 25),
      budgetMs,
    };
    const direct = lagP99(one({ ...scenario, forced: DIRECT }), SETTLED_MS);
    const over = lagP99(one(scenario), SETTLED_MS) - Math.max(budgetMs, direct + 1);
    worstMs = Math.max(worstMs, over);
    if (over <= 0) kept += 1;
  }
  const far = { delayMs: 30, jitterMs: 3 };
  const blind = { ...TUNING, reserveMs: TUNING.reserveMs - 50 };
  const control = lagP99(one({ seconds: 60, uplink: always(far), down: always(near), tuning: blind }), SETTLED_MS);
  return {
    paths,
    kept,
    most_over_ms: round(worstMs),
    control: { what: 'a policy that believes in 50 ms more', p99_ms: round(control), budget_ms: 100 },
  };
}

/** Paths just where one more packet fits and does not: changes of the class in ten minutes. */
export function steadiness() {
  const most = (tuning = TUNING) => {
    let count = 0;
    for (let n = 0; n < 7; n += 1) {
      const result = one({
        seconds: 600,
        seed: n + 1,
        tuning,
        uplink: always({ delayMs: 20, jitterMs: 6 }),
        down: always({ delayMs: 17.5 + n / 2, jitterMs: 6 }),
      });
      count = Math.max(count, changes(result, 30_000));
    }
    return count;
  };
  const hasty = { ...TUNING, upHoldMs: 0, maxUpHoldMs: 0, upSlackMs: 0, downSlackMs: 0, roundTripMs: 0 };
  return {
    most_changes_in_570_s: most(),
    control: {
      what: 'without waiting, without a band and without a mean round trip',
      most_changes_in_570_s: most(hasty),
    },
  };
}

const BURSTS = { fromMs: 30_000, toMs: 50_000, goodMs: 1500, badMs: 250 };

/** Bursts of loss for 20 s: when the class is again what it was, and the lag of what came after. */
export function recovery() {
  const run = (tuning = TUNING) => {
    const { fromMs, toMs, goodMs, badMs } = BURSTS;
    const lossy = { ...near, burst: { goodMs, badMs } };
    const down = (atMs: number) => (atMs >= fromMs && atMs < toMs ? lossy : near);
    const result = one({ seconds: 150, tuning, uplink: always(near), down });
    const before = JSON.stringify(result.decisions.findLast(({ atMs }) => atMs < fromMs)!.decision.delivery);
    const after = result.decisions.filter(({ atMs }) => atMs >= toMs);
    const lastOther = after.findLast(({ decision }) => JSON.stringify(decision.delivery) !== before);
    const back = lastOther === undefined ? toMs : lastOther.atMs + 500;
    const recovered = back <= after.at(-1)!.atMs;
    const missing = result.missing.filter(({ atMs }) => atMs >= toMs + 1000).length;
    return {
      seconds_to_the_old_class: recovered ? (back - toMs) / 1000 : null,
      p99_ms_after: round(lagP99(result, toMs + 1000)),
      units_missing_after: missing,
    };
  };
  const never = { ...TUNING, repairHoldMs: 1e9, maxRepairHoldMs: 1e9 };
  return { ...run(), control: { what: 'a policy that never gives repair up', ...run(never) } };
}

/** One viewer reports what it likes: what the others get, and what it gains. */
export function liars() {
  const uplink = always({ delayMs: 20, jitterMs: 3 });
  const honest = { down: always({ ...near, loss: 0.02 }) };
  const calm = { down: always(near) };
  const claims: Record<string, (atMs: number) => number> = {
    nothing: () => Number.NaN,
    zero: () => 0,
    negative: () => -1e9,
    huge: () => 1e9,
    infinite: () => Number.POSITIVE_INFINITY,
    swinging: (atMs) => (atMs % 2000 === 0 ? 0 : 1e9),
  };
  const truth = simulate({ seconds: 60, uplink, viewers: [calm, honest, calm] });
  const direct = simulate({ seconds: 60, uplink, viewers: [calm, honest, calm], forced: DIRECT });
  const same = (a: ViewerResult | undefined, b: ViewerResult | undefined) => JSON.stringify(a) === JSON.stringify(b);
  let othersChanged = 0;
  let repaired = 0;
  let mostBytes = 0;
  for (const reportMs of Object.values(claims)) {
    const lied = simulate({ seconds: 60, uplink, viewers: [{ ...calm, reportMs }, honest, calm] });
    if (!same(lied[1], truth[1]) || !same(lied[2], truth[2])) othersChanged += 1;
    if (lied[0]!.decisions.some(({ decision }) => decision.delivery.repair !== 'none')) repaired += 1;
    mostBytes = Math.max(mostBytes, lied[0]!.bytes);
  }
  const voice = (reportMs: number) =>
    simulate({ seconds: 30, uplink, viewers: [{ ...calm, reportMs: () => reportMs }] })[0]!.decisions.at(-1)!.decision
      .delivery.voice;
  return {
    lies: Object.keys(claims),
    lies_that_changed_anything_for_others: othersChanged,
    lies_that_gained_repair: repaired,
    bytes_to_sending_at_once: round(mostBytes / direct[0]!.bytes, 3),
    control: { what: 'a report counts for who sends it', n_at_5_ms: voice(5), n_at_60_ms: voice(60) },
  };
}

/** An hour of voice with crystals 400 ppm apart. */
export function voiceHour() {
  const path = { oneWayMs: 20, jitterMs: 10 };
  const hear = (hour: Omit<Hour, 'oneWayMs' | 'jitterMs'>) => {
    const { gapRatio, missed, counts, offMs } = listen({ ...path, ...hour });
    return {
      gap_ratio: round(gapRatio, 6),
      missed_ratio: round(missed, 6),
      jumps: counts.jumps,
      most_off_ms: round(offMs, 1),
    };
  };
  return {
    'mic +200, card -200 ppm': hear({ seconds: 3600, micPpm: 200, cardPpm: -200 }),
    'mic -200, card +200 ppm': hear({ seconds: 3600, micPpm: -200, cardPpm: 200 }),
    control: {
      what: 'a player that does not follow the microphone, 15 minutes',
      ...hear({ seconds: 900, micPpm: -200, cardPpm: 0, follow: false }),
    },
  };
}
