import { encodeMessage } from '@hayate/codec/messages';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CommentFilter, Verdict } from '../comments/filter.ts';
import { CommentScene, FREE, Reader, settled } from '../test/comments.ts';

const SEED = 20_261_130;
const comment = (id: number, text = 'x') => ({ t: 'comment' as const, id, text });

describe('a viewer that reads slowly', () => {
  it('holds its bound, is told how many it missed, and goes on with the newest', async () => {
    const scene = new CommentScene();
    const [slow, quick] = [new Reader(scene), new Reader(scene, { session: 2 })];
    for (const each of [slow, quick]) each.stream.open(undefined);
    await settled();
    slow.stall();
    for (let n = 0; n < 600; n++) {
      scene.say('ann', 'long '.repeat(20));
      scene.clock.advance(100);
      slow.look();
      await settled();
    }
    expect(quick.transcript.seen).toHaveLength(600);
    expect(quick.dropped).toBe(0);
    expect(slow.most).toBeLessThanOrEqual(2048);
    slow.resume();
    await settled();
    expect(slow.transcript.at).toBe(600);
    expect(slow.transcript.missed).toBe(slow.dropped);
    expect(slow.dropped).toBeGreaterThan(570);
    scene.say('ann');
    await settled();
    expect(slow.transcript.seen.at(-1)).toBe(601);
  });

  it('is not shown early what does not fit: it comes again with its number', async () => {
    const scene = new CommentScene();
    const slow = new Reader(scene, { queueBytes: 512 });
    slow.stream.open(undefined, true);
    await settled();
    slow.stall();
    for (let key = 0; key < 20; key++) {
      scene.room.showEarly({ sub: 'ann', text: 'long '.repeat(20), at: 1 }, key);
      scene.clock.advance(100);
    }
    expect(slow.out.waitingBytes).toBeLessThanOrEqual(512);
    expect(slow.dropped).toBe(0);
    slow.resume();
    await settled();
    expect(slow.transcript.early.length).toBeGreaterThan(0);
    expect(slow.transcript.early.length).toBeLessThan(20);
    scene.say('ann');
    scene.clock.advance(100);
    await settled();
    expect([slow.transcript.seen, slow.transcript.missed]).toEqual([[1], 0]);
  });

  it('is still told of every deletion, and ends where those are too many', async () => {
    const scene = new CommentScene();
    const slow = new Reader(scene);
    slow.stream.open(undefined);
    for (let n = 0; n < 200; n++) {
      scene.say('ann');
      scene.clock.advance(100);
    }
    await settled();
    slow.stall();
    for (let n = 0; n < 50; n++) {
      scene.say('ann', 'long '.repeat(20));
      scene.clock.advance(100);
    }
    expect(slow.dropped).toBeGreaterThan(0);
    scene.room.deleteComment(210);
    slow.resume();
    await settled();
    expect(slow.transcript.messages).toContainEqual({ t: 'deleted', n: [210] });
    slow.stall();
    for (let n = 0; n < 1000; n++) scene.room.deleteOf(`somebody-${n}`);
    expect(slow.out.waitingBytes).toBeLessThanOrEqual(2 * 2048);
    slow.resume();
    await settled();
    expect(slow.closed).toBe(true);
  });

  it('is not read while it does not read its answers', async () => {
    const scene = new CommentScene();
    const slow = new Reader(scene, { queueBytes: 1024 });
    slow.stream.open(undefined);
    await settled();
    slow.stall();
    let taken = 0;
    const flood = (async () => {
      for (let id = 0; id < 1000; id++) {
        await slow.stream.take(comment(id));
        taken++;
        scene.clock.advance(1);
        slow.look();
      }
    })();
    await settled();
    expect(taken).toBeLessThan(200);
    expect(slow.most).toBeLessThan(1100);
    slow.stream.end();
    await flood;
  });
});

describe('a session that sends too much', () => {
  it('is told 5 times a second and then not read', async () => {
    const scene = new CommentScene({ rates: { ...FREE, perSecond: 1, burst: 5 } });
    const flood = new Reader(scene, { queueBytes: 1_000_000 });
    flood.stream.open(undefined);
    const sending = (async () => {
      for (let id = 0; id < 10_000; id++) await flood.stream.take(comment(id));
    })();
    for (let n = 0; n < 1000; n++) {
      scene.clock.advance(10);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await settled();
    // Five and one a second are taken, five and five a second refused.
    expect(flood.transcript.answers.length).toBeGreaterThan(55);
    expect(flood.transcript.answers.length).toBeLessThan(75);
    expect(scene.room.count).toBeLessThanOrEqual(16);
    const timers = scene.clock.timers;
    flood.stream.end();
    await sending;
    expect(scene.clock.timers).toBeLessThan(timers);
  });

  it('of reactions gets rate_limited, and others not', async () => {
    const scene = new CommentScene();
    const [eager, calm] = [new Reader(scene), new Reader(scene, { session: 2 })];
    for (const each of [eager, calm]) each.stream.open(undefined);
    for (let id = 0; id < 21; id++) await eager.stream.take({ t: 'react', id, kind: 'heart' });
    await calm.stream.take({ t: 'react', id: 1, kind: 'heart' });
    scene.clock.advance(200);
    await settled();
    expect(eager.transcript.answers).toMatchObject([{ t: 'error', id: 20, code: 'rate_limited', retryable: true }]);
    expect(calm.transcript.answers).toEqual([]);
    expect(calm.transcript.messages.at(-1)).toEqual({ t: 'reactions', counts: { heart: 21 } });
  });

  it('may not open its stream over and over', async () => {
    const scene = new CommentScene();
    scene.say('ann');
    const reader = new Reader(scene);
    for (let n = 0; n < 10; n++) reader.stream.open(undefined);
    expect(reader.closed).toBe(false);
    reader.stream.open(undefined);
    await settled();
    expect(reader.transcript.answers).toMatchObject([{ t: 'error', code: 'rate_limited' }]);
    expect(reader.closed).toBe(true);
  });
});

/** Answers when told to. */
class HeldFilter implements CommentFilter {
  readonly texts: string[] = [];
  readonly #answers: ((verdict: Verdict) => void)[] = [];

  judge({ text }: { text: string }): Promise<Verdict> {
    this.texts.push(text);
    return new Promise((resolve) => this.#answers.push(resolve));
  }

  answer(verdict: Verdict): void {
    this.#answers.shift()?.(verdict);
  }
}

describe('a comment in the filter', () => {
  const open = (filter: CommentFilter) => {
    const scene = new CommentScene({ filter });
    const reader = new Reader(scene);
    reader.stream.open(undefined);
    return { scene, reader };
  };

  it('is allowed, replaced or refused', async () => {
    const filter = new HeldFilter();
    const { scene, reader } = open(filter);
    const verdicts: Verdict[] = [
      { do: 'allow' },
      { do: 'replace', text: '***' },
      { do: 'refuse' },
      { do: 'unavailable' },
    ];
    for (const [id, verdict] of verdicts.entries()) {
      const taken = reader.stream.take(comment(id, `text ${id}`));
      filter.answer(verdict);
      await taken;
    }
    scene.clock.advance(1000);
    await settled();
    expect(reader.transcript.answers).toMatchObject([
      { t: 'done', id: 0, n: 1 },
      { t: 'done', id: 1, n: 2 },
      { t: 'error', id: 2, code: 'comment_refused', retryable: false },
      { t: 'error', id: 3, code: 'filter_unavailable', retryable: true },
    ]);
    expect(reader.transcript.messages.flatMap((m) => (m.t === 'comment' ? [m.text] : []))).toEqual(['text 0', '***']);
    expect(reader.commented).toBe(2);
  });

  it('is the only one of its session', async () => {
    const filter = new HeldFilter();
    const { reader } = open(filter);
    const first = reader.stream.take(comment(1, 'one'));
    expect(first).toBeInstanceOf(Promise);
    expect(filter.texts).toEqual(['one']);
    filter.answer({ do: 'allow' });
    await first;
    void reader.stream.take(comment(2, 'two'));
    expect(filter.texts).toEqual(['one', 'two']);
  });

  it('is shown to nobody when its stream has ended or its writer was muted meanwhile', async () => {
    const filter = new HeldFilter();
    const { scene, reader } = open(filter);
    const watcher = scene.watch();
    const muted = reader.stream.take(comment(1));
    scene.refusals.set(1, 'muted');
    filter.answer({ do: 'allow' });
    await muted;
    await settled();
    expect(reader.transcript.answers).toMatchObject([{ t: 'error', id: 1, code: 'muted' }]);
    scene.refusals.clear();
    const ended = reader.stream.take(comment(2));
    reader.stream.end();
    filter.answer({ do: 'allow' });
    await ended;
    scene.clock.advance(1000);
    expect(watcher.seen).toEqual([]);
    expect(scene.room.count).toBe(0);
  });

  it('that is refused starts no slow mode', async () => {
    const filter = new HeldFilter();
    const { scene, reader } = open(filter);
    scene.room.slowSeconds = 60;
    for (const [id, verdict] of [{ do: 'refuse' }, { do: 'allow' }, { do: 'allow' }].entries()) {
      const taken = reader.stream.take(comment(id));
      filter.answer(verdict as Verdict);
      await taken;
    }
    await settled();
    expect(reader.transcript.answers).toMatchObject([
      { t: 'error', code: 'comment_refused' },
      { t: 'done', n: 1 },
      { t: 'error', code: 'slow_mode' },
    ]);
  });
});

describe('property: any order', () => {
  const which = fc.nat(3);
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.record({ do: fc.constant('say' as const), times: fc.integer({ min: 1, max: 30 }) }) },
    { weight: 4, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 300 }) }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('stall' as const), which }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('resume' as const), which }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('submit' as const), which }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('delete' as const), n: fc.nat(100) }) },
  );

  it('a viewer that stops and goes on has its bound, and all it did not see is counted', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 50 }), async (steps) => {
        const scene = new CommentScene();
        const readers = Array.from({ length: 4 }, (_, session) => new Reader(scene, { session, queueBytes: 1024 }));
        for (const { stream } of readers) stream.open(undefined);
        let id = 0;
        for (const each of steps) {
          if (each.do === 'say') for (let n = 0; n < each.times; n++) scene.say('ann', 'some words');
          else if (each.do === 'wait') scene.clock.advance(each.ms);
          else if (each.do === 'stall') readers[each.which]!.stall();
          else if (each.do === 'resume') readers[each.which]!.resume();
          else if (each.do === 'submit') void readers[each.which]!.stream.take(comment(id++));
          else scene.room.deleteComment(each.n);
          await new Promise((resolve) => setImmediate(resolve));
          // One answer and the deletions go above it.
          for (const { out } of readers) expect(out.waitingBytes).toBeLessThanOrEqual(2 * 1024);
        }
        for (const reader of readers) reader.resume();
        await settled();
        scene.clock.advance(1000);
        await settled();
        for (const { transcript, closed } of readers) {
          if (closed) continue;
          expect(transcript.at).toBe(scene.room.count);
          expect(transcript.seen.length + transcript.missed).toBe(scene.room.count);
        }
      }),
      { seed: SEED, numRuns: 60 },
    );
  });

  it('would notice one that is left out uncounted (negative control)', () => {
    const scene = new CommentScene();
    const reader = new Reader(scene);
    reader.transcript.push(encodeMessage({ t: 'comments', after: 0 }));
    const lost = { t: 'comment' as const, n: 2, sub: 'ann', text: 'x', at: 0 };
    expect(() => reader.transcript.push(encodeMessage(lost))).toThrow('in the place of 1');
  });
});
