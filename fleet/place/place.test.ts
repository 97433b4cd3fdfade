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

describe('rooms of relays that died', () => {
  const relays = ['jp-1', 'jp-2', 'jp-3', 'jp-4', 'jp-5'].map((id) => relay(id, 0.25));
  /** Fullness of each relay once 75 rooms of 20 have come to what is left. */
  const come = (place: (n: number) => string | undefined): number[] => {
    const viewers = new Map<string, number>();
    for (let n = 0; n < 75; n += 1) {
      const at = place(n)!;
      viewers.set(at, (viewers.get(at) ?? 0) + 20);
    }
    return relays.map(({ id }) => (0.25 + (viewers.get(id) ?? 0) * RULES.viewer.cpu) / RULES.limits.cpu);
  };

  it('spread over what is left before any load shows them, and no longer', () => {
    const placer = new Placer(RULES, spread());
    const room = (n: number) => ({ room: `r${n}`, region: 'jp' });
    const full = come((n) => placer.replace(relays, room(n), n * 10, { left: true })?.relay);
    expect(Math.max(...full)).toBeLessThan(1.2);
    expect(Math.min(...full)).toBeGreaterThan(1);
    expect(placer.fullness(relays[0]!, 1000)).toBeGreaterThan(1);
    // By then relays say it themselves.
    expect(placer.fullness(relays[0]!, 7000)).toBeCloseTo(0.5);
  });

  it('by the load that relays show alone meet on one (control)', () => {
    const loads = relays.map((each, n) => ({ ...each, load: { ...each.load, cpu: n === 2 ? 0.2 : 0.25 } }));
    const full = come(
      () => new Placer(RULES, spread()).replace(loads, { room: 'r', region: 'jp' }, 0, { left: true })!.relay,
    );
    expect(Math.max(...full)).toBeGreaterThan(2);
  });

  it('take what they were still to get along', () => {
    const placer = new Placer(RULES, spread());
    const [a, b] = [relay('jp-1', 0), relay('jp-2', 0.4)];
    expect(placer.place([a, b], { room: 'r', region: 'jp', viewers: 100 }, 0)?.relay).toBe('jp-1');
    // Half of them had come when it died.
    expect(placer.replace([b], { room: 'r', region: 'jp' }, 300_000, { left: true })?.relay).toBe('jp-2');
    expect(placer.fullness(a, 300_000)).toBeCloseTo(0);
    expect(placer.fullness(b, 300_000)).toBeCloseTo(1);
    expect(placer.fullness(b, 310_000)).toBeCloseTo(0.8 + (0.2 * 290) / 600);
  });

  it('are sent where they were promised a place while they have left none', () => {
    const placer = new Placer(RULES, spread());
    const both = [relay('jp-1', 0), relay('jp-2', 0.1)];
    const wish = { room: 'r', region: 'jp', viewers: 200 };
    expect(placer.place(both, wish, 0)?.relay).toBe('jp-1');
    expect(placer.replace(both, wish, 1000, { left: false })?.relay).toBe('jp-1');
    expect(placer.replace(both, wish, 1000, { left: true })?.relay).toBe('jp-2');
  });

  it('have a place where all are full, for the relay to refuse them, and none where none is there', () => {
    const placer = new Placer(RULES, spread());
    const full = [relay('jp-1', 0.9), relay('us-1', 0.9)];
    expect(placer.place(full, { room: 'r', region: 'jp' }, 0)).toBeUndefined();
    expect(placer.replace(full, { room: 'r', region: 'jp' }, 0, { left: true })).toMatchObject({
      relay: 'jp-1',
      stretched: true,
    });
    expect(
      placer.replace(full, { room: 'r', region: 'jp' }, 0, { left: true, except: new Set(['jp-1', 'us-1']) }),
    ).toBeUndefined();
  });
});
