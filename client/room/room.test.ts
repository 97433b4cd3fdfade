import type { HayateError } from '@hayate/codec/errors';
import { describe, expect, it } from 'vitest';
import type { RoomEvent } from '../src/types.ts';
import { FakeRelay, TARGET } from '../test/fake-relay.ts';

const state = async (promise: Promise<unknown>) => {
  const pending = Symbol('pending');
  const value = await Promise.race([
    promise.then(
      (v) => v,
      (error) => error,
    ),
    Promise.resolve(pending),
  ]);
  return value === pending ? 'pending' : value;
};

describe('room', () => {
  it('says hello with its token and opens on welcome', async () => {
    const relay = new FakeRelay({ up: { delayMs: 10 }, down: { delayMs: 10 } });
    relay.script.welcome = {
      livers: [{ slot: 3, gen: 9, sub: 'bo', voice: { codec: 'opus', sampleRate: 48000, channels: 1, frameMs: 20 } }],
    };
    const room = relay.entry.connectRoom({ ...TARGET, token: async () => 'fresh' });
    expect(room.state).toBe('connecting');
    await relay.advance(60);
    expect(room.state).toBe('open');
    expect(await room.ready).toMatchObject({ room: 'demo', subject: 'ann', budgetMs: 100 });
    expect(relay.last.received).toEqual([{ t: 'hello', v: 1, token: 'fresh', agent: 'hayate-client/0.1' }]);
    expect([...room.livers.values()]).toEqual([
      { slot: 3, generation: 9, subject: 'bo', voice: { channels: 1, frameMs: 20 } },
    ]);
    room.close();
  });

  it('keeps the livers up to date; an old generation cannot remove a new one', async () => {
    const relay = new FakeRelay();
    const room = relay.entry.connectRoom(TARGET);
    await relay.advance(10);
    relay.last.send({ t: 'liver', slot: 1, gen: 4, sub: 'bo' });
    relay.last.send({ t: 'liver', slot: 1, gen: 5, sub: 'cy' });
    relay.last.send({ t: 'left', slot: 1, gen: 4 });
    await relay.advance(10);
    expect(room.livers.get(1)).toEqual({ slot: 1, generation: 5, subject: 'cy' });
    relay.last.send({ t: 'left', slot: 1, gen: 5 });
    await relay.advance(10);
    expect(room.livers.size).toBe(0);
    room.close();
  });

  it.each([
    [202, 'token_expired'],
    [201, 'token_invalid'],
    [103, 'unsupported_version'],
    [302, 'room_closed'],
  ])('stops for good on close code %i', async (closeCode, code) => {
    const relay = new FakeRelay();
    relay.script.refuse = closeCode;
    const room = relay.entry.connectRoom(TARGET);
    await relay.advance(20_000);
    expect(room.state).toBe('closed');
    expect(await room.closed).toMatchObject({ code, retryable: false });
    await expect(room.ready).rejects.toMatchObject({ code });
    expect(relay.dialled).toHaveLength(1);
    expect(relay.timers).toBe(0);
  });

  it('gives up a first connection after 15 s, with growing waits', async () => {
    const relay = new FakeRelay();
    relay.deaf = true;
    relay.random = () => 0.999;
    const room = relay.entry.connectRoom(TARGET);
    await relay.advance(16_000);
    expect(await room.closed).toMatchObject({ code: 'connect_failed' });
    const gaps = relay.dialled.slice(1).map((at, i) => Math.round(at - relay.dialled[i]!));
    expect(gaps).toEqual([150, 300, 599, 1199, 2398, 4795].map((gap) => expect.closeTo(gap, -1)));
    expect(relay.timers).toBe(0);
  });

  it('spreads the waits over the whole interval and never over the cap', async () => {
    const relay = new FakeRelay();
    relay.deaf = true;
    let seed = 1;
    relay.random = () => {
      seed = (seed * 48271) % 2147483647;
      return seed / 2147483647;
    };
    const room = relay.entry.connectRoom(TARGET, { giveUpMs: 120_000, maxRetryMs: 2_000 });
    await relay.advance(60_000);
    room.close();
    const gaps = relay.dialled
      .slice(4)
      .map((at, i, all) => (i === 0 ? 0 : at - all[i - 1]!))
      .slice(1);
    expect(gaps.length).toBeGreaterThan(30);
    expect(Math.max(...gaps)).toBeLessThanOrEqual(2_005);
    expect(Math.min(...gaps)).toBeLessThan(400);
    const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length;
    expect(mean).toBeGreaterThan(700);
    expect(mean).toBeLessThan(1_300);
  });

  it('comes back after a cut, at once when the network says so', async () => {
    const relay = new FakeRelay();
    const room = relay.entry.connectRoom(TARGET, { retryMs: 8_000 });
    const states: string[] = [];
    room.on('state', (change) => states.push(change.error ? `${change.state}:${change.error.code}` : change.state));
    await relay.advance(10);
    relay.last.transport.kill();
    await relay.advance(1_000);
    expect(room.state).toBe('reconnecting');
    expect(room.livers.size).toBe(0);
    room.hintReconnect();
    await relay.advance(10);
    expect(states).toEqual(['open', 'reconnecting:connection_lost', 'open']);
    expect(relay.sessions).toHaveLength(2);
    room.close();
  });

  it.each([0, 501, 500, 999])('comes back after close code %i', async (closeCode) => {
    const relay = new FakeRelay();
    const room = relay.entry.connectRoom(TARGET, { retryMs: 1 });
    await relay.advance(10);
    relay.last.transport.close({ closeCode, reason: '' });
    await relay.advance(20);
    expect([room.state, relay.sessions.length]).toEqual(['open', 2]);
    room.close();
  });

  it('declares a silent relay dead after 600 ms', async () => {
    const relay = new FakeRelay();
    const room = relay.entry.connectRoom(TARGET, { retryMs: 60_000 });
    await relay.advance(2_000);
    expect(room.state).toBe('open');
    relay.script.heartbeats = false;
    await relay.advance(395);
    expect(room.state).toBe('open');
    await relay.advance(405);
    expect(room.state).toBe('reconnecting');
    // A relay that only stood still keeps the place: 0 would be a goodbye.
    expect(await relay.last.transport.closed).toMatchObject({ closeCode: 601 });
    room.close();
  });

  it('gives a path up within 300 ms when the network has changed and nothing comes', async () => {
    const relay = new FakeRelay();
    const room = relay.entry.connectRoom(TARGET, { retryMs: 60_000 });
    await relay.advance(2_000);
    room.hintReconnect();
    await relay.advance(1_000);
    expect(room.state).toBe('open');
    relay.script.heartbeats = false;
    await relay.advance(10);
    room.hintReconnect();
    await relay.advance(290);
    expect(room.state).toBe('open');
    await relay.advance(15);
    expect(room.state).toBe('reconnecting');
    room.close();
  });

  it('says goodbye when it is closed, so that nothing is kept of it', async () => {
    const relay = new FakeRelay();
    const room = relay.entry.connectRoom(TARGET);
    await relay.advance(1_000);
    const { closed } = relay.last.transport;
    room.close();
    await relay.advance(1);
    expect(await closed).toMatchObject({ closeCode: 0 });
  });

  it('does not count its own stall as silence', async () => {
    const relay = new FakeRelay();
    let stallMs = 0;
    const { nowMs } = relay.environment;
    relay.environment.nowMs = () => nowMs() + stallMs;
    const room = relay.entry.connectRoom(TARGET, { retryMs: 60_000 });
    await relay.advance(1_000);
    // The thread stood still for 5 s: the next check finds a long silence and itself late.
    stallMs = 5_000;
    await relay.advance(300);
    expect(room.state).toBe('open');
    // Negative control: the same silence with checks on time.
    relay.script.heartbeats = false;
    await relay.advance(1_000);
    expect(room.state).toBe('reconnecting');
    room.close();
  });

  it('leaves a draining relay early, at a random time', async () => {
    const relay = new FakeRelay();
    const room = relay.entry.connectRoom(TARGET, { retryMs: 1 });
    await relay.advance(10);
    relay.last.send({ t: 'draining', deadlineMs: 8_000 });
    await relay.advance(1_900);
    expect(relay.sessions).toHaveLength(1);
    await relay.advance(200);
    expect(relay.sessions).toHaveLength(2);
    expect(room.state).toBe('open');
    room.close();
  });

  it('settles everything on close', async () => {
    const relay = new FakeRelay();
    relay.script.answer = () => undefined;
    const room = relay.entry.connectRoom(TARGET);
    const events = room.events();
    const comments = room.comments[Symbol.asyncIterator]();
    const watcher = relay.entry.watch(room);
    const publisher = relay.entry.publish(room);
    const frames = watcher.frames();
    await relay.advance(10);
    const pending = [
      room.comment('unanswered'),
      watcher.ready,
      publisher.ready,
      comments.next(),
      frames.next(),
      (async () => {
        const seen: RoomEvent[] = [];
        for await (const event of events) seen.push(event);
        return seen;
      })(),
    ];
    await relay.advance(10);
    expect(await Promise.all(pending.map(state))).toEqual(pending.map(() => 'pending'));
    room.close();
    room.close();
    const results = await Promise.allSettled(pending);
    expect(results.slice(0, 3)).toEqual(
      Array(3).fill({ status: 'rejected', reason: expect.objectContaining({ code: 'closed' }) }),
    );
    expect(results[3]).toMatchObject({ value: { done: true } });
    expect(results[4]).toMatchObject({ value: { done: true } });
    expect((results[5] as { value: RoomEvent[] }).value.map((event) => event.type)).toEqual([
      'access',
      'state',
      'relay',
      'state',
    ]);
    await expect(room.comment('after')).rejects.toMatchObject({ code: 'connection_lost' });
    expect((await relay.entry.watch(room).ready.catch((error: HayateError) => error)) as HayateError).toMatchObject({
      code: 'closed',
    });
    await relay.advance(20_000);
    expect(relay.timers).toBe(0);
  });

  it('ends on an abort signal', async () => {
    const relay = new FakeRelay();
    const abort = new AbortController();
    const room = relay.entry.connectRoom(TARGET, { signal: abort.signal });
    abort.abort();
    expect(await room.closed).toMatchObject({ code: 'closed' });
    await relay.advance(1_000);
    expect(relay.timers).toBe(0);
  });

  it('settles a comment by the relay’s answer and hears the room', async () => {
    const relay = new FakeRelay();
    let nth = 0;
    relay.script.answer = (message) => {
      nth += 1;
      if (nth === 1) return { t: 'done', id: message.id };
      if (nth === 2) return { t: 'error', id: message.id, code: 'rate_limited', message: 'slower', retryable: true };
      return undefined;
    };
    const room = relay.entry.connectRoom(TARGET);
    const comments = room.comments[Symbol.asyncIterator]();
    await relay.advance(10);
    const first = room.comment('hello');
    const second = room.comment('hello again');
    const third = room.comment('lost');
    for (const unheeded of [second, third]) unheeded.catch(() => {});
    await relay.advance(10);
    await first;
    await expect(second).rejects.toMatchObject({ code: 'rate_limited', retryable: true });
    relay.last.sendComment({ t: 'comment', n: 41, sub: 'bo', text: 'hi', at: 1_700_000_000_000 });
    await relay.advance(10);
    expect(await comments.next()).toEqual({
      done: false,
      value: { number: 41, subject: 'bo', text: 'hi', atMs: 1_700_000_000_000 },
    });
    await relay.advance(5_000);
    await expect(third).rejects.toMatchObject({ code: 'timeout' });
    await expect(room.comment('')).rejects.toMatchObject({ code: 'invalid_argument' });
    room.close();
  });

  it('goes on hearing comments after a reconnect', async () => {
    const relay = new FakeRelay();
    const room = relay.entry.connectRoom(TARGET, { retryMs: 1 });
    const comments = room.comments[Symbol.asyncIterator]();
    await relay.advance(10);
    relay.last.transport.kill();
    await relay.advance(20);
    relay.last.sendComment({ t: 'comment', n: 1, sub: 'bo', text: 'back', at: 1 });
    await relay.advance(10);
    expect((await comments.next()).value).toMatchObject({ text: 'back' });
    room.close();
  });

  it('reports warnings and the uplink, and closes on nonsense', async () => {
    const relay = new FakeRelay();
    const room = relay.entry.connectRoom(TARGET);
    const warnings: string[] = [];
    const lost: number[] = [];
    room.on('warning', (error) => warnings.push(error.code));
    room.on('uplink', (report) => lost.push(report.lost));
    await relay.advance(10);
    relay.last.send({ t: 'error', code: 'datagram_malformed', message: 'x', retryable: false });
    relay.last.send({
      t: 'uplink',
      received: 60,
      lost: 3,
      duplicate: 0,
      lagMs: { p50: 1, p99: 2 },
      uncertaintyMs: 0.5,
      refused: {},
    });
    await relay.advance(10);
    expect([warnings, lost]).toEqual([['datagram_malformed'], [3]]);
    relay.last.send({ t: 'done', id: 99 });
    await relay.advance(10);
    expect(room.state).toBe('open');
    relay.last.send({
      t: 'welcome',
      v: 1,
      session: 'again',
      room: 'x',
      alias: 1,
      sub: 's',
      roles: [],
      permissions: [],
      expiresAt: 0,
      budgetMs: 1,
      livers: [],
    });
    await relay.advance(10);
    expect(await room.closed).toMatchObject({ code: 'protocol_error' });
  });

  it.each([
    [{ url: 'http://memory/v1', token: 'x' }],
    [{ url: 'nonsense', token: 'x' }],
    [{ url: 'https://memory/v1', token: 'x', certificateHashes: ['abc'] }],
  ])('refuses the target %j', (target) => {
    const relay = new FakeRelay();
    expect(() => relay.entry.connectRoom(target)).toThrow(expect.objectContaining({ code: 'invalid_argument' }));
    expect(relay.timers).toBe(0);
  });
});
