import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { everybodyHears, isWhole, seeded } from '../test/tree-checks.ts';
import { TreeModel } from '../test/tree-model.ts';
import { Branch } from './branch.ts';
import type { BranchEvent } from './types.ts';

describe("a room's tree", () => {
  it('brings livers of two regions to each other, one copy a region', () => {
    const model = new TreeModel({ jp: 3, us: 3 }, seeded(1));
    const mio = model.join('jp-1', 'mio');
    model.run(500);
    model.publish('jp-1', mio);
    for (const id of ['jp-2', 'jp-3', 'us-1', 'us-2', 'us-3']) model.join(id, `viewer of ${id}`);
    const joe = model.join('us-2', 'joe');
    model.run(500);
    model.publish('us-2', joe);
    model.run(2000);
    expect(model.livers()).toMatchObject([
      { relay: 'jp-1', slot: 0, sub: 'mio' },
      { relay: 'us-2', slot: 1, sub: 'joe' },
    ]);
    isWhole(model);
    expect(model.flood('jp-1', 0).crossings).toEqual(new Map([['us', 1]]));
    expect(model.flood('us-2', 1).crossings).toEqual(new Map([['jp', 1]]));
  });

  it('has a new origin within a second of the old one falling silent', () => {
    const model = new TreeModel({ jp: 3, us: 2 }, seeded(2));
    model.join('jp-1', 'ann');
    model.join('jp-2', 'ben');
    model.join('us-1', 'cat');
    const joe = model.join('us-2', 'joe');
    model.run(500);
    model.publish('us-2', joe);
    model.run(1000);
    model.kill('jp-1');
    model.run(600 + 400);
    expect(model.place).toMatchObject({ home: 'jp', epoch: 2 });
    expect(model.place!.origin).not.toBe('jp-1');
    everybodyHears(model, 'a second later');
    // Some of it twice, over a way that was there meanwhile.
    model.run(500);
    isWhole(model);
  });

  it('gives a slot to one of two who ask at once from two regions', () => {
    const model = new TreeModel({ jp: 1, us: 1 }, seeded(3));
    model.join('jp-1', 'ann');
    model.run(300);
    const sessions = Array.from({ length: 9 }, (_, n) => [n % 2 ? 'jp-1' : 'us-1', `liver ${n}`] as const).map(
      ([id, sub]) => [id, model.join(id, sub)] as const,
    );
    model.run(300);
    for (const [id, session] of sessions) model.publish(id, session);
    model.run(2000);
    expect(
      model
        .livers()
        .map(({ slot }) => slot)
        .sort(),
    ).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    isWhole(model);
  });

  it('tells each relay of a gift once, whichever took it', () => {
    const model = new TreeModel({ jp: 3, us: 3 }, seeded(6));
    const ids = ['jp-1', 'jp-2', 'us-1', 'us-2', 'us-3'];
    for (const id of ids) model.join(id, `viewer of ${id}`);
    model.run(1000);
    for (const id of ids) model.at(id).bridge.handle({ type: 'gift', gift: { ticket: id, sub: 'ann', at: 1 } });
    model.run(1000);
    for (const id of ids) expect(model.at(id).gifts.toSorted()).toEqual(ids.filter((other) => other !== id));
    expect(model.at('jp-3').gifts).toEqual([]);
  });

  describe('a comment on its way to the origin', () => {
    const IDS = ['jp-1', 'jp-2', 'us-1', 'us-2', 'us-3'];
    const tree = () => {
      const model = new TreeModel({ jp: 2, us: 3 }, seeded(7));
      for (const id of IDS) model.join(id, `viewer of ${id}`);
      model.run(1000);
      const leaf = IDS.find((id) => model.at(id).bridge.branch.path.length === 3)!;
      const [, parent, origin] = model.at(leaf).bridge.branch.path as [string, string, string];
      return { model, leaf, parent, origin };
    };
    const write = (model: TreeModel, at: string, text: string) => {
      const answers: object[] = [];
      void model
        .at(at)
        .bridge.ask({ ask: 'comment', sub: 'ann', text, at: 1 })
        .then((answer) => answers.push(answer));
      return answers;
    };
    const shown = (model: TreeModel) => IDS.filter((id) => model.at(id).early.size > 0);

    it('is shown by each relay that it passes, before the origin numbers it, under one key', async () => {
      const { model, leaf, parent, origin } = tree();
      const answers = write(model, leaf, 'hi');
      expect(shown(model)).toEqual([leaf]);
      model.run(50);
      expect(shown(model)).toEqual([leaf, parent].sort());
      expect(model.at(origin).posted).toEqual([]);
      expect([...model.at(leaf).early]).toEqual([...model.at(parent).early]);
      model.run(200);
      await Promise.resolve();
      expect(model.at(origin).posted).toEqual(['hi']);
      expect(answers).toEqual([{ n: 1 }]);
      expect(shown(model)).toEqual([leaf, parent].sort());
      // The origin itself has it with its number at once.
      write(model, origin, 'here');
      expect(model.at(origin).posted).toEqual(['hi', 'here']);
      expect(shown(model)).toEqual([leaf, parent].sort());
    });

    it('is taken back by each relay that loses the way it went', async () => {
      const { model, leaf, parent, origin } = tree();
      model.cut(parent, origin);
      const answers = write(model, leaf, 'lost');
      model.run(50);
      expect(shown(model)).toEqual([leaf, parent].sort());
      model.run(1000);
      await Promise.resolve();
      expect(answers).toEqual([{ code: 'overloaded' }]);
      expect(shown(model)).toEqual([]);
      expect(model.at(origin).posted).toEqual([]);
    });

    it('is not shown while the way to the origin is lost', () => {
      const { model, leaf, parent } = tree();
      for (const far of IDS) if (far.startsWith('jp')) for (const us of IDS) model.cut(us, far);
      model.run(3000);
      write(model, leaf, 'nobody numbers it');
      write(model, parent, 'nor this');
      model.run(100);
      expect(shown(model)).toEqual([]);
    });
  });

  it('goes on in both halves of a cut ocean, and is one again after it', () => {
    const model = new TreeModel({ jp: 2, us: 2 }, seeded(4));
    const mio = model.join('jp-1', 'mio');
    model.join('jp-2', 'ann');
    const joe = model.join('us-1', 'joe');
    model.join('us-2', 'ben');
    model.run(500);
    model.publish('jp-1', mio);
    model.publish('us-1', joe);
    model.run(1500);
    for (const jp of ['jp-1', 'jp-2']) for (const us of ['us-1', 'us-2']) model.cut(jp, us);
    const adrift = () => [...model.relays.keys()].filter((id) => model.at(id).bridge.branch.adrift(model.nowMs));
    expect(adrift()).toEqual([]);
    model.run(10_000);
    // Who joins in this half waits for no way; in the other one there is an origin.
    expect(adrift()).toEqual(['us-1', 'us-2']);
    const heard = ({ relay, slot }: { relay: string; slot: number }) => [...model.flood(relay, slot).arrivals.keys()];
    const [ofJp, ofUs] = model.livers();
    expect(heard(ofJp!)).toEqual(['jp-2']);
    expect(heard(ofUs!)).toEqual(['us-2']);
    expect([...model.at('us-2').shown.values()].map(({ sub }) => sub)).toEqual(['joe']);
    model.heal();
    model.run(8000);
    expect(adrift()).toEqual([]);
    isWhole(model);
  });

  it('gives a slot to a liver that moves in the half without the origin', () => {
    const model = new TreeModel({ jp: 2, us: 2 }, seeded(9));
    const mio = model.join('jp-1', 'mio');
    const joe = model.join('us-1', 'joe');
    for (const id of ['jp-2', 'us-2']) model.join(id, `viewer of ${id}`);
    model.run(500);
    model.publish('jp-1', mio);
    model.run(500);
    model.publish('us-1', joe);
    model.run(1000);
    const [, before] = model.livers();
    expect(before).toMatchObject({ relay: 'us-1', sub: 'joe', slot: 1 });
    for (const jp of ['jp-1', 'jp-2']) for (const us of ['us-1', 'us-2']) model.cut(jp, us);
    model.run(3000);
    model.kill('us-1');
    model.run(700);
    model.publish('us-2', model.join('us-2', 'joe'));
    model.run(1100);
    // Its own slot, which this relay knew; somebody who is new gets one from the other end.
    expect(model.livers()[1]).toEqual({ relay: 'us-2', sub: 'joe', slot: 1, gen: before!.gen + 1 });
    model.publish('us-2', model.join('us-2', 'kay'));
    model.run(200);
    expect(model.livers()[2]).toMatchObject({ relay: 'us-2', sub: 'kay', slot: 7 });
    model.restart('us-1');
    model.join('us-1', 'ben');
    model.run(500);
    expect([...model.at('us-1').shown.values()].map(({ sub }) => sub).sort()).toEqual(['joe', 'kay']);
    expect([...model.flood('us-2', 1).arrivals.keys()]).toEqual(['us-1']);
    model.heal();
    model.run(8000);
    isWhole(model);
    expect(model.livers()).toHaveLength(3);
  });

  it('leaves a slot that both halves of a cut gave to whom the origin gave it', () => {
    const model = new TreeModel({ jp: 2, us: 2 }, seeded(10));
    model.join('jp-1', 'mio');
    const joe = model.join('us-1', 'joe');
    for (const id of ['jp-2', 'us-2']) model.join(id, `viewer of ${id}`);
    model.run(500);
    model.publish('us-1', joe);
    model.run(1000);
    for (const jp of ['jp-1', 'jp-2']) for (const us of ['us-1', 'us-2']) model.cut(jp, us);
    model.kill('us-1');
    model.run(700);
    model.publish('us-2', model.join('us-2', 'joe'));
    // The origin waits for the one that it lost, then has the slot for others.
    model.run(10_000);
    model.publish('jp-2', model.join('jp-2', 'ann'));
    model.run(500);
    expect(model.livers()).toMatchObject([
      { relay: 'jp-2', sub: 'ann', slot: 0 },
      { relay: 'us-2', sub: 'joe', slot: 0 },
    ]);
    model.heal();
    model.run(8000);
    isWhole(model);
    expect(model.livers()).toMatchObject([{ relay: 'jp-2', sub: 'ann', slot: 0 }]);
  });

  it('is handed over by an origin that drains, without a gap', () => {
    const model = new TreeModel({ jp: 2, us: 2 }, seeded(5));
    model.join('jp-1', 'ann');
    model.join('jp-2', 'ben');
    const joe = model.join('us-1', 'joe');
    model.run(300);
    model.publish('us-1', joe);
    model.run(1000);
    model.drain('jp-1');
    for (let step = 0; step < 100; step++) {
      model.run(5);
      // More often than once while ways change: the window of the slot takes the rest out.
      const { arrivals } = model.flood('us-1', 0);
      expect(arrivals.get('jp-2'), `after ${step * 5} ms`).toBeGreaterThanOrEqual(1);
    }
    expect(model.place).toMatchObject({ origin: 'jp-2', epoch: 2 });
  });

  it('has the origin give the slot to a liver who comes to a relay where nobody was for long', () => {
    const model = new TreeModel({ jp: 1, us: 1 }, seeded(9));
    const mio = model.join('jp-1', 'mio');
    model.run(300);
    model.publish('jp-1', mio);
    const gone = model.join('us-1', 'ann');
    model.run(1000);
    model.leave('us-1', gone, true);
    model.run(10_000);
    model.publish('us-1', model.join('us-1', 'joe'));
    // As soon as the way is there, and not by itself before that, from the other end of the slots.
    model.run(1000);
    expect(model.livers().map(({ relay, slot }) => `${relay} ${slot}`)).toEqual(['jp-1 0', 'us-1 1']);
    model.run(3000);
    expect(model.livers()).toHaveLength(2);
  });

  it('takes a slot from elsewhere whose publisher here was lost before anybody heard of it', () => {
    const model = new TreeModel({ jp: 3, us: 1 }, seeded(8));
    const lost = model.join('jp-1', 'ann');
    model.publish('jp-1', lost);
    model.run(10);
    model.leave('jp-1', lost, false);
    model.join('jp-1', 'bo');
    model.publish('jp-3', model.join('jp-3', 'ann'));
    model.run(20_000);
    isWhole(model);
  });

  it('waits for the origin that it dials after its parent died, though the dead one looks better', () => {
    const up = new Set(['us-2']);
    const branch = new Branch({
      ...{ room: 'r', self: { id: 'us-1', region: 'us' }, alias: 1, random: () => 0, lastComment: () => 0 },
      // The directory knows of no death yet.
      first: (region, except) => (region === 'jp' ? 'jp-1' : ['us-2', 'us-1'].find((id) => !except.has(id))),
      ...{ mayClaim: () => true, linked: (peer) => up.has(peer) },
    });
    const does = (event: BranchEvent, nowMs: number) =>
      branch
        .handle(event, nowMs)
        .flatMap((action) =>
          action.do === 'dial'
            ? `dial ${action.peer}`
            : action.do === 'send'
              ? `${action.message.t} ${action.peer}`
              : [],
        );
    does({ type: 'placed', place: { home: 'jp', origin: 'jp-1', epoch: 1 } }, 0);
    expect(does({ type: 'wanted', wanted: true }, 0)).toEqual(['pull us-2']);
    up.clear();
    expect(does({ type: 'link', peer: 'us-2', up: false }, 100)).toEqual(['dial jp-1']);
    for (let nowMs = 200; nowMs < 1100; nowMs += 100) expect(does({ type: 'tick' }, nowMs)).toEqual([]);
    // It does not answer: now the other has its turn.
    expect(does({ type: 'tick' }, 1100)).toEqual(['dial us-2']);
  });

  it('does not claim again and again while the directory is away', () => {
    const branch = new Branch({
      ...{ room: 'r', self: { id: 'jp-2', region: 'jp' }, alias: 1, random: () => 0.5, lastComment: () => 0 },
      ...{ first: () => 'jp-2', mayClaim: () => true, linked: () => false },
    });
    const claims = (event: BranchEvent, nowMs: number) =>
      branch.handle(event, nowMs).filter((action) => action.do === 'claim').length;
    claims({ type: 'placed', place: { home: 'jp', origin: 'jp-1', epoch: 1 } }, 0);
    expect(claims({ type: 'link', peer: 'jp-1', up: false }, 10)).toBe(1);
    // It fails as soon as it was asked for: another one at once would never let anything else have its turn.
    expect(claims({ type: 'unclaimed' }, 10)).toBe(0);
    expect(claims({ type: 'tick' }, 19)).toBe(0);
    expect(claims({ type: 'tick' }, 20)).toBe(1);
    let count = 0;
    for (let nowMs = 20; nowMs < 10_000; nowMs += 1) {
      claims({ type: 'unclaimed' }, nowMs);
      while (claims({ type: 'tick' }, nowMs) === 0) nowMs += 1;
      count += 1;
    }
    expect(count).toBe(24);
    // The directory is there again: who has the room is lost anew, and claimed at once.
    claims({ type: 'unclaimed' }, 20_000);
    claims({ type: 'placed', place: { home: 'jp', origin: 'jp-3', epoch: 5 } }, 20_000);
    expect(claims({ type: 'link', peer: 'jp-3', up: false }, 20_000)).toBe(1);
  });

  it('is whole again after any order of events', { timeout: 120_000 }, () => {
    const relays = ['jp-1', 'jp-2', 'jp-3', 'us-1', 'us-2', 'us-3'];
    const relay = fc.constantFrom(...relays);
    const step = fc.oneof(
      { weight: 4, arbitrary: fc.record({ op: fc.constant('join' as const), at: relay, sub: fc.nat(9) }) },
      { weight: 4, arbitrary: fc.record({ op: fc.constant('publish' as const), which: fc.nat(20) }) },
      {
        weight: 2,
        arbitrary: fc.record({ op: fc.constant('leave' as const), which: fc.nat(20), clean: fc.boolean() }),
      },
      { weight: 1, arbitrary: fc.record({ op: fc.constant('kill' as const), at: relay }) },
      { weight: 1, arbitrary: fc.record({ op: fc.constant('restart' as const), at: relay }) },
      { weight: 1, arbitrary: fc.record({ op: fc.constant('drain' as const), at: relay }) },
      { weight: 2, arbitrary: fc.record({ op: fc.constant('cut' as const), a: relay, b: relay }) },
      { weight: 1, arbitrary: fc.constant({ op: 'heal' as const }) },
      {
        weight: 4,
        arbitrary: fc.record({ op: fc.constant('run' as const), ms: fc.constantFrom(10, 50, 200, 1000, 4000) }),
      },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), fc.integer(), (steps, seed) => {
        const model = new TreeModel({ jp: 3, us: 3 }, seeded(seed));
        const sessions: { at: string; session: number }[] = [];
        for (const each of steps) {
          if (each.op === 'join' && model.at(each.at).alive) {
            sessions.push({ at: each.at, session: model.join(each.at, `sub ${each.sub}`) });
          }
          const chosen = 'which' in each ? sessions[each.which % Math.max(1, sessions.length)] : undefined;
          if (each.op === 'publish' && chosen) model.publish(chosen.at, chosen.session);
          if (each.op === 'leave' && chosen && model.at(chosen.at).alive) {
            model.leave(chosen.at, chosen.session, each.clean);
          }
          if (each.op === 'kill') model.kill(each.at);
          if (each.op === 'restart' && !model.at(each.at).alive) model.restart(each.at);
          if (each.op === 'drain' && model.at(each.at).alive) model.drain(each.at);
          if (each.op === 'cut' && each.a !== each.b) model.cut(each.a, each.b);
          if (each.op === 'heal') model.heal();
          if (each.op === 'run') model.run(each.ms);
        }
        model.heal();
        // A home without relays cannot give its rooms an origin.
        for (const id of relays) if (!model.at(id).alive) model.restart(id);
        model.run(20_000);
        if (model.place) isWhole(model);
      }),
      { seed: 11, numRuns: 300 },
    );
  });
});
