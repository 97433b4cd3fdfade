import { describe, expect, it } from 'vitest';
import type { RoomEvents } from '../src/types.ts';
import { FakeRelay, TARGET } from '../test/fake-relay.ts';

const posted = (n: number, more: object = {}) =>
  ({ t: 'comment', n, sub: 'bo', text: `no ${n}`, at: 1_700_000_000_000 + n, ...more }) as const;

async function opened(relay = new FakeRelay()) {
  const room = relay.entry.connectRoom(TARGET, { retryMs: 1 });
  const seen: (number | string)[] = [];
  room.on('comment', ({ number }) => seen.push(number));
  room.on('missed', ({ count }) => seen.push(`missed ${count}`));
  room.on('deleted', ({ numbers, subject }) => seen.push(`deleted ${subject ?? numbers}`));
  const warnings: string[] = [];
  room.on('warning', ({ code }) => warnings.push(code));
  await relay.advance(10);
  return { relay, room, seen, warnings };
}

describe('comments', () => {
  it('are opened when somebody listens, and not before', async () => {
    const relay = new FakeRelay();
    const room = relay.entry.connectRoom(TARGET);
    room.on('liver', () => {});
    await relay.advance(10);
    expect(relay.last.received.map(({ t }) => t)).toEqual(['hello']);
    room.on('missed', () => {});
    await relay.advance(10);
    expect(relay.last.received.at(-1)).toEqual({ t: 'comments' });
    room.close();
  });

  it('resolve with their number, or reject with the code of the relay', async () => {
    const { relay, room } = await opened();
    const codes = ['slow_mode', 'muted', 'comment_refused', 'filter_unavailable', 'rate_limited'];
    let n = 40;
    relay.script.answer = (message) => {
      if (message.t !== 'comment') return undefined;
      if (message.text === 'fine') return { t: 'done', id: message.id, n: ++n };
      return { t: 'error', id: message.id, code: message.text, message: 'as scripted', retryable: false };
    };
    const results = Promise.allSettled(['fine', ...codes, 'fine'].map((text) => room.comment(text)));
    await relay.advance(10);
    const settled = (await results).map((result) =>
      result.status === 'fulfilled' ? result.value.number : (result.reason as { code: string }).code,
    );
    expect(settled).toEqual([41, ...codes, 42]);
    room.close();
  });

  it('wait for a stream that opens only now', async () => {
    const relay = new FakeRelay({ up: { delayMs: 5 }, down: { delayMs: 5 } });
    const room = relay.entry.connectRoom(TARGET);
    await relay.advance(100);
    relay.script.answer = (message) => ({ t: 'done', id: (message as { id: number }).id, n: 7 });
    const sent = room.comment('early');
    await relay.advance(50);
    expect(await sent).toEqual({ number: 7 });
    expect(relay.last.received.slice(1).map(({ t }) => t)).toEqual(['comments', 'comment']);
    room.close();
  });

  it('go on after the last one in the next session, each once, and say what was left out', async () => {
    const { relay, room, seen } = await opened();
    relay.last.sendComment({ t: 'comments', after: 3 });
    for (const n of [4, 5]) relay.last.sendComment(posted(n));
    relay.last.sendComment({ t: 'missed', count: 2 });
    relay.last.sendComment(posted(8));
    relay.last.sendComment({ t: 'missed', count: 1 });
    await relay.advance(10);
    relay.last.transport.kill();
    await relay.advance(20);
    expect(relay.last.received.find(({ t }) => t === 'comments')).toEqual({ t: 'comments', after: 9 });
    relay.last.sendComment({ t: 'comments', after: 10, missed: 1 });
    // The relay may send one twice; nobody sees it twice.
    for (const n of [8, 11, 11, 12]) relay.last.sendComment(posted(n));
    relay.last.sendComment({ t: 'deleted', n: [4, 11] });
    relay.last.sendComment({ t: 'deleted', sub: 'bo' });
    await relay.advance(10);
    expect(seen).toEqual([4, 5, 'missed 2', 8, 'missed 1', 'missed 1', 11, 12, 'deleted 4,11', 'deleted bo']);
    room.close();
  });

  it('begin anew in a room that begins anew', async () => {
    const { relay, room, seen } = await opened();
    relay.last.sendComment({ t: 'comments', after: 90 });
    relay.last.sendComment(posted(91));
    await relay.advance(10);
    relay.last.transport.kill();
    await relay.advance(20);
    relay.last.sendComment({ t: 'comments', after: 0 });
    relay.last.sendComment(posted(1));
    await relay.advance(10);
    expect(seen).toEqual([91, 1]);
    room.close();
  });

  it('fail with a session that is lost, and with a stream that breaks, which is opened again', async () => {
    const { relay, room, warnings } = await opened();
    relay.script.answer = () => undefined;
    const first = room.comment('one').catch(({ code }) => code);
    await relay.advance(5);
    // What only the gifts stream may carry.
    relay.last.sendComment({ t: 'gifts', after: 3 });
    await relay.advance(5);
    expect(await first).toBe('connection_lost');
    expect(warnings).toEqual(['protocol_error']);
    await relay.advance(300);
    expect(relay.last.received.filter(({ t }) => t === 'comments')).toHaveLength(2);
    const second = room.comment('two').catch(({ code }) => code);
    await relay.advance(5);
    relay.last.transport.kill();
    await relay.advance(20);
    expect(await second).toBe('connection_lost');
    expect([room.state, relay.sessions.length]).toEqual(['open', 2]);
    room.close();
    await expect(room.comment('three')).rejects.toMatchObject({ code: 'connection_lost' });
    await relay.advance(10_000);
    expect(relay.timers).toBe(0);
  });

  it('come by an iterator, whose numbers show what it did not hold', async () => {
    const { relay, room } = await opened();
    const comments = room.comments[Symbol.asyncIterator]();
    for (let n = 1; n <= 300; n++) relay.last.sendComment(posted(n));
    await relay.advance(10);
    room.close();
    const numbers: number[] = [];
    for (let next = await comments.next(); !next.done; next = await comments.next()) numbers.push(next.value.number);
    expect([numbers.length, numbers[0], numbers.at(-1)]).toEqual([256, 45, 300]);
  });
});

describe('reactions', () => {
  it('are sent without an answer; a refusal is a warning, and the room’s come added up', async () => {
    const { relay, room, warnings } = await opened();
    const counts: RoomEvents['reactions']['counts'][] = [];
    room.on('reactions', (reactions) => counts.push(reactions.counts));
    relay.script.answer = (message) =>
      message.t === 'react' && message.kind === 'boo'
        ? { t: 'error', id: message.id, code: 'rate_limited', message: 'slower', retryable: true }
        : undefined;
    expect([room.react('heart'), room.react('boo')]).toEqual([true, true]);
    expect(() => room.react('Heart!')).toThrow(expect.objectContaining({ code: 'invalid_argument' }));
    relay.last.sendComment({ t: 'reactions', counts: { heart: 3, clap: 1 } });
    await relay.advance(10);
    expect(relay.last.received.filter(({ t }) => t === 'react')).toMatchObject([{ kind: 'heart' }, { kind: 'boo' }]);
    expect(counts).toEqual([{ heart: 3, clap: 1 }]);
    expect(warnings).toEqual(['rate_limited']);
    room.close();
    expect(room.react('heart')).toBe(false);
  });
});
