import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Machine } from '../provider/types.ts';
import { decide, isDeletable, resumed } from './decide.ts';
import { settle } from './outcome.ts';
import {
  type Action,
  emptyState,
  type FleetState,
  type Observation,
  type RelayReport,
  type ScaleRules,
} from './types.ts';

const RULES: ScaleRules = {
  regions: {
    jp: { zones: { p: ['tyo', 'osa'] }, min: 1, max: 4 },
    us: { zones: { p: ['ord'] }, min: 0, max: 4 },
  },
  ...{ labelPrefix: 'hayate-', tag: 'fleet' },
  ...{ createRetryMs: 10_000, createMaxRetryMs: 80_000, bootLimitMs: 300_000, lostMs: 20_000, drainMs: 600_000 },
  ...{ darkMs: 10_000, drainShare: 0.5 },
};
const shares = { jp: { p: 100 }, us: { p: 100 } };
const need = (jp: number, us = 0) => ({ jp: { least: jp, most: jp }, us: { least: us, most: us } });

/** A provider and relays that do as they are told, one event at a time. */
class Stage {
  nowMs = 1_000_000;
  state: FleetState = emptyState();
  machines: Machine[] = [];
  relays: RelayReport[] = [];
  alarms: string[] = [];
  listed = true;
  directory = true;
  rules = RULES;

  look(needs: Observation['need'], aheadMs = 10_000): Action[] {
    this.nowMs += aheadMs;
    const seen: Observation = {
      machines: { p: this.listed ? { atMs: this.nowMs, list: this.machines } : undefined },
      ...{ relays: this.relays, directory: this.directory, need: needs, shares },
    };
    const { state, actions, alarms } = decide(this.state, seen, this.nowMs, this.rules);
    this.state = state;
    this.alarms = alarms.map(({ code }) => code);
    return actions;
  }

  /** The provider makes it; whether the fleet hears of it is another matter. */
  make({ label, zone, tags }: Action & { do: 'create' }): void {
    if (this.machines.some((each) => each.label === label)) return;
    const id = String(this.machines.length + 100);
    this.machines.push({ id, label, zone, type: 't', status: 'running', tags, createdMs: this.nowMs });
  }

  answer(
    action: Action & { do: 'create' },
    ok: boolean,
    code: 'outcome_unknown' | 'unavailable' | 'rate_limited' | 'account_limit' = 'unavailable',
    retryAfterMs?: number,
  ): void {
    const outcome = ok
      ? ({ of: 'create', id: action.id, ok } as const)
      : ({ of: 'create', id: action.id, ok, code, retryAfterMs } as const);
    this.state = settle(this.state, outcome, this.nowMs, this.rules);
  }

  join(id: string, report: Partial<RelayReport> = {}): void {
    this.relays.push({ id, region: id.slice(0, 2), draining: false, rooms: 1, viewers: 10, giftsHeld: 0, ...report });
  }

  report(id: string, report: Partial<RelayReport>): void {
    this.relays = this.relays.map((relay) => (relay.id === id ? { ...relay, ...report } : relay));
  }

  /** So many relays that serve. */
  serving(count: number): void {
    for (const action of this.look(need(count))) {
      if (action.do !== 'create') throw new Error(action.do);
      this.make(action);
      this.answer(action, true);
      this.join(action.id);
    }
    this.look(need(count));
  }

  phase(id: string) {
    return this.state.machines[id]?.phase;
  }
}

interface Step {
  jp: number;
  us: number;
  aheadMs: number;
  /** To creates. */
  answers: string;
  world: string;
  pick: number;
}

const creates = (actions: readonly Action[]) => actions.filter((action) => action.do === 'create');

describe('creating', () => {
  it('spreads a region over its zones, and stays within its bounds', () => {
    const stage = new Stage();
    const actions = creates(stage.look(need(9)));
    expect(actions.map(({ label, zone }) => [label, zone])).toEqual([
      ['hayate-jp-f-1', 'tyo'],
      ['hayate-jp-f-2', 'osa'],
      ['hayate-jp-f-3', 'tyo'],
      ['hayate-jp-f-4', 'osa'],
    ]);
    expect(stage.alarms).toContain('at_max');
  });

  it('asks again under the same label when it does not know what a call did, and takes what is there', () => {
    const stage = new Stage();
    const [first] = creates(stage.look(need(1)));
    stage.answer(first!, false, 'outcome_unknown');
    expect(creates(stage.look(need(1), 5000))).toEqual([]);
    const [again] = creates(stage.look(need(1), 10_000));
    expect(again!.label).toBe(first!.label);
    // It was made after all, and is in the list now.
    stage.make(first!);
    expect(creates(stage.look(need(1), 100_000))).toEqual([]);
    expect(stage.phase('jp-f-1')).toBe('starting');
  });

  it('a crash between the intent and the call, or the call and its answer, leaves one intent', () => {
    for (const made of [false, true]) {
      const stage = new Stage();
      const [first] = creates(stage.look(need(1)));
      if (made) stage.make(first!);
      stage.state = resumed(JSON.parse(JSON.stringify(stage.state)) as FleetState, stage.nowMs);
      const again = creates(stage.look(need(1), 60_000));
      expect(again.map(({ label }) => label)).toEqual(made ? [] : [first!.label]);
    }
  });

  it('asks for nothing while the provider gives no list', () => {
    const stage = new Stage();
    stage.listed = false;
    expect(stage.look(need(2))).toEqual([]);
  });

  it('waits for a rate limit and an account limit, for everybody', () => {
    const stage = new Stage();
    const [a, b] = creates(stage.look(need(2)));
    stage.answer(a!, false, 'rate_limited', 40_000);
    stage.answer(b!, true);
    stage.make(b!);
    expect(creates(stage.look(need(3), 30_000))).toEqual([]);
    expect(creates(stage.look(need(3), 11_000))).toHaveLength(2);
    stage.answer(a!, false, 'account_limit');
    expect(creates(stage.look(need(3), 300_000))).toEqual([]);
  });

  it('leaves a zone that fails', () => {
    const stage = new Stage();
    for (let n = 0; n < 3; n += 1) {
      for (const action of creates(stage.look(need(1), 100_000))) stage.answer(action, false, 'unavailable');
    }
    const [moved] = creates(stage.look(need(1), 90_000));
    expect(moved).toMatchObject({ label: 'hayate-jp-f-1', zone: 'osa' });
    expect(stage.alarms).toContain('zone_fails');
  });

  it('gives up an intent that nobody needs any more, unless a call for it may have worked', () => {
    const stage = new Stage();
    stage.state.providers['p'] = { pausedMs: stage.nowMs + 1e9 };
    stage.state.complete = true;
    stage.look(need(3));
    stage.look(need(1));
    expect(Object.keys(stage.state.machines)).toHaveLength(1);
    stage.state.providers['p'] = { pausedMs: 0 };
    const [sent] = creates(stage.look(need(1)));
    stage.look({ ...need(0), jp: { least: 0, most: 0 } });
    expect(stage.phase(sent!.id)).toBe('wanted');
  });
});

describe('draining', () => {
  it('drains of the zone with most relays who has fewest viewers, and removes it once rooms and gifts are gone', () => {
    const stage = new Stage();
    stage.serving(3);
    stage.report('jp-f-3', { viewers: 3 });
    expect(stage.look(need(2))).toEqual([{ do: 'drain', id: 'jp-f-3' }]);
    stage.report('jp-f-3', { draining: true, giftsHeld: 4 });
    expect(stage.look(need(2))).toEqual([]);
    stage.report('jp-f-3', { rooms: 0 });
    expect(stage.look(need(2))).toEqual([]);
    stage.report('jp-f-3', { giftsHeld: undefined });
    expect(stage.look(need(2))).toEqual([]);
    stage.report('jp-f-3', { giftsHeld: 0 });
    expect(stage.look(need(2))).toMatchObject([{ do: 'remove', label: 'hayate-jp-f-3' }]);
  });

  it('removes by figures that are newer than the drain: a room may have come a moment before it', () => {
    const stage = new Stage();
    stage.serving(2);
    // By hand, and its figures are still of before.
    stage.report('jp-f-2', { draining: true, rooms: 0 });
    expect(stage.look(need(1))).toEqual([]);
    expect(stage.look(need(1), 1000)).toEqual([]);
    stage.report('jp-f-2', { rooms: 1 });
    expect(stage.look(need(1))).toEqual([]);
    stage.report('jp-f-2', { rooms: 0 });
    expect(stage.look(need(1))).toMatchObject([{ do: 'remove', id: 'jp-f-2' }]);
  });

  it('a drain that takes too long raises an alarm and removes nothing', () => {
    const stage = new Stage();
    stage.serving(3);
    stage.look(need(2));
    const drained = Object.values(stage.state.machines).find(({ phase }) => phase === 'draining')!;
    stage.report(drained.id, { draining: true, rooms: 0, giftsHeld: 1 });
    expect(stage.look(need(2), RULES.drainMs + 20_000)).toEqual([]);
    expect(stage.alarms).toEqual(['drain_overdue']);
    // The control: but for its gift it would have gone.
    stage.report(drained.id, { giftsHeld: 0 });
    expect(stage.look(need(2))).toMatchObject([{ do: 'remove' }]);
  });

  it('drains nothing without the directory, and never below the least', () => {
    const stage = new Stage();
    stage.serving(3);
    stage.directory = false;
    expect(stage.look(need(1))).toEqual([]);
    stage.directory = true;
    for (let n = 0; n < 10; n += 1) {
      for (const action of stage.look(need(0), 60_000)) {
        if (action.do === 'drain') stage.report(action.id, { draining: true });
      }
    }
    expect(Object.values(stage.state.machines).filter(({ phase }) => phase === 'serving')).toHaveLength(1);
  });
});

describe('losing', () => {
  it('replaces a silent relay, keeps its machine, and takes it back', () => {
    const stage = new Stage();
    stage.serving(2);
    const silent = stage.relays.pop()!;
    expect(stage.look(need(2), 15_000)).toEqual([]);
    expect(creates(stage.look(need(2), 15_000))).toMatchObject([{ label: 'hayate-jp-f-3' }]);
    expect(stage.phase(silent.id)).toBe('lost');
    for (let n = 0; n < 100; n += 1) {
      expect(stage.look(need(2), 60_000).filter((action) => action.do === 'remove')).toEqual([]);
    }
    expect(stage.alarms).toContain('relay_lost');
    stage.relays.push(silent);
    stage.look(need(2));
    expect(stage.phase(silent.id)).toBe('serving');
  });

  it('a machine whose relay never came up is removed and replaced', () => {
    const stage = new Stage();
    const [action] = creates(stage.look(need(1)));
    stage.make(action!);
    stage.answer(action!, true);
    stage.look(need(1), 200_000);
    expect(stage.look(need(1), 200_000).map((each) => each.do)).toEqual(['remove', 'create']);
  });

  it('after a loss of its state it takes what is tagged and labelled, touches nothing else, and uses no number again', () => {
    const stage = new Stage();
    stage.serving(2);
    const other = { id: '1', zone: 'tyo', type: 't', status: 'running', createdMs: 0 } as const;
    stage.machines.push(
      { ...other, label: 'hayate-jp-f-99', tags: [] },
      { ...other, id: '2', label: 'database', tags: ['fleet'] },
    );
    stage.state = emptyState();
    const actions: Action[] = [];
    for (let n = 0; n < 50; n += 1) {
      for (const action of stage.look(need(0), 60_000)) {
        actions.push(action);
        if (action.do === 'drain') stage.report(action.id, { draining: true, rooms: 0 });
      }
    }
    expect(actions.flatMap((action) => (action.do === 'remove' ? [action.label] : []))).not.toContain('database');
    expect(new Set(Object.keys(stage.state.machines))).not.toContain('jp-f-99');
    expect(stage.alarms.filter((code) => code === 'not_ours')).toHaveLength(2);
    expect(stage.state.next).toBe(3);
  });
});

describe('under any order of events', () => {
  const step = fc.record({
    jp: fc.nat({ max: 5 }),
    us: fc.nat({ max: 5 }),
    aheadMs: fc.constantFrom(1000, 10_000, 60_000, 400_000),
    answers: fc.constantFrom('ok', 'made', 'lost', 'failed', 'limited'),
    world: fc.constantFrom('none', 'join', 'die', 'empty', 'deliver', 'restart', 'blind', 'nolist', 'gone'),
    pick: fc.nat(),
  });

  /** Gives what was removed with gifts, and the most machines of one label. */
  function run(steps: readonly Step[], deletable = isDeletable) {
    const stage = new Stage();
    let removedWithGifts = 0;
    let removedForeign = 0;
    const made = new Map<string, number>();
    for (const raw of steps) {
      const some = stage.relays.length > 0 ? stage.relays[raw.pick % stage.relays.length]! : undefined;
      stage.directory = raw.world !== 'blind';
      stage.listed = raw.world !== 'nolist';
      if (raw.world === 'die' && some) stage.relays = stage.relays.filter((relay) => relay !== some);
      if (raw.world === 'empty' && some) stage.report(some.id, { rooms: 0 });
      if (raw.world === 'deliver' && some) stage.report(some.id, { giftsHeld: 0 });
      if (raw.world === 'restart')
        stage.state = resumed(JSON.parse(JSON.stringify(stage.state)) as FleetState, stage.nowMs);
      if (raw.world === 'gone') {
        stage.state = emptyState();
        // Numbers of machines that are gone are forgotten with it.
        made.clear();
      }
      if (raw.world === 'join') {
        for (const { label } of stage.machines) {
          const id = label.slice(RULES.labelPrefix.length);
          if (!stage.relays.some((relay) => relay.id === id)) stage.join(id, { giftsHeld: 1 + (raw.pick % 2) });
        }
      }
      stage.nowMs += raw.aheadMs;
      const seen: Observation = {
        machines: { p: stage.listed ? { atMs: stage.nowMs, list: [...stage.machines] } : undefined },
        ...{ relays: stage.relays, directory: stage.directory, need: need(raw.jp, raw.us), shares },
      };
      const { state, actions } = decide(stage.state, seen, stage.nowMs, RULES, deletable);
      stage.state = state;
      for (const action of actions) {
        if (action.do === 'drain') stage.report(action.id, { draining: true });
        if (action.do === 'remove') {
          const relay = stage.relays.find(({ id }) => id === action.id);
          if (relay && (relay.giftsHeld !== 0 || relay.rooms > 0)) removedWithGifts += 1;
          if (!stage.machines.some(({ label, tags }) => label === action.label && tags.includes('fleet')))
            removedForeign += 1;
          stage.machines = stage.machines.filter(({ label }) => label !== action.label);
          stage.relays = stage.relays.filter(({ id }) => id !== action.id);
        }
        if (action.do === 'create') {
          const there = stage.machines.some(({ label }) => label === action.label);
          if (raw.answers !== 'failed' && raw.answers !== 'limited' && raw.answers !== 'lost' && !there) {
            stage.make(action);
            made.set(action.label, (made.get(action.label) ?? 0) + 1);
          }
          if (raw.answers === 'ok') stage.answer(action, true);
          else if (raw.answers === 'failed') stage.answer(action, false);
          else if (raw.answers === 'limited') stage.answer(action, false, 'rate_limited', 5000);
          else if (raw.answers === 'made') stage.answer(action, false, 'outcome_unknown');
        }
      }
    }
    return { removedWithGifts, removedForeign, most: Math.max(0, ...made.values()), stage };
  }

  it('no machine goes with rooms or gifts, none is made twice, none of somebody else is removed, bounds hold', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const { removedWithGifts, removedForeign, most, stage } = run(steps);
        expect([removedWithGifts, removedForeign]).toEqual([0, 0]);
        expect(most).toBeLessThanOrEqual(1);
        for (const [region, { max }] of Object.entries(RULES.regions)) {
          const live = Object.values(stage.state.machines).filter(
            (each) => each.region === region && (each.phase === 'wanted' || each.phase === 'starting'),
          );
          expect(live.length).toBeLessThanOrEqual(max);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('control: with a careless rule the same events remove gifts', () => {
    const steps = [
      { jp: 3, us: 0, aheadMs: 10_000, answers: 'ok', world: 'none', pick: 0 },
      { jp: 3, us: 0, aheadMs: 10_000, answers: 'ok', world: 'join', pick: 0 },
      { jp: 1, us: 0, aheadMs: 10_000, answers: 'ok', world: 'none', pick: 0 },
      { jp: 1, us: 0, aheadMs: 10_000, answers: 'ok', world: 'none', pick: 0 },
      { jp: 1, us: 0, aheadMs: 10_000, answers: 'ok', world: 'none', pick: 0 },
    ];
    expect(run(steps).removedWithGifts).toBe(0);
    expect(run(steps, () => true).removedWithGifts).toBeGreaterThan(0);
  });
});
