import { encodeMessage, MessageReader } from '@hayate/codec/messages';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CommentScene, FREE, Transcript } from '../test/comments.ts';

const SEED = 20_261_129;

describe('numbers', () => {
  it('count all comments from 1, and each is shown once with its writer and time', () => {
    const scene = new CommentScene();
    const viewer = scene.watch();
    expect([scene.say('ann', 'a'), scene.say('bob', 'b')]).toEqual([1, 2]);
    scene.clock.advance(1000);
    expect(viewer.messages).toEqual([
      { t: 'comments', after: 0 },
      { t: 'comment', n: 1, sub: 'ann', text: 'a', at: 1_000_000 },
      { t: 'comment', n: 2, sub: 'bob', text: 'b', at: 1_000_000 },
    ]);
    expect(scene.room.count).toBe(2);
  });
});

describe('writing to viewers', () => {
  it('begins at once after a pause; what comes close behind shares one write, 40 ms after the last', () => {
    const scene = new CommentScene();
    const writes: [number, number][] = [];
    const sink = { deleted: () => {}, reactions: () => {} };
    const since = scene.clock.nowMs();
    const comments = (_: Uint8Array, count: number) => writes.push([scene.clock.nowMs() - since, count]);
    scene.room.open(undefined, 1e6, { ...sink, comments });
    for (let n = 0; n < 5; n++) {
      scene.say('ann');
      scene.clock.advance(5);
    }
    scene.clock.advance(1000);
    scene.say('ann');
    expect(writes).toEqual([
      [0, 1],
      [40, 4],
      [1025, 1],
    ]);
  });

  it('gives all viewers the same bytes', () => {
    const scene = new CommentScene();
    const got: Uint8Array[] = [];
    const sink = { comments: (bytes: Uint8Array) => got.push(bytes), deleted: () => {}, reactions: () => {} };
    scene.room.open(undefined, 1e6, { ...sink });
    scene.room.open(undefined, 1e6, { ...sink });
    scene.say('ann');
    expect(got).toHaveLength(2);
    expect(got[0]).toBe(got[1]);
  });

  it('keeps no timer when nothing waits, and none after the room is gone', () => {
    const scene = new CommentScene();
    for (let n = 0; n < 30; n++) scene.say('ann');
    expect(scene.clock.timers).toBeGreaterThan(0);
    scene.clock.advance(1000);
    expect(scene.clock.timers).toBe(0);
    for (let n = 0; n < 30; n++) scene.say('ann');
    scene.room.close();
    expect(scene.clock.timers).toBe(0);
  });
});

describe('a room that writes more than 20 a second', () => {
  it('is sampled, the same for everybody, and the gaps add up', () => {
    const scene = new CommentScene();
    const [a, b] = [scene.watch(), scene.watch()];
    for (let n = 0; n < 1000; n++) {
      scene.say('ann');
      scene.clock.advance(10);
    }
    scene.clock.advance(1000);
    expect(a.messages).toEqual(b.messages);
    // The burst of 20, and 20 in each of the ten seconds.
    expect(a.seen.length).toBeGreaterThanOrEqual(218);
    expect(a.seen.length).toBeLessThanOrEqual(221);
    expect(a.seen.length + a.missed).toBe(1000);
    expect(scene.counters.total('comments_left_out')).toBe(a.missed);
  });

  it('delays none of those that are shown', () => {
    const scene = new CommentScene();
    const delays: number[] = [];
    const reader = new MessageReader({ from: 'relay' });
    const comments = (messages: Uint8Array) => {
      reader.push(messages);
      for (let m = reader.next(); m; m = reader.next()) {
        if (m.t === 'comment') delays.push(scene.clock.nowMs() - m.at);
      }
    };
    scene.room.open(undefined, 1e6, { comments, deleted: () => {}, reactions: () => {} });
    for (let n = 0; n < 500; n++) {
      scene.say('ann');
      scene.clock.advance(20);
    }
    // While the burst lasts, three of them come between two writes.
    expect(Math.max(...delays.slice(0, 60))).toBe(40);
    expect(delays.slice(60).filter((ms) => ms > 0)).toEqual([]);
    expect(delays.length).toBeGreaterThan(200);
  });

  it('tells a gap that nothing follows', () => {
    const scene = new CommentScene();
    const viewer = scene.watch();
    for (let n = 0; n < 25; n++) scene.say('ann');
    scene.clock.advance(250);
    expect(viewer.messages.at(-1)).toEqual({ t: 'missed', count: 5 });
  });
});

describe('limits', () => {
  it('are the person, over all sessions: another person is not limited', () => {
    const scene = new CommentScene({ rates: { ...FREE, perSecond: 1, burst: 2 } });
    expect([scene.say('ann', 'x', 1), scene.say('ann', 'x', 2), scene.say('ann', 'x', 3)]).toEqual([
      1,
      2,
      'rate_limited',
    ]);
    expect(scene.say('bob', 'x', 4)).toBe(3);
    scene.clock.advance(1000);
    expect(scene.say('ann')).toBe(4);
  });

  it('are the room: who is refused for it loses nothing of their own', () => {
    const scene = new CommentScene({ rates: { perSecond: 0.01, burst: 1, roomPerSecond: 1, roomBurst: 2 } });
    expect([scene.say('a'), scene.say('b'), scene.say('c')]).toEqual([1, 2, 'rate_limited']);
    scene.clock.advance(1000);
    expect(scene.say('c')).toBe(3);
  });

  it('encode nothing of what is refused', () => {
    const scene = new CommentScene({ rates: { ...FREE, burst: 1, perSecond: 0.01 } });
    const viewer = scene.watch();
    scene.say('ann');
    const bomb = {
      get text() {
        throw new Error('encoded');
      },
    } as unknown as string;
    expect(() => new CommentScene().say('ann', bomb)).toThrow('encoded');
    for (let n = 0; n < 100; n++) expect(scene.say('ann', bomb)).toBe('rate_limited');
    scene.clock.advance(1000);
    expect(viewer.seen).toEqual([1]);
  });

  it('forget people who have their burst again', () => {
    const scene = new CommentScene({ rates: { ...FREE, perSecond: 1, burst: 1 } });
    for (let n = 0; n < 50_000; n++) {
      scene.say(`guest-${n}`);
      if (n % 100 === 0) scene.clock.advance(1000);
    }
    expect(scene.room.people).toBeLessThan(600);
  });

  it('hold slow mode per person, not for moderators', () => {
    const scene = new CommentScene();
    scene.room.slowSeconds = 30;
    expect([scene.say('ann'), scene.say('ann'), scene.say('bob')]).toEqual([1, 'slow_mode', 2]);
    scene.clock.advance(29_999);
    expect(scene.say('ann')).toBe('slow_mode');
    scene.clock.advance(1);
    expect(scene.say('ann')).toBe(3);
    scene.moderators.add(9);
    expect([scene.say('mod', 'x', 9), scene.say('mod', 'x', 9)]).toEqual([4, 5]);
    scene.room.slowSeconds = 0;
    expect(scene.say('ann')).toBe(6);
  });

  it('refuse who is muted, and their reactions', () => {
    const scene = new CommentScene();
    scene.refusals.set(1, 'muted');
    expect(scene.say('ann')).toBe('muted');
    expect(scene.room.react({ session: 1, sub: 'ann' }, 'heart')).toBe('muted');
    scene.refusals.clear();
    expect(scene.say('ann')).toBe(1);
  });
});

describe('opening', () => {
  it('gives the last 50', () => {
    const scene = new CommentScene();
    for (let n = 0; n < 80; n++) {
      scene.say('ann');
      scene.clock.advance(100);
    }
    const viewer = scene.watch();
    expect(viewer.messages[0]).toEqual({ t: 'comments', after: 30 });
    expect(viewer.seen).toEqual(Array.from({ length: 50 }, (_, n) => n + 31));
  });

  it('goes on after the last one seen, and counts what is kept no more', () => {
    const scene = new CommentScene();
    for (let n = 0; n < 80; n++) {
      scene.say('ann');
      scene.clock.advance(100);
    }
    expect(scene.watch(75).seen).toEqual([76, 77, 78, 79, 80]);
    expect(scene.watch(80).messages).toEqual([{ t: 'comments', after: 80 }]);
    expect(scene.watch(10).messages[0]).toEqual({ t: 'comments', after: 30, missed: 20 });
  });

  it('gives all to who comes from another room of this name', () => {
    const scene = new CommentScene();
    scene.say('ann');
    expect(scene.watch(1000).messages[0]).toEqual({ t: 'comments', after: 0 });
  });

  it('gives no more than fits, the newest', () => {
    const scene = new CommentScene();
    for (let n = 0; n < 20; n++) scene.say('ann', 'x'.repeat(400));
    const { messages } = scene.room.open(5, 2100, { comments() {}, deleted() {}, reactions() {} });
    const viewer = new Transcript();
    viewer.push(messages);
    expect(viewer.seen).toEqual([17, 18, 19, 20]);
    expect(viewer.messages[0]).toEqual({ t: 'comments', after: 16, missed: 11 });
  });
});

describe('deleting', () => {
  it('tells who watches and is gone for who comes', () => {
    const scene = new CommentScene();
    const viewer = scene.watch();
    for (const sub of ['ann', 'bob', 'ann']) scene.say(sub);
    expect(scene.room.deleteComment(2)).toBe(true);
    expect(scene.room.deleteComment(2)).toBe(false);
    expect(viewer.seen).toEqual([1, 2, 3]);
    expect(viewer.messages.at(-1)).toEqual({ t: 'deleted', n: [2] });
    expect(scene.watch().messages.slice(1)).toMatchObject([
      { t: 'comment', n: 1 },
      { t: 'missed', count: 1 },
      { t: 'comment', n: 3 },
    ]);
    expect(scene.room.deleteOf('ann')).toBe(2);
    expect(viewer.messages.at(-1)).toEqual({ t: 'deleted', sub: 'ann' });
    expect(scene.watch().messages).toEqual([{ t: 'comments', after: 3 }]);
  });
});

describe('a comment on its way to its number', () => {
  const written = (text: string) => ({ sub: 'ann', text, at: 5 });
  const numbered = (n: number, key?: number) =>
    encodeMessage({ t: 'comment', n, ...(key === undefined ? {} : { key }), ...written(`no ${n}`) });
  /** What a relay gets from its parent. */
  const below = (parent: CommentScene) => {
    const child = new CommentScene();
    const down = (bytes: Uint8Array) => child.room.ingest(bytes);
    const { messages } = parent.room.open(undefined, 1e6, {
      early: true,
      comments: down,
      deleted: down,
      reactions: down,
    });
    down(messages);
    return child;
  };

  it('is shown at once to who takes early ones, and has its number later; others get it once', () => {
    const scene = new CommentScene();
    const [early, plain] = [scene.watch(undefined, true), scene.watch()];
    scene.room.showEarly({ ...written('hi'), name: 'Ann' }, 7);
    const shown = { sub: 'ann', text: 'hi', at: 5, name: 'Ann' };
    expect(early.messages.slice(1)).toEqual([{ t: 'early', key: 7, ...shown }]);
    expect(plain.messages).toHaveLength(1);
    // Nobody who comes now is shown what has no number yet.
    expect(scene.watch(undefined, true).messages).toEqual([{ t: 'comments', after: 0 }]);
    scene.clock.advance(100);
    scene.room.ingest(encodeMessage({ t: 'comment', n: 1, key: 7, ...shown }));
    for (const viewer of [early, plain, scene.watch()]) {
      expect(viewer.messages.at(-1)).toEqual({ t: 'comment', n: 1, key: 7, ...shown });
      expect([viewer.at, viewer.seen]).toEqual([1, [1]]);
    }
  });

  it('goes to the parent with the time of its writing, and is no number of this relay', async () => {
    const scene = new CommentScene();
    const asked: unknown[] = [];
    scene.room.origin = { post: async (comment) => asked.push(comment), reacted: () => {} };
    const outcome = scene.room.submit({ session: 1, sub: 'ann', name: 'Ann' }, 'hi', new AbortController().signal);
    expect(await outcome).toBe(1);
    expect(asked).toEqual([{ sub: 'ann', name: 'Ann', text: 'hi', at: 1_000_000 }]);
    expect(scene.room.count).toBe(0);
  });

  it('is shown once, however many ways it comes, and never after its number', () => {
    const scene = new CommentScene();
    const viewer = scene.watch(undefined, true);
    for (const key of [1, 1, 2]) scene.room.showEarly(written(`key ${key}`), key);
    scene.room.ingest(numbered(1, 3));
    scene.room.showEarly(written('key 3'), 3);
    scene.clock.advance(1000);
    expect(viewer.early).toEqual(['key 1', 'key 2']);
    expect(viewer.seen).toEqual([1]);
  });

  it('is taken back where it gets no number, and not where it has one', () => {
    const scene = new CommentScene();
    const [early, plain] = [scene.watch(undefined, true), scene.watch()];
    for (const key of [1, 2]) scene.room.showEarly(written(`key ${key}`), key);
    scene.room.ingest(numbered(1, 2));
    scene.room.retract([1, 2, 3]);
    scene.room.retract([1]);
    scene.room.showEarly(written('key 1'), 1);
    scene.clock.advance(1000);
    const told = (viewer: Transcript) => viewer.messages.filter(({ t }) => t === 'deleted');
    expect(told(early)).toEqual([{ t: 'deleted', early: [1] }]);
    expect(told(plain)).toEqual([]);
    expect(early.early).toEqual(['key 1', 'key 2']);
    // The parent was lost, and had passed it on all the same.
    scene.room.ingest(numbered(2, 1));
    scene.clock.advance(1000);
    expect(early.seen).toEqual([1, 2]);
  });

  it('goes down to the other children, numbered by the origin, the same for all', () => {
    const origin = new CommentScene();
    const parent = below(origin);
    const [child, sibling] = [below(parent), below(parent)];
    const viewers = [origin, parent, child, sibling].map((scene) => scene.watch(undefined, true));
    child.room.showEarly(written('hi'), 7);
    parent.room.showEarly(written('hi'), 7);
    expect(viewers.map(({ early }) => early.length)).toEqual([0, 1, 1, 1]);
    expect(origin.room.post(written('hi'), 7)).toBe(1);
    parent.room.showEarly(written('not taken'), 8);
    parent.clock.advance(100);
    parent.room.retract([8]);
    for (const scene of [origin, parent, child, sibling]) scene.clock.advance(100);
    for (const { seen, messages } of viewers) {
      expect(seen).toEqual([1]);
      expect(messages).toContainEqual({ t: 'comment', n: 1, key: 7, ...written('hi') });
    }
    expect(viewers.map(({ early }) => early.at(-1))).toEqual([undefined, ...Array(3).fill('not taken')]);
    expect(viewers.map(({ messages }) => messages.at(-1)?.t)).toEqual(['comment', ...Array(3).fill('deleted')]);
  });

  it('shares writes with others, in order', () => {
    const scene = new CommentScene();
    const writes: [boolean, number][] = [];
    const sink = (early: boolean) => ({
      ...{ early, deleted: () => {}, reactions: () => {} },
      comments: (_: Uint8Array, count: number) => writes.push([early, count]),
    });
    scene.room.open(undefined, 1e6, sink(true));
    scene.room.open(undefined, 1e6, sink(false));
    const viewer = scene.watch(undefined, true);
    scene.room.showEarly(written('a'), 1);
    scene.room.showEarly(written('b'), 2);
    scene.room.ingest(numbered(1, 1));
    scene.room.showEarly(written('c'), 3);
    scene.clock.advance(1000);
    expect(writes).toEqual([
      [true, 0],
      [true, 1],
      [false, 1],
    ]);
    expect(viewer.messages.slice(1).map(({ t }) => t)).toEqual(['early', 'early', 'comment', 'early']);
    expect(scene.clock.timers).toBe(0);
  });

  it('delays no other by coming twice', () => {
    const scene = new CommentScene();
    const viewer = scene.watch(undefined, true);
    scene.room.showEarly(written('a'), 1);
    scene.clock.advance(140);
    scene.room.ingest(numbered(1, 1));
    scene.room.ingest(numbered(2));
    expect(viewer.seen).toEqual([1, 2]);
    // As any two that are shown so close.
    scene.room.ingest(numbered(3));
    expect(viewer.seen).toEqual([1, 2]);
    scene.clock.advance(40);
    expect(viewer.seen).toEqual([1, 2, 3]);
  });

  it('waits for its number in a room that writes too much: 20 a second are shown, whichever way they come', () => {
    const shownOf = (elsewhere: number) => {
      const scene = new CommentScene();
      const viewer = scene.watch(undefined, true);
      let n = 0;
      for (let ms = 0; ms < 10_000; ms += 10) {
        scene.room.showEarly(written('here'), ms);
        while (n < (elsewhere * ms) / 1000) scene.room.ingest(numbered(++n));
        scene.clock.advance(10);
      }
      expect(viewer.seen).toHaveLength(n);
      return viewer.early.length;
    };
    // 100 a second are written here. Half of the burst at once, then what is left of 20 a second.
    expect(shownOf(0)).toBeGreaterThanOrEqual(205);
    expect(shownOf(0)).toBeLessThanOrEqual(211);
    expect(shownOf(10)).toBeLessThanOrEqual(111);
    expect(shownOf(20)).toBeLessThanOrEqual(11);
  });
});

describe('reactions', () => {
  it('are added up for 200 ms, at most 16 kinds, the most frequent', () => {
    const scene = new CommentScene();
    const viewer = scene.watch();
    const react = (kind: string) => scene.room.react({ session: 1, sub: 'ann' }, kind);
    for (let kind = 0; kind < 20; kind++) for (let n = 0; n <= kind; n++) react(`k${kind}`);
    expect(viewer.messages).toHaveLength(1);
    scene.clock.advance(200);
    const [, sum] = viewer.messages;
    expect(sum).toEqual({
      t: 'reactions',
      counts: Object.fromEntries(Array.from({ length: 16 }, (_, n) => [`k${n + 4}`, n + 5])),
    });
    scene.clock.advance(10_000);
    expect(viewer.messages).toHaveLength(2);
    for (let n = 0; n < 10_000; n++) react(`n${n % 9999}`);
    scene.clock.advance(200);
    expect(viewer.messages).toHaveLength(3);
  });
});

describe('property: any order', () => {
  const step = fc.oneof(
    { weight: 8, arbitrary: fc.record({ do: fc.constant('say' as const), times: fc.integer({ min: 1, max: 40 }) }) },
    { weight: 5, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 400 }) }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('open' as const), after: fc.option(fc.nat(300)) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('close' as const), which: fc.nat(9) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('delete' as const), n: fc.nat(200) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('react' as const) }) },
  );

  it("what each viewer saw and its missed counts add up to the room's number, in place", () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 60 }), (steps) => {
        const scene = new CommentScene();
        const open: (Transcript & { close(): void })[] = [];
        for (const each of steps) {
          if (each.do === 'say') for (let n = 0; n < each.times; n++) scene.say(`p${n % 3}`);
          else if (each.do === 'wait') scene.clock.advance(each.ms);
          else if (each.do === 'open') open.push(scene.watch(each.after ?? undefined));
          else if (each.do === 'close') open.splice(each.which, 1)[0]?.close();
          else if (each.do === 'delete') scene.room.deleteComment(each.n);
          else scene.room.react({ session: 1, sub: 'ann' }, 'heart');
        }
        scene.clock.advance(1000);
        for (const viewer of open) {
          expect(viewer.at).toBe(scene.room.count);
          const [first] = viewer.messages;
          const after = first?.t === 'comments' ? first.after : Number.NaN;
          expect(after + viewer.seen.length + viewer.missed).toBe(scene.room.count);
        }
        expect(scene.clock.timers).toBe(0);
      }),
      { seed: SEED, numRuns: 300 },
    );
  });
});
