import { describe, expect, it } from 'vitest';
import { everybodyHears, seeded } from '../test/tree-checks.ts';
import { TreeModel } from '../test/tree-model.ts';

const OLD = ['jp-1', 'jp-2', 'us-1', 'us-2'];

/** A liver and viewers in both regions, on relays of a generation that is to go; the next one has started. */
function beforeRoll(random: () => number) {
  const model = new TreeModel({ jp: 2, us: 2 }, random);
  const mio = model.join('jp-1', 'mio');
  model.run(300);
  model.publish('jp-1', mio);
  for (const id of OLD) model.join(id, `viewer of ${id}`);
  model.run(1000);
  const joe = model.join('us-2', 'joe');
  model.publish('us-2', joe);
  model.run(1000);
  for (const id of ['jp-3', 'jp-4', 'us-3', 'us-4']) model.start(id, id.slice(0, 2));
  return { model, mio, joe };
}

describe("a room's tree while relays drain", () => {
  describe('with a parent that drains', () => {
    /** Relays of a region in the order in which they are its parent. */
    function stage() {
      const model = new TreeModel({ jp: 1, us: 3 }, seeded(6));
      const mio = model.join('jp-1', 'mio');
      model.run(300);
      model.publish('jp-1', mio);
      for (const id of ['us-1', 'us-2', 'us-3']) model.join(id, `viewer of ${id}`);
      model.run(2000);
      const parent = model.at('us-1').bridge.branch.path.at(-2)!;
      const others = ['us-1', 'us-2', 'us-3'].filter((id) => id !== parent);
      return { model, parent, others };
    }

    it('keeps it until the next one, which is new to the room, has the way to the origin', () => {
      const { model, parent } = stage();
      // Nobody of the room is there yet: as the first relay of a generation that is to take over.
      model.start('us-4', 'us');
      model.start('us-5', 'us');
      model.drain(parent);
      const watching = model.hosting().filter(({ view }) => view.region === 'us' && view.id !== parent);
      for (let step = 0; step < 300; step++) {
        model.run(5);
        const { arrivals } = model.flood('jp-1', 0);
        for (const { view } of watching) {
          expect(arrivals.get(view.id) ?? 0, `${view.id} after ${step * 5} ms`).toBeGreaterThanOrEqual(1);
        }
      }
      // The one that drains has viewers yet, and is a child by now.
      for (const { view, bridge } of watching) expect(bridge.branch.path, view.id).not.toContain(parent);
    });

    it.each([0, 20, 40, 60, 80, 100, 120, 160, 200])(
      'asks the next one again for what it was asked %i ms after',
      (ms) => {
        const { model, parent, others } = stage();
        model.drain(parent);
        model.run(ms);
        const at = others[0]!;
        const session = model.join(at, 'joe');
        model.publish(at, session);
        model.run(1000);
        expect(model.livers().map(({ sub }) => sub)).toContain('joe');
      },
    );
  });

  it.each(Array.from({ length: 20 }, (_, n) => n))('goes on while all its relays drain at once, order %i', (seed) => {
    const random = seeded(100 + seed);
    const { model, mio, joe } = beforeRoll(random);
    const moved = [...OLD].sort(() => random() - 0.5);
    for (const id of moved) {
      model.run(20 * random());
      model.drain(id);
    }
    for (let step = 0; step < 400; step++) {
      model.run(5);
      everybodyHears(model, `after ${step * 5} ms`);
    }
    // Livers go over, each to a relay that is to stay, as viewers do.
    for (const [sub, from, session, to] of [
      ['mio', 'jp-1', mio, 'jp-3'],
      ['joe', 'us-2', joe, 'us-4'],
    ] as const) {
      const next = model.join(to, sub);
      model.publish(to, next);
      model.run(600);
      model.leave(from, session, true);
      expect(model.livers().find((liver) => liver.sub === sub)?.relay, `${sub} after 600 ms`).toBe(to);
      everybodyHears(model, `after ${sub} moved`);
    }
  });

  it('gives slots within a second to livers that move at any time while all relays drain', () => {
    const slow: string[] = [];
    for (let seed = 0; seed < 200; seed += 1) {
      const random = seeded(1000 + seed);
      const { model } = beforeRoll(random);
      for (const id of [...OLD].sort(() => random() - 0.5)) {
        model.run(20 * random());
        model.drain(id);
      }
      for (const [sub, to] of [
        ['mio', random() < 0.5 ? 'jp-3' : 'jp-4'],
        ['joe', random() < 0.5 ? 'us-3' : 'us-4'],
      ] as const) {
        model.run(300 * random());
        model.publish(to, model.join(to, sub));
      }
      model.run(1000);
      for (const sub of ['mio', 'joe']) {
        const at = model.livers().filter((liver) => liver.sub === sub);
        if (!at.some(({ relay }) => !OLD.includes(relay))) slow.push(`${sub} of order ${seed}`);
      }
    }
    expect(slow).toEqual([]);
  });

  it('goes on while all its relays drain, are left one by one, and end: a roll', { timeout: 60_000 }, () => {
    const gaps: string[] = [];
    for (let seed = 0; seed < 60; seed += 1) {
      const random = seeded(5000 + seed);
      const fresh = ['jp-3', 'jp-4', 'us-3', 'us-4'];
      const model = new TreeModel({ jp: 2, us: 2 }, random);
      const at = new Map<string, { id: string; session: number }>();
      const enter = (sub: string, id: string) => at.set(sub, { id, session: model.join(id, sub) });
      enter('mio', random() < 0.5 ? 'jp-1' : 'jp-2');
      model.run(300);
      model.publish(at.get('mio')!.id, at.get('mio')!.session);
      for (const id of OLD) enter(`viewer of ${id}`, id);
      model.run(1000);
      enter('joe', random() < 0.5 ? 'us-1' : 'us-2');
      model.publish(at.get('joe')!.id, at.get('joe')!.session);
      model.run(1000);
      for (const id of fresh) model.start(id, id.slice(0, 2));
      for (const id of [...OLD].sort(() => random() - 0.5)) {
        model.run(20 * random());
        model.drain(id, 150 * random());
        model.endWhenFree(id, 4000);
      }
      const moves = [...at.keys()].map((sub) => ({ sub, atMs: model.nowMs + 2500 * random() }));
      const leaving: { id: string; session: number; atMs: number }[] = [];
      const since = new Map<string, number>();
      const silent = new Map<string, number>();
      for (const endMs = model.nowMs + 6000; model.nowMs < endMs; ) {
        model.run(5);
        for (const move of moves) {
          if (model.nowMs < move.atMs) continue;
          move.atMs = Number.POSITIVE_INFINITY;
          const before = at.get(move.sub)!;
          const id = fresh.filter((each) => each.startsWith(before.id.slice(0, 2)))[random() < 0.5 ? 0 : 1]!;
          enter(move.sub, id);
          if (move.sub === 'mio' || move.sub === 'joe') model.publish(id, at.get(move.sub)!.session);
          // Its client stays where it was for a moment, and a liver until it has its slot.
          leaving.push({ ...before, atMs: model.nowMs + 500 });
        }
        for (const left of leaving) {
          if (model.nowMs < left.atMs) continue;
          left.atMs = Number.POSITIVE_INFINITY;
          model.leave(left.id, left.session, true);
        }
        for (const { view } of model.hosting()) if (!since.has(view.id)) since.set(view.id, model.nowMs);
        for (const { relay, slot, sub } of model.livers()) {
          const { arrivals } = model.flood(relay, slot);
          for (const { view } of model.hosting()) {
            // Who has just come has it from where it was.
            if (view.id === relay || model.nowMs - since.get(view.id)! < 400) continue;
            const key = `${sub} at ${view.id} of order ${seed}`;
            if ((arrivals.get(view.id) ?? 0) > 0) silent.delete(key);
            else silent.set(key, (silent.get(key) ?? 0) + 5);
            if (silent.get(key) === 200) gaps.push(`${key} ${model.nowMs - (endMs - 6000)}`);
          }
        }
      }
      const subs = model.livers().map(({ sub }) => sub);
      if (!subs.includes('mio') || !subs.includes('joe')) gaps.push(`no slot for all in order ${seed}: ${subs}`);
    }
    expect(gaps).toEqual([]);
  });
});
