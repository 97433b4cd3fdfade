import { retryMs } from './decide.ts';
import { type FleetState, type Outcome, type ScaleRules, zoneKey } from './types.ts';

/** Creates of a zone that fail in a row until others are tried. */
const BAD_AFTER = 3;
const BAD_MS = 120_000;
const BAD_MAX_MS = 600_000;
/** A person has to ask the provider for more. */
const LIMIT_MS = 600_000;
const REMOVE_RETRY_MS = 15_000;

/** The state after an action was answered. What is not answered, as in a crash, is as if its outcome were not known. */
export function settle(before: FleetState, outcome: Outcome, nowMs: number, rules: ScaleRules): FleetState {
  const state = structuredClone(before);
  const machine = state.machines[outcome.id];
  if (!machine) return state;
  if (outcome.of === 'remove') {
    if (!outcome.ok) machine.nextMs = nowMs + REMOVE_RETRY_MS;
    return state;
  }
  if (machine.phase !== 'wanted') return state;
  state.providers[machine.provider] ??= { pausedMs: 0 };
  const provider = state.providers[machine.provider]!;
  const zone = zoneKey(machine.provider, machine.zone);
  if (outcome.ok) {
    delete provider.full;
    delete state.zones[zone];
    delete machine.unsure;
    machine.phase = 'starting';
    machine.sinceMs = nowMs;
    return state;
  }
  const { code, retryAfterMs } = outcome;
  // What was not done, and what is there already, needs no guess.
  if (code !== 'outcome_unknown' && code !== 'label_taken') delete machine.unsure;
  machine.nextMs = Math.max(machine.nextMs, nowMs + retryMs(machine.attempts, rules));
  if (code === 'rate_limited') {
    provider.pausedMs = Math.max(provider.pausedMs, nowMs + (retryAfterMs ?? rules.createRetryMs));
    machine.nextMs = provider.pausedMs;
  } else if (code === 'account_limit') {
    provider.pausedMs = nowMs + LIMIT_MS;
    provider.full = true;
  } else if (code === 'unavailable' || code === 'outcome_unknown') {
    const failures = (state.zones[zone]?.failures ?? 0) + 1;
    const badMs = failures < BAD_AFTER ? 0 : nowMs + Math.min(BAD_MAX_MS, BAD_MS * (failures - BAD_AFTER + 1));
    state.zones[zone] = { failures, badMs };
  }
  return state;
}
