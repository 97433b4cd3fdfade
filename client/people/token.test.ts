import { describe, expect, it } from 'vitest';
import type { RoomAccess } from '../src/types.ts';
import { FakeRelay, TARGET } from '../test/fake-relay.ts';

const LIFE_MS = 100_000;

/** A relay whose tokens last 100 s, and a room whose token function counts. */
async function joined(token?: () => Promise<string>, skewMs = 0) {
  const relay = new FakeRelay();
  let given = 0;
  const wallMs = relay.environment.wallMs;
  const relayWallMs = () => Math.round(wallMs());
  relay.environment.wallMs = () => wallMs() + skewMs;
  relay.script.welcome = { expiresAt: relayWallMs() + LIFE_MS };
  relay.script.answer = (message) =>
    message.t === 'refresh'
      ? {
          t: 'access',
          id: message.id,
          roles: ['viewer'],
          permissions: ['watch'],
          expiresAt: relayWallMs() + LIFE_MS,
        }
      : { t: 'done', id: message.id };
  const room = relay.entry.connectRoom({ ...TARGET, token: token ?? (async () => `token ${++given}`) }, { retryMs: 1 });
  const access: RoomAccess[] = [];
  room.on('access', (now) => access.push(now));
  const warnings: string[] = [];
  room.on('warning', ({ code }) => warnings.push(code));
  await relay.advance(10);
  const refreshes = () => relay.last.received.filter((message) => message.t === 'refresh');
  return { relay, room, access, warnings, refreshes, relayWallMs };
}

describe('a token that ends', () => {
  it('is replaced at 80 % of its lifetime, over and over', async () => {
    const { relay, room, access, refreshes, warnings } = await joined();
    await relay.advance(79_500);
    expect(refreshes()).toEqual([]);
    await relay.advance(1_000);
    expect(refreshes()).toMatchObject([{ token: 'token 2' }]);
    expect(access.map(({ permissions }) => [...permissions].join())).toEqual([
      'publish,watch,comment,react,gift,speak',
      'watch',
    ]);
    expect(room.permissions).toEqual(new Set(['watch']));
    await relay.advance(81_000);
    expect(refreshes()).toHaveLength(2);
    expect(warnings).toEqual([]);
    room.close();
    await relay.advance(1_000);
    expect(relay.timers).toBe(0);
  });

  it('is asked for again when there is none, or the relay refuses it', async () => {
    const answers = ['token 1', new Error('backend down'), 'forged', 'token 4'];
    const { relay, room, warnings, refreshes, relayWallMs } = await joined(async () => {
      const next = answers.shift();
      if (typeof next === 'string') return next;
      throw next;
    });
    relay.script.answer = (message) => {
      if (message.t !== 'refresh') return undefined;
      if (message.token === 'forged') {
        return { t: 'error', id: message.id, code: 'token_invalid', message: 'no', retryable: false };
      }
      return { t: 'access', id: message.id, roles: [], permissions: [], expiresAt: relayWallMs() + LIFE_MS };
    };
    await relay.advance(95_000);
    expect(warnings).toEqual(['connect_failed', 'token_invalid']);
    expect(refreshes()).toMatchObject([{ token: 'forged' }, { token: 'token 4' }]);
    expect(room.state).toBe('open');
    room.close();
  });

  it('does not wait for ever for another one', async () => {
    let asked = 0;
    const { relay, room, warnings } = await joined(() =>
      ++asked === 1 ? Promise.resolve('token 1') : new Promise(() => {}),
    );
    await relay.advance(91_000);
    expect(warnings).toEqual(['timeout']);
    room.close();
    await relay.advance(20_000);
    expect(relay.timers).toBe(0);
  });

  it.each([
    ['ahead by a day: asks every 30 s', 86_400_000, 2],
    ['behind by a day: not at all, the end of the token brings another', -86_400_000, 0],
  ])('with a clock that is %s', async (_, skewMs, count) => {
    const { relay, room, refreshes } = await joined(undefined, skewMs);
    await relay.advance(65_000);
    expect(refreshes()).toHaveLength(count);
    relay.last.transport.close({ closeCode: 202, reason: 'expired' });
    await relay.advance(20);
    expect([room.state, relay.sessions.length]).toEqual(['open', 2]);
    room.close();
  });

  it('keeps time for tokens of years', async () => {
    const { relay, room, refreshes, relayWallMs } = await joined();
    relay.last.send({ t: 'access', roles: [], permissions: [], expiresAt: relayWallMs() + 3_000 * 86_400_000 });
    await relay.advance(200_000);
    expect(refreshes()).toEqual([]);
    room.close();
  });

  it('ends the room when it was text, or when a fresh one has ended too', async () => {
    const { relay, room } = await joined();
    relay.script.refuse = 202;
    relay.last.transport.close({ closeCode: 202, reason: 'expired' });
    await relay.advance(1_000);
    expect(await room.closed).toMatchObject({ code: 'token_expired' });
    expect(relay.sessions).toHaveLength(2);

    const other = new FakeRelay();
    const fixed = other.entry.connectRoom(TARGET, { retryMs: 1 });
    await other.advance(10);
    other.last.transport.close({ closeCode: 202, reason: 'expired' });
    await other.advance(1_000);
    expect(await fixed.closed).toMatchObject({ code: 'token_expired' });
    expect(other.sessions).toHaveLength(1);
  });

  it.each([
    [303, 'kicked'],
    [304, 'banned'],
    [204, 'token_revoked'],
    [302, 'room_closed'],
  ])('close code %i ends the room for good, token function or not', async (closeCode, code) => {
    const { relay, room } = await joined();
    relay.last.transport.close({ closeCode, reason: 'as scripted' });
    await relay.advance(20_000);
    expect(await room.closed).toMatchObject({ code, retryable: false, message: 'as scripted' });
    expect(relay.sessions).toHaveLength(1);
    expect(relay.timers).toBe(0);
  });
});
