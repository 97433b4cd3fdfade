import { isComing, isDark, type Spread, spreadOf } from './shares.ts';
import { type Alarm, type FleetState, type MachineState, type Observation, type ScaleRules, zoneKey } from './types.ts';

/** One region as it is looked at. */
interface Look {
  state: FleetState;
  seen: Observation;
  nowMs: number;
  rules: ScaleRules;
  region: string;
  /** Providers that may be given more machines. */
  open: readonly string[];
  /** Of what serves and comes; changes with what is decided. */
  spread: Spread;
}

/** More intents, or drains: what brings each region to what it needs, and its providers to their shares. Changes the state. */
export function resize(state: FleetState, seen: Observation, nowMs: number, rules: ScaleRules, alarms: Alarm[]): void {
  for (const [region, { min, max, zones }] of Object.entries(rules.regions)) {
    const { least, most } = seen.need[region] ?? { least: 0, most: Number.POSITIVE_INFINITY };
    const open = Object.keys(zones).filter((provider) => isOpen(state, region, provider, nowMs, rules));
    withdraw(state, region, open);
    const spread = spreadOf(state, region, seen.shares, rules);
    const look: Look = { state, seen, nowMs, rules, region, open, spread };
    const of = Object.values(state.machines).filter((machine) => machine.region === region);
    const serving = of.filter(({ phase }) => phase === 'serving');
    const coming = of.filter((machine) => isComing(state, machine));
    const have = serving.length + coming.length;
    const want = Math.min(max, Math.max(min, least));
    const limit = Math.max(min, Math.min(max, most));
    if (least > max) {
      alarms.push({ code: 'at_max', of: region, text: `needs ${least} relays, may have ${max}` });
    }
    if (have < want) grow(look, have, want);
    else {
      const left = have - giveUp(look, coming, have, limit);
      // Who comes is no relay yet.
      if (seen.directory) {
        drain(look, of, serving, Math.min(left - limit, serving.length - want), limit);
        shift(look, { have: left, target: Math.min(left, limit), serving: serving.length, coming: coming.length });
      }
    }
    // A zone that fails is not waited for.
    for (const machine of coming) {
      const { id, provider, zone, phase } = machine;
      if (phase !== 'wanted' || !state.machines[id] || !isBad(state, provider, zone, nowMs) || !zones[provider])
        continue;
      machine.zone = emptiest(look, provider, machine);
    }
  }
  for (const [zone, { failures, badMs }] of Object.entries(state.zones)) {
    if (badMs <= nowMs) continue;
    alarms.push({ code: 'zone_fails', of: zone, text: `${failures} creates in a row failed` });
  }
}

const isBad = (state: FleetState, provider: string, zone: string, nowMs: number): boolean =>
  (state.zones[zoneKey(provider, zone)]?.badMs ?? 0) > nowMs;

/** It answers, or was silent for a moment only; its account has room, and some zone of the region does not fail. */
function isOpen(state: FleetState, region: string, provider: string, nowMs: number, rules: ScaleRules): boolean {
  const { silentMs, full, pausedMs = 0 } = state.providers[provider] ?? {};
  const silent = silentMs !== undefined && nowMs - silentMs > rules.lostMs;
  const zones = rules.regions[region]!.zones[provider]!;
  const good = zones.some((zone) => !isBad(state, provider, zone, nowMs));
  return !isDark(state, provider) && !silent && !(full && pausedMs > nowMs) && good;
}

/** Intents of which nothing was made are had elsewhere when their provider gives nothing. */
function withdraw(state: FleetState, region: string, open: readonly string[]): void {
  if (open.length === 0) return;
  for (const machine of Object.values(state.machines)) {
    if (machine.region !== region || machine.phase !== 'wanted' || machine.unsure) continue;
    if (!open.includes(machine.provider)) delete state.machines[machine.id];
  }
}

function grow(look: Look, have: number, want: number): void {
  const { state, seen, rules, region, open, spread } = look;
  const named = Object.keys(rules.regions[region]!.zones).filter((name) => !isDark(state, name));
  // Who has no share is for the day when nobody else gives anything.
  const shared = open.filter((name) => (seen.shares[region]?.[name] ?? 0) > 0);
  const among = shared.length > 0 ? shared : open.length > 0 ? open : named;
  for (let count = have + 1; count <= want; count += 1) {
    const provider = spread.behind(among, count);
    if (provider === undefined || !intend(look, provider)) return;
  }
}

/** A machine more is asked for by a list of just now only: the state alone may be behind. */
function intend(look: Look, provider: string): boolean {
  const { state, seen, nowMs, region, spread } = look;
  if (!seen.machines[provider] || !state.complete) return false;
  const id = `${region}-f-${state.next}`;
  state.next += 1;
  const zone = emptiest(look, provider);
  state.machines[id] = { id, region, provider, zone, phase: 'wanted', sinceMs: nowMs, attempts: 0, nextMs: nowMs };
  spread.add(provider, 1);
  return true;
}

/** Intents that nobody asked for yet, of providers beyond their share. */
function giveUp({ state, spread }: Look, coming: readonly MachineState[], have: number, limit: number): number {
  let given = 0;
  for (const machine of coming) {
    const { id, provider, phase, unsure } = machine;
    if (have - given <= limit || phase !== 'wanted' || unsure || spread.beyond(provider, limit) <= 0) continue;
    delete state.machines[id];
    spread.add(provider, -1);
    given += 1;
  }
  return given;
}

/**
 * Relays of a provider with too few come before those of one with too many go: at most `drainShare` of the region's stand beside
 * each other, and the drains follow once they serve, for then the region has more than it needs.
 */
function shift(
  look: Look,
  { have, target, serving, coming }: { have: number; target: number; serving: number; coming: number },
): void {
  const { open, rules, spread } = look;
  const beside = Math.max(1, Math.floor(serving * rules.drainShare));
  // As it will be once those are gone that are too many.
  const then = spread.copy();
  for (let n = have; n > target; n -= 1) {
    const from = then.ahead(then.providers(), target);
    if (from !== undefined) then.add(from, -1);
  }
  for (let room = beside - Math.max(have - target, coming); room > 0; room -= 1) {
    const move = then.move(open, target);
    if (!move || !intend(look, move.to)) return;
    then.add(move.from, -1);
    then.add(move.to, 1);
  }
}

/** Where the region has fewest that live, of the provider's zones that do not fail. */
function emptiest({ state, rules, region, nowMs }: Look, provider: string, except?: MachineState): string {
  const zones = rules.regions[region]!.zones[provider]!;
  const there = Object.values(state.machines).filter(
    (each) => each !== except && each.region === region && each.provider === provider && each.phase !== 'lost',
  );
  const count = (zone: string) => there.filter((each) => each.zone === zone).length;
  const good = zones.filter((zone) => !isBad(state, provider, zone, nowMs));
  const among = good.length > 0 ? good : zones;
  return among.reduce((a, b) => (count(b) < count(a) ? b : a));
}

/** So long a drain's rooms may be on their way; what is left after that stays for long. */
const MOVING_MS = 120_000;

/**
 * Of the provider most beyond its share, of its zone with most relays, who has fewest viewers, one after the other: a zone that
 * fails should take few along.
 */
function drain(
  { seen, nowMs, rules, spread }: Look,
  of: readonly MachineState[],
  serving: readonly MachineState[],
  over: number,
  limit: number,
): void {
  const under = of.filter(({ phase, sinceMs }) => phase === 'draining' && nowMs - sinceMs < MOVING_MS).length;
  const atOnce = Math.max(1, Math.floor(serving.length * rules.drainShare)) - under;
  const viewers = new Map(seen.relays.map((relay) => [relay.id, relay.viewers]));
  const perZone = new Map<string, number>();
  const zoneOf = ({ provider, zone }: MachineState) => zoneKey(provider, zone);
  for (const machine of serving) perZone.set(zoneOf(machine), (perZone.get(zoneOf(machine)) ?? 0) + 1);
  let heard = serving.filter(({ id }) => viewers.has(id));
  for (let n = Math.min(over, atOnce); n > 0; n -= 1) {
    const beyond = heard.filter(({ provider }) => spread.beyond(provider, limit) > 0);
    const provider = spread.ahead([...new Set(beyond.map((each) => each.provider))], limit);
    if (provider === undefined) return;
    const rank = (machine: MachineState) => [-perZone.get(zoneOf(machine))!, viewers.get(machine.id)!] as const;
    const next = heard
      .filter((each) => each.provider === provider)
      .reduce((a, b) => {
        const [[zoneA, ofA], [zoneB, ofB]] = [rank(a), rank(b)];
        return zoneB < zoneA || (zoneB === zoneA && ofB < ofA) ? b : a;
      });
    heard = heard.filter((each) => each !== next);
    perZone.set(zoneOf(next), perZone.get(zoneOf(next))! - 1);
    spread.add(next.provider, -1);
    next.phase = 'draining';
    next.sinceMs = nowMs;
  }
}
