import { describe, expect, it } from 'vitest';
import type { RoomEvents } from '../src/types.ts';
import { FakeRelay, TARGET } from '../test/fake-relay.ts';

const posted = (n: number, more: object = {}) =>
  ({ t: 'comment', n, sub: 'bo', text: `no ${n}`, at: 1_700_000_000_000 + n, ...more }) as const;

async function opened(relay = new FakeRelay()) {
  const room = relay.entry.connectRoom(TARGET, { retryMs: 1 });
  const seen: (number | string | undefined)[] = [];
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
    const numbers: (number | undefined)[] = [];
    for (let next = await comments.next(); !next.done; next = await comments.next()) numbers.push(next.value.number);
    expect([numbers.length, numbers[0], numbers.at(-1)]).toEqual([256, 45, 300]);
  });
});

describe('comments before their numbers', () => {
  const early = (key: number, more: object = {}) =>
    ({ t: 'early', key, sub: 'bo', text: `key ${key}`, at: 1_700_000_000_000 + key, ...more }) as const;

  async function together() {
    const relay = new FakeRelay();
    relay.script.welcome = { numbering: 'jp/a1' };
    const { room } = await opened(relay);
    const told: string[] = [];
    room.on('comment', ({ number, key, text }) => told.push(`${text} as ${number ?? `key ${key}`}`));
    room.on('comment_placed', ({ key, number }) => told.push(`key ${key} is ${number}`));
    room.on('deleted', ({ numbers, keys, subject }) => told.push(`gone ${subject ?? [...numbers, ...keys]}`));
    return { relay, room, told };
  }

  it('are asked for in a cluster, and not of a relay that is alone', async () => {
    const { relay, room } = await together();
    expect(relay.last.received.at(-1)).toEqual({ t: 'comments', early: true });
    room.close();
    const { relay: alone, room: other } = await opened();
    expect(alone.last.received.at(-1)).toEqual({ t: 'comments' });
    other.close();
  });

  it('are shown once, and their numbers told', async () => {
    const { relay, room, told } = await together();
    relay.last.sendComment({ t: 'comments', after: 3 });
    for (const message of [early(7, { name: 'Bo' }), early(7), early(8)]) relay.last.sendComment(message);
    relay.last.sendComment(posted(4));
    relay.last.sendComment(posted(5, { key: 8 }));
    relay.last.sendComment(posted(6, { key: 7 }));
    // Late, and of a comment that others were shown early.
    relay.last.sendComment(early(8));
    relay.last.sendComment(posted(7, { key: 9 }));
    relay.last.sendComment(early(9));
    await relay.advance(10);
    expect(told).toEqual([
      ...['key 7 as key 7', 'key 8 as key 8', 'no 4 as 4', 'key 8 is 5', 'key 7 is 6', 'no 7 as 7'],
    ]);
    await relay.advance(10_000);
    expect(told).toHaveLength(6);
    relay.last.sendComment(early(10));
    await relay.advance(10);
    room.close();
    await relay.advance(300);
    expect(relay.timers).toBe(0);
  });

  it('have their numbers over a session that is lost, and are asked for by none of theirs', async () => {
    const { relay, room, told } = await together();
    relay.last.sendComment({ t: 'comments', after: 3 });
    relay.last.sendComment(posted(4));
    for (const key of [7, 8]) relay.last.sendComment(early(key));
    await relay.advance(10);
    relay.last.transport.kill();
    await relay.advance(20);
    expect(relay.last.received.find(({ t }) => t === 'comments')).toEqual({ t: 'comments', after: 4, early: true });
    relay.last.sendComment({ t: 'comments', after: 4 });
    for (const message of [posted(5, { key: 8 }), early(7), posted(6, { key: 7 })]) relay.last.sendComment(message);
    await relay.advance(10);
    expect(told.slice(1)).toEqual(['key 7 as key 7', 'key 8 as key 8', 'key 8 is 5', 'key 7 is 6']);
    room.close();
  });

  it('are taken back when they get none, and come again when they have one after all', async () => {
    const { relay, room, told } = await together();
    relay.last.sendComment({ t: 'comments', after: 0 });
    for (const key of [1, 2, 3]) relay.last.sendComment(early(key));
    relay.last.sendComment(early(4, { sub: 'cy' }));
    relay.last.sendComment(posted(1, { key: 2 }));
    // A key that this one was not shown, and one that has its number.
    relay.last.sendComment({ t: 'deleted', early: [1, 2, 99] });
    relay.last.sendComment({ t: 'deleted', early: [99] });
    relay.last.sendComment({ t: 'deleted', sub: 'cy' });
    relay.last.sendComment(posted(2, { key: 1 }));
    relay.last.sendComment(posted(3, { key: 4, sub: 'cy' }));
    relay.last.sendComment(posted(4, { key: 3 }));
    await relay.advance(10);
    expect(told.slice(4)).toEqual(['key 2 is 1', 'gone 1', 'gone cy', 'no 2 as 2', 'no 3 as 3', 'key 3 is 4']);
    room.close();
  });

  it('are given up after six seconds of an open stream', async () => {
    const { relay, room, told } = await together();
    relay.last.sendComment({ t: 'comments', after: 0 });
    relay.last.sendComment(early(1));
    await relay.advance(3000);
    relay.last.sendComment(early(2));
    await relay.advance(2990);
    expect(told).toHaveLength(2);
    await relay.advance(20);
    expect(told.slice(2)).toEqual(['gone 1']);
    relay.last.transport.kill();
    relay.deaf = true;
    await relay.advance(20_000);
    expect(told).toHaveLength(3);
    relay.deaf = false;
    await relay.advance(30_000);
    expect(told.slice(3)).toEqual(['gone 2']);
    room.close();
  });

  it('come by the iterator without their numbers', async () => {
    const { relay, room } = await together();
    const comments = room.comments[Symbol.asyncIterator]();
    for (const message of [early(1), posted(1, { key: 1 }), posted(2)]) relay.last.sendComment(message);
    await relay.advance(10);
    room.close();
    const got: (number | undefined)[] = [];
    for (let next = await comments.next(); !next.done; next = await comments.next()) got.push(next.value.number);
    expect(got).toEqual([undefined, 2]);
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

  it('wait for a stream that opens only now', async () => {
    const relay = new FakeRelay({ up: { delayMs: 5 }, down: { delayMs: 5 } });
    const room = relay.entry.connectRoom(TARGET);
    await relay.advance(100);
    expect([room.react('heart'), room.react('clap')]).toEqual([true, true]);
    // A bound: what is more is told.
    const more = Array.from({ length: 64 }, () => room.react('heart'));
    expect(more.filter((sent) => !sent)).toHaveLength(2);
    await relay.advance(50);
    expect(relay.last.received.slice(1, 4)).toMatchObject([{ t: 'comments' }, { kind: 'heart' }, { kind: 'clap' }]);
    expect(room.react('heart')).toBe(true);
    room.close();
  });
});
