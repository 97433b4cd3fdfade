import type { Machine } from '../provider/types.ts';
import { resize } from './resize.ts';
import { isDark } from './shares.ts';
import type { Action, Alarm, FleetState, MachineState, Observation, RelayReport, ScaleRules } from './types.ts';

export interface Decision {
  /** To be kept before the actions are carried out. */
  state: FleetState;
  actions: Action[];
  /** All that hold now. */
  alarms: Alarm[];
}

/** A state as it was read after a start: who was silent meanwhile had nobody to hear it. */
export function resumed(before: FleetState, nowMs: number): FleetState {
  const state = structuredClone(before);
  for (const machine of Object.values(state.machines)) if (machine.heardMs !== undefined) machine.heardMs = nowMs;
  return state;
}

/** Whether a drained relay's machine may be removed. */
export type Deletable = (report: RelayReport) => boolean;

/** Nobody is there and nothing is left to send. Not known is not zero. */
export const isDeletable: Deletable = ({ draining, rooms, giftsHeld }) => draining && rooms === 0 && giftsHeld === 0;

/** That a relay drains is known before its figures of then are: a room may have been let in a moment before. They come each second. */
const FIGURES_MS = 3000;

/** A list that was asked for before a create was answered may miss it; and Linode's lists may lag. */
const LIST_LAG_MS = 60_000;

/**
 * What to do next: `(state, what is seen, now) -> state, actions`. The same call after a restart goes on where the state was
 * written last; what happened since is in the provider's list and the directory.
 */
export function decide(
  before: FleetState,
  seen: Observation,
  nowMs: number,
  rules: ScaleRules,
  deletable: Deletable = isDeletable,
): Decision {
  const state = structuredClone(before);
  const alarms: Alarm[] = [];
  const byId = new Map(seen.relays.map((relay) => [relay.id, relay]));
  const machines = new Map<string, ReadonlyMap<string, Machine>>();
  for (const [provider, answer] of Object.entries(seen.machines)) {
    hear(state, provider, answer !== undefined, nowMs);
    if (!answer) continue;
    const list = ours(answer.list, rules, alarms);
    machines.set(provider, list);
    adopt(state, provider, list, byId, nowMs, rules);
  }
  if (machines.size === Object.keys(seen.machines).length) state.complete = true;
  darken(state, seen, byId, nowMs, rules, alarms);
  for (const machine of Object.values(state.machines)) {
    const there = machines.get(machine.provider)?.get(machine.id);
    const answer = seen.machines[machine.provider];
    if (answer && !there) missing(state, machine, answer.atMs, alarms);
    if (state.machines[machine.id])
      advance(machine, there, byId.get(machine.id), {
        ...{ seen, nowMs, rules, deletable, alarms, dark: isDark(state, machine.provider) },
      });
  }
  resize(state, seen, nowMs, rules, alarms);
  return { state, actions: actionsOf(state, machines, byId, nowMs, rules), alarms };
}

function hear(state: FleetState, provider: string, answers: boolean, nowMs: number): void {
  state.providers[provider] ??= { pausedMs: 0 };
  const known = state.providers[provider];
  if (answers) {
    delete known.silentMs;
    delete known.darkMs;
  } else known.silentMs ??= nowMs;
}

/** A provider is dark that gives no list and of whose relays none is heard. One of both alone says nothing of the other. */
function darken(
  state: FleetState,
  seen: Observation,
  relays: ReadonlyMap<string, RelayReport>,
  nowMs: number,
  rules: ScaleRules,
  alarms: Alarm[],
): void {
  for (const [name, provider] of Object.entries(state.providers)) {
    const { silentMs } = provider;
    if (silentMs === undefined) continue;
    const of = Object.values(state.machines).filter((machine) => machine.provider === name);
    const heard = of.flatMap(({ heardMs }) => heardMs ?? []);
    if (of.some(({ id }) => relays.has(id))) delete provider.darkMs;
    else if (seen.directory && heard.length > 0 && nowMs - Math.max(silentMs, ...heard) >= rules.darkMs) {
      provider.darkMs ??= nowMs;
    }
    if (provider.darkMs !== undefined) {
      const text =
        'gives no list, and none of its relays is heard: their work is done elsewhere, its machines are kept';
      alarms.push({ code: 'provider_dark', of: name, text });
    } else if (nowMs - silentMs > rules.lostMs) {
      alarms.push({ code: 'provider_silent', of: name, text: 'gives no list; its relays stay as they are' });
    }
  }
}

/** Tag and label must both be the fleet's: either may be on somebody else's machine by mistake. */
function ours(
  list: readonly Machine[],
  { tag, labelPrefix, regions }: ScaleRules,
  alarms: Alarm[],
): Map<string, Machine> {
  const codes = Object.keys(regions);
  const found = new Map<string, Machine>();
  for (const machine of list) {
    const id = machine.label.slice(labelPrefix.length);
    const known = machine.label.startsWith(labelPrefix) && codes.some((code) => idPattern(code).test(id));
    if (machine.tags.includes(tag) && known) found.set(id, machine);
    else alarms.push({ code: 'not_ours', of: machine.label, text: 'has the tag or the label of this fleet, not both' });
  }
  return found;
}

const idPattern = (region: string): RegExp => new RegExp(`^${region}-f-\\d+$`);

/** Machines that the state does not know, as after it was lost: they are this fleet's by tag and label. */
function adopt(
  state: FleetState,
  provider: string,
  machines: ReadonlyMap<string, Machine>,
  relays: ReadonlyMap<string, RelayReport>,
  nowMs: number,
  rules: ScaleRules,
): void {
  for (const [id, machine] of machines) {
    const number = Number(id.slice(id.lastIndexOf('-') + 1));
    state.next = Math.max(state.next, number + 1);
    if (state.machines[id]) continue;
    const region = Object.keys(rules.regions).find((code) => idPattern(code).test(id))!;
    // It may have served: without a word of its relay it is lost, not new, and so never removed unheard.
    const phase = relays.has(id) ? 'serving' : 'lost';
    state.machines[id] = { id, region, provider, zone: machine.zone, phase, sinceMs: nowMs, attempts: 0, nextMs: 0 };
  }
}

/** The provider does not have it. */
function missing(state: FleetState, machine: MachineState, listMs: number, alarms: Alarm[]): void {
  if (machine.phase === 'wanted' || listMs - machine.sinceMs < LIST_LAG_MS) {
    // What is being removed is gone as soon as a list that was asked for later says so.
    if (machine.phase === 'removing' && listMs > machine.sinceMs) delete state.machines[machine.id];
    return;
  }
  if (machine.phase !== 'removing') {
    alarms.push({ code: 'vanished', of: machine.id, text: 'somebody else removed its machine' });
  }
  delete state.machines[machine.id];
}

interface Context {
  seen: Observation;
  nowMs: number;
  rules: ScaleRules;
  deletable: Deletable;
  alarms: Alarm[];
  /** Its provider is. */
  dark: boolean;
}

function enter(machine: MachineState, phase: MachineState['phase'], nowMs: number): void {
  machine.phase = phase;
  machine.sinceMs = nowMs;
}

/** One machine by what is seen of it. */
function advance(
  machine: MachineState,
  there: Machine | undefined,
  relay: RelayReport | undefined,
  context: Context,
): void {
  const { seen, nowMs, rules, deletable, alarms, dark } = context;
  if (relay) machine.heardMs = nowMs;
  if (relay?.draining) machine.drainedMs ??= nowMs;
  else if (relay) delete machine.drainedMs;
  if (there) machine.zone = there.zone;
  if (machine.phase === 'wanted' && (there || relay)) {
    delete machine.unsure;
    enter(machine, 'starting', nowMs);
  }
  if (relay && (machine.phase === 'starting' || machine.phase === 'lost')) {
    enter(machine, machine.condemned || relay.draining ? 'draining' : 'serving', nowMs);
  } else if (relay?.draining && machine.phase === 'serving') {
    // Somebody drains it by hand.
    machine.condemned = true;
    enter(machine, 'draining', nowMs);
  }
  if (machine.phase === 'removing' && relay && !deletable(relay)) {
    // It came up after all, or something came in the last moment.
    machine.condemned = true;
    delete machine.gifts;
    enter(machine, 'draining', nowMs);
  }
  if (machine.phase === 'starting' && nowMs - machine.sinceMs > rules.bootLimitMs) {
    // It was never in the directory: nobody can have been there.
    alarms.push({ code: 'never_came_up', of: machine.id, text: `no relay within ${rules.bootLimitMs / 1000} s` });
    enter(machine, 'removing', nowMs);
  }
  const drainedMs = nowMs - (machine.drainedMs ?? nowMs);
  if (machine.phase === 'draining' && relay && drainedMs >= FIGURES_MS && deletable(relay))
    enter(machine, 'removing', nowMs);
  const silentMs = nowMs - (machine.heardMs ?? machine.sinceMs);
  const silent = seen.directory && !relay && (dark || silentMs > rules.lostMs);
  if (silent && (machine.phase === 'serving' || machine.phase === 'draining')) {
    if (machine.phase === 'draining') machine.condemned = true;
    enter(machine, 'lost', nowMs);
  }
  if (machine.phase === 'lost') {
    const text =
      'its relay is silent; gifts may be on its disk, so that it is kept until it is back or given up (hayate fleet release)';
    alarms.push({ code: 'relay_lost', of: machine.id, text });
  }
  if (machine.phase === 'draining' && nowMs - machine.sinceMs > rules.drainMs) {
    const left = relay ? `${relay.rooms} rooms, ${relay.giftsHeld ?? 'unknown'} gifts` : 'nothing heard';
    alarms.push({ code: 'drain_overdue', of: machine.id, text: `${left} after ${rules.drainMs / 1000} s; it stays` });
  }
}

function actionsOf(
  state: FleetState,
  machines: ReadonlyMap<string, ReadonlyMap<string, Machine>>,
  relays: ReadonlyMap<string, RelayReport>,
  nowMs: number,
  rules: ScaleRules,
): Action[] {
  const actions: Action[] = [];
  for (const machine of Object.values(state.machines)) {
    const { id, phase, provider, zone } = machine;
    const label = `${rules.labelPrefix}${id}`;
    const list = machines.get(provider);
    if (phase === 'draining' && relays.get(id)?.draining === false) actions.push({ do: 'drain', id });
    if (phase === 'removing' && nowMs >= machine.nextMs) {
      // Only by a list of just now, which says whose it is.
      const there = list?.get(id);
      if (there && there.status !== 'going') actions.push({ do: 'remove', id, provider, machine: there.id, label });
    }
    // Without a list nobody knows what an earlier call has done.
    const pausedMs = Math.max(machine.nextMs, state.providers[provider]?.pausedMs ?? 0);
    if (phase === 'wanted' && list && nowMs >= pausedMs) {
      machine.attempts += 1;
      machine.nextMs = nowMs + retryMs(machine.attempts, rules);
      // Until it is answered.
      machine.unsure = true;
      actions.push({ do: 'create', id, label, provider, zone, tags: [rules.tag] });
    }
  }
  return actions;
}

export function retryMs(attempts: number, { createRetryMs, createMaxRetryMs }: ScaleRules): number {
  return Math.min(createMaxRetryMs, createRetryMs * 2 ** Math.min(16, attempts - 1));
}
