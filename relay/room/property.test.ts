import fc from 'fast-check';
import { expect, it } from 'vitest';
import { MODEL_LIMITS, type RoomLike, RoomModel } from '../test/room-model.ts';
import { steps } from '../test/room-steps.ts';
import { Room } from './room.ts';
import type { RoomAction, RoomEvent } from './types.ts';

const RUNS = { seed: 7, numRuns: 5000 };

function property(make: () => RoomLike) {
  return fc.property(steps, (all) => new RoomModel(make()).run(all));
}

it('keeps its invariants under any order of events', { timeout: 120_000 }, () => {
  fc.assert(
    property(() => new Room(MODEL_LIMITS, 0)),
    RUNS,
  );
});

type Fault = { event?: (event: RoomEvent) => RoomEvent; actions?: (actions: RoomAction[]) => RoomAction[] };

/** A room that gets this wrong. */
class Faulty extends Room {
  readonly #fault: Fault;

  constructor(fault: Fault) {
    super(MODEL_LIMITS, 0);
    this.#fault = fault;
  }

  override handle(event: RoomEvent, nowMs: number): RoomAction[] {
    const actions = super.handle(this.#fault.event?.(event) ?? event, nowMs);
    return this.#fault.actions?.(actions) ?? actions;
  }
}

const without = (what: (action: RoomAction) => boolean): Fault => ({
  actions: (actions) => actions.filter((action) => !what(action)),
});

const faults: Record<string, Fault> = {
  'a watcher stays in the media plane': without((a) => a.do === 'mediaLeave'),
  'a publisher stays in the media plane': without((a) => a.do === 'mediaUnpublish'),
  'nobody hears that a liver left': without((a) => a.do === 'left'),
  'permissions change without a word': without((a) => a.do === 'access' && a.id === undefined),
  'refusals are not said': without((a) => a.do === 'refuse'),
  'a banned session is not closed': without((a) => a.do === 'closeSession' && a.code === 'banned'),
  'a replaced session is not closed': without((a) => a.do === 'closeSession' && a.code === 'closed'),
  'nobody hears that a request is over': without(
    (a) => a.do === 'tell' && a.message.t === 'speak' && a.message.state === 'withdrawn',
  ),
  'the last session of a person goes unnoticed': without((a) => a.do === 'gone'),
  'who reads slowly hears no more': { event: (e) => (e.type === 'behind' ? { type: 'behind', session: -1 } : e) },
  'a lost session keeps no place': { event: (e) => (e.type === 'leave' ? { ...e, clean: true } : e) },
  'a session that left keeps its place': { event: (e) => (e.type === 'leave' ? { ...e, clean: false } : e) },
  'anybody resumes anybody': {
    actions: (actions) => actions.map((a) => (a.do === 'welcome' ? { ...a, resumed: true } : a)),
  },
  'counts are one too many': {
    actions: (actions) =>
      actions.map((a) =>
        a.do === 'news' && a.message.t === 'presence'
          ? { ...a, message: { ...a.message, viewers: a.message.viewers + 1 } }
          : a,
      ),
  },
  'a new token changes nothing': {
    event: (e) => (e.type === 'refresh' ? { ...e, identity: { ...e.identity, permissions: [] } } : e),
    actions: (actions) =>
      actions.map((a) => (a.do === 'access' && a.id !== undefined ? { ...a, permissions: ['publish'] } : a)),
  },
  'mutes never end': {
    event: (e) =>
      e.type === 'moderate' && e.command.action === 'mute'
        ? { ...e, command: { action: 'mute', sub: e.command.sub! } }
        : e,
  },
};

it.each(Object.entries(faults))('would be found: %s', { timeout: 60_000 }, (_, fault) => {
  const { failed } = fc.check(
    property(() => new Faulty(fault)),
    { ...RUNS, endOnFailure: true },
  );
  expect(failed).toBe(true);
});
