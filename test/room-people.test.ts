import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ConnectionOptions, connectRoom, publish, type Room, watch } from '@hayate/client';
import { type Engine, engineAvailable, openEngine } from '@hayate/engine';
import { mintToken, type RunningRelay, readSharedKey, startRelay } from '@hayate/relay';
import { engineConnector } from '@hayate/transport/engine';
import { webSocketConnector } from '@hayate/transport/fails-components';
import { beforeEach, describe, expect, it } from 'vitest';

/** Frees the event loop until `done`; the test's own time limit is the deadline. */
async function until(done: () => boolean): Promise<void> {
  while (!done()) await new Promise((resolve) => setTimeout(resolve, 2));
}

const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'done',
    ({ code }: { code: string }) => code,
  );

describe.each(['engine', 'websocket'] as const)('people of a room by the SDK over %s', (transport) => {
  let relay: RunningRelay;
  let engine: Engine | undefined;
  const rooms: Room[] = [];

  const enter = async (sub: string, role: 'viewer' | 'moderator', more: { ttlSeconds?: number } = {}) => {
    const options: ConnectionOptions = { connector: engine ? engineConnector(engine) : webSocketConnector() };
    const roles = role === 'viewer' ? (['viewer'] as const) : (['viewer', 'moderator'] as const);
    const claims = { room: 'r', sub, name: sub.toUpperCase(), roles, ttlSeconds: 60, ...more };
    const room = connectRoom(
      {
        url: relay.url,
        certificateHashes: relay.certificateHashes,
        token: () => mintToken(readSharedKey(relay.keyFile!), claims),
      },
      options,
    );
    rooms.push(room);
    await room.ready;
    return room;
  };

  beforeEach(async (context) => {
    const available = engineAvailable();
    if (transport === 'engine' && !available.ok) context.skip(available.reason);
    const stateDir = mkdtempSync(join(tmpdir(), 'hayate-people-'));
    if (transport === 'engine') engine = openEngine();
    const free = { listen: { port: 0 }, http: { port: 0 }, metrics: { port: 0 }, api: { port: 0 } };
    relay = await startRelay({ dev: true, transport, stateDir, log: { level: 'silent' }, ...free });
    return async () => {
      for (const room of rooms.splice(0)) room.close();
      await relay.close();
      await engine?.close();
      engine = undefined;
      rmSync(stateDir, { recursive: true, force: true });
    };
  });

  it('knows who is here, new and muted; comments are shown, deleted, refused', async () => {
    const moderator = await enter('mod', 'moderator');
    moderator.on('presence', () => {});
    const ann = await enter('ann', 'viewer');
    const seen: (string | number)[] = [];
    moderator.on('comment', ({ text }) => seen.push(text));
    moderator.on('deleted', ({ numbers, subject }) => seen.push(...numbers, subject ?? ''));
    let hearts = 0;
    ann.on('reactions', ({ counts: { heart = 0 } }) => {
      hearts += heart;
    });
    await until(() => moderator.presence?.total === 2);
    expect(moderator.presence?.members.find(({ subject }) => subject === 'ann')).toMatchObject({
      name: 'ANN',
      isNew: true,
      muted: false,
    });
    await moderator.moderate.slow(5);
    const { number } = await ann.comment('one');
    expect(await codeOf(ann.comment('too soon'))).toBe('slow_mode');
    await moderator.moderate.slow(0);
    await moderator.moderate.deleteComment(number);
    await until(() => seen.length >= 2);
    while (!moderator.react('heart')) await until(() => true);
    await until(() => hearts === 1);
    expect(await codeOf(ann.moderate.kick('mod'))).toBe('not_permitted');
    await moderator.moderate.mute('ann');
    expect(await codeOf(ann.comment('two'))).toBe('muted');
    await until(() => moderator.presence?.members.find(({ subject }) => subject === 'ann')?.muted === true);
    await moderator.moderate.unmute('ann');
    await ann.comment('three');
    await until(() => seen.includes('three'));
    expect(seen.filter((each) => each !== '')).toEqual(['one', number, 'three']);
    expect(await codeOf(moderator.moderate.kick('nobody'))).toBe('no_such_member');
  });

  it('asks to speak, is granted, publishes, is unseated', async () => {
    const moderator = await enter('mod', 'moderator');
    moderator.on('presence', () => {});
    const ann = await enter('ann', 'viewer');
    expect(await codeOf(publish(ann).ready)).toBe('not_permitted');
    const request = ann.requestToSpeak();
    await until(() => moderator.presence?.requests.length === 1);
    expect(request.state).toBe('requested');
    await moderator.moderate.grant('ann');
    expect(await request.granted).toBe(true);
    const publisher = publish(ann, { motion: { fps: 60 } });
    await publisher.ready;
    const watcher = watch(moderator);
    let frames = 0;
    watcher.onFrame(() => {
      frames += 1;
    });
    await watcher.ready;
    const values = new Float32Array(61);
    while (frames < 10) {
      publisher.motion({ face: true, values }, ann.nowUs());
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    const interrupted = new Promise<string>((resolve) => publisher.on('interrupted', ({ code }) => resolve(code)));
    await moderator.moderate.unseat('ann');
    expect(await interrupted).toBe('not_permitted');
    await until(() => request.state === 'ended' && moderator.livers.size === 0);
    expect(ann.permissions.has('publish')).toBe(false);
  });

  it('ends sessions that are kicked or banned, and keeps the banned out', async () => {
    const moderator = await enter('mod', 'moderator');
    const [ann, bo] = await Promise.all([enter('ann', 'viewer'), enter('bo', 'viewer')]);
    await moderator.moderate.kick('ann', { reason: 'loud' });
    expect(await ann.closed).toMatchObject({ code: 'kicked', retryable: false });
    const back = await enter('ann', 'viewer');
    await moderator.moderate.ban('ann');
    expect(await back.closed).toMatchObject({ code: 'banned' });
    expect(await codeOf(enter('ann', 'viewer'))).toBe('banned');
    expect(bo.state).toBe('open');
    await moderator.moderate.unban('ann');
    expect((await enter('ann', 'viewer')).state).toBe('open');
    await moderator.moderate.close();
    expect(await bo.closed).toMatchObject({ code: 'room_closed' });
    expect(await codeOf(enter('cy', 'viewer'))).toBe('room_closed');
  });

  it('renews a token in the running session', async () => {
    const ann = await enter('ann', 'viewer', { ttlSeconds: 2 });
    const { session, expiresAtMs } = ann.welcome!;
    await new Promise<void>((resolve) => ann.on('access', () => resolve()));
    expect(ann.welcome?.session).toBe(session);
    const again = await new Promise<number>((resolve) => ann.on('access', (access) => resolve(access.expiresAtMs)));
    expect(again).toBeGreaterThan(expiresAtMs);
  });
});
