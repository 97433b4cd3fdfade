import type { Alarm, FleetState, MachineState, Observation, ScaleRules } from './types.ts';

/** More intents, or drains: what brings each region to what it needs. Changes the state. */
export function resize(state: FleetState, seen: Observation, nowMs: number, rules: ScaleRules, alarms: Alarm[]): void {
  for (const [region, { min, max, zones }] of Object.entries(rules.regions)) {
    const { least, most } = seen.need[region] ?? { least: 0, most: Number.POSITIVE_INFINITY };
    const of = Object.values(state.machines).filter((machine) => machine.region === region);
    const serving = of.filter(({ phase }) => phase === 'serving');
    const coming = of.filter(({ phase }) => phase === 'wanted' || phase === 'starting');
    const have = serving.length + coming.length;
    const want = Math.min(max, Math.max(min, least));
    if (least > max) {
      alarms.push({ code: 'at_max', of: region, text: `needs ${least} relays, may have ${max}` });
    }
    // A machine more is asked for by a list of just now only: the state alone may be behind.
    if (have < want && seen.machines) {
      for (let n = have; n < want; n += 1) intend(state, region, zones, nowMs);
    } else if (have > Math.max(min, Math.min(max, most))) {
      let over = have - Math.max(min, Math.min(max, most));
      // Nobody asked for these yet.
      for (const machine of coming) {
        if (over === 0 || machine.phase !== 'wanted' || machine.unsure) continue;
        delete state.machines[machine.id];
        over -= 1;
      }
      if (seen.directory) drain(of, serving, over, seen, nowMs, rules);
    }
    // A zone that fails is not waited for.
    for (const machine of coming) {
      if (machine.phase !== 'wanted' || !state.machines[machine.id] || !isBad(state, machine.zone, nowMs)) continue;
      machine.zone = emptiest(state, region, zones, nowMs, machine);
    }
  }
  for (const [zone, { failures, badMs }] of Object.entries(state.zones)) {
    if (badMs <= nowMs) continue;
    alarms.push({ code: 'zone_fails', of: zone, text: `${failures} creates in a row failed` });
  }
}

function intend(state: FleetState, region: string, zones: readonly string[], nowMs: number): void {
  const id = `${region}-f-${state.next}`;
  state.next += 1;
  const zone = emptiest(state, region, zones, nowMs);
  state.machines[id] = { id, region, zone, phase: 'wanted', sinceMs: nowMs, attempts: 0, nextMs: nowMs };
}

const isBad = (state: FleetState, zone: string, nowMs: number): boolean => (state.zones[zone]?.badMs ?? 0) > nowMs;

/** Where the region has fewest that live, of zones that do not fail. */
function emptiest(
  state: FleetState,
  region: string,
  zones: readonly string[],
  nowMs: number,
  except?: MachineState,
): string {
  const count = (zone: string) =>
    Object.values(state.machines).filter(
      (each) => each !== except && each.region === region && each.zone === zone && each.phase !== 'lost',
    ).length;
  const good = zones.filter((zone) => !isBad(state, zone, nowMs));
  const among = good.length > 0 ? good : zones;
  return among.reduce((a, b) => (count(b) < count(a) ? b : a));
}

/** So long a drain's rooms may be on their way; what is left after that stays for long. */
const MOVING_MS = 120_000;

/** Of the zone with most relays who has fewest viewers, one after the other: a zone that fails should take few along. */
function drain(
  of: readonly MachineState[],
  serving: readonly MachineState[],
  over: number,
  seen: Observation,
  nowMs: number,
  rules: ScaleRules,
): void {
  const under = of.filter(({ phase, sinceMs }) => phase === 'draining' && nowMs - sinceMs < MOVING_MS).length;
  const atOnce = Math.max(1, Math.floor(serving.length * rules.drainShare)) - under;
  const viewers = new Map(seen.relays.map((relay) => [relay.id, relay.viewers]));
  const perZone = new Map<string, number>();
  for (const { zone } of serving) perZone.set(zone, (perZone.get(zone) ?? 0) + 1);
  const heard = serving.filter(({ id }) => viewers.has(id));
  for (let n = Math.min(over, atOnce); n > 0 && heard.length > 0; n -= 1) {
    const rank = ({ id, zone }: MachineState) => [-perZone.get(zone)!, viewers.get(id)!] as const;
    const next = heard.reduce((a, b) => {
      const [[zoneA, ofA], [zoneB, ofB]] = [rank(a), rank(b)];
      return zoneB < zoneA || (zoneB === zoneA && ofB < ofA) ? b : a;
    });
    heard.splice(heard.indexOf(next), 1);
    perZone.set(next.zone, perZone.get(next.zone)! - 1);
    next.phase = 'draining';
    next.sinceMs = nowMs;
  }
}
