import { describe, expect, it } from 'vitest';
import { type PlaceableRelay, type PlaceRules, Placer } from './place.ts';

const RULES: PlaceRules = {
  limits: { cpu: 0.5, egressBps: 1e6, stretch: 1.5 },
  viewer: { cpu: 0.001, egressBps: 1000 },
  viewers: 20,
  growMs: 600_000,
};

/** Numbers that are not random, but as well spread. */
function spread(): () => number {
  let n = 0;
  return () => (n++ * 0.618_034) % 1;
}

const relay = (id: string, cpu: number, more: Partial<PlaceableRelay> = {}): PlaceableRelay => ({
  ...{ id, region: id.slice(0, 2), draining: false },
  load: { viewers: 0, rooms: 0, cpu, egressBps: 0 },
  ...more,
});

describe('placement', () => {
  it('takes the emptier of two, by cpu or egress, whichever binds', () => {
    const placer = new Placer(RULES, spread());
    const busy = relay('jp-2', 0.1, { load: { viewers: 0, rooms: 0, cpu: 0.1, egressBps: 900_000 } });
    for (let n = 0; n < 5; n += 1) {
      expect(placer.place([relay('jp-1', 0.2), busy], { room: 'r', region: 'jp' }, 0)?.relay).toBe('jp-1');
    }
  });

  it('stays in the region, stretched rather than across an ocean, and goes there when all are full', () => {
    const placer = new Placer(RULES, spread());
    const far = relay('us-1', 0);
    const wish = { room: 'r', region: 'jp', viewers: 10 };
    expect(placer.place([relay('jp-1', 0.48), far], wish, 0)).toMatchObject({ relay: 'jp-1', stretched: false });
    expect(placer.place([relay('jp-1', 0.6), far], wish, 1e6)).toMatchObject({ relay: 'jp-1', stretched: true });
    expect(placer.place([relay('jp-1', 0.75), far], wish, 2e6)).toMatchObject({ relay: 'us-1', stretched: false });
    expect(placer.place([relay('jp-1', 0.75), relay('us-1', 0.75)], wish, 3e6)).toBeUndefined();
  });

  it('never takes one that drains or is about to', () => {
    const placer = new Placer(RULES, spread());
    const relays = [relay('jp-1', 0, { draining: true }), relay('jp-2', 0), relay('jp-3', 0.4)];
    for (let n = 0; n < 10; n += 1) {
      expect(placer.place(relays, { room: 'r', region: 'jp' }, n * 1e6, new Set(['jp-2']))?.relay).toBe('jp-3');
    }
  });

  it('counts what was promised and has not come: a burst of rooms does not meet on one relay', () => {
    const placer = new Placer(RULES, spread());
    const relays = [relay('jp-1', 0), relay('jp-2', 0.1), relay('jp-3', 0.1)];
    const placed = new Map<string, number>();
    // Half a second: no load says anything new.
    for (let n = 0; n < 60; n += 1) {
      const at = placer.place(relays, { room: `r${n}`, region: 'jp', viewers: 20 }, n * 8)!.relay;
      placed.set(at, (placed.get(at) ?? 0) + 1);
    }
    for (const { id, load } of relays) {
      expect(load.cpu + placed.get(id)! * 20 * RULES.viewer.cpu).toBeLessThan(0.5);
    }
    // The control: without promises all rooms go where it was emptiest.
    const forgetful = new Placer({ ...RULES, growMs: 1 }, spread());
    const first = Array.from(
      { length: 60 },
      (_, n) => forgetful.place(relays, { room: `r${n}`, region: 'jp', viewers: 20 }, n * 1001)!.relay,
    ).filter((id) => id === 'jp-1').length;
    expect(first * 20 * RULES.viewer.cpu).toBeGreaterThan(0.5);
  });

  it('room to grow: a room that is expected to be large goes where it fits when it has grown', () => {
    const placer = new Placer(RULES, spread());
    const relays = [relay('jp-1', 0.3), relay('jp-2', 0.4)];
    expect(placer.place(relays, { room: 'large', region: 'jp', viewers: 120 }, 0)?.relay).toBe('jp-1');
    // Fuller by the promise, though nobody is there yet; ten minutes later the relay's own figures count.
    expect(placer.place(relays, { room: 'next', region: 'jp', viewers: 20 }, 1000)?.relay).toBe('jp-2');
    expect(placer.fullness(relays[0]!, 1000)).toBeCloseTo(0.84);
    expect(placer.fullness(relays[0]!, 700_000)).toBeCloseTo(0.6);
  });

  it('a room that is larger than any relay has a place: it counts as a quarter of one, the rest goes to the others', () => {
    const placer = new Placer(RULES, spread());
    const relays = [relay('jp-1', 0.45), relay('jp-2', 0.48)];
    const placed = placer.place(relays, { room: 'huge', region: 'jp', viewers: 100_000 }, 0);
    expect(placed).toMatchObject({ relay: 'jp-1', stretched: true });
    expect(placed!.fullness).toBeCloseTo(1.15);
  });
});
