import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { Backend } from '../test/backend.ts';
import { bodies } from '../test/bodies.ts';
import type { TestClient } from '../test/client.ts';
import type { RoomEventData } from '../webhook/lifecycle.ts';
import { verified } from '../webhook/verified.ts';
import { RoomLifecycle } from './lifecycle.ts';

const SECRET = `whsec_${Buffer.alloc(32, 5).toString('base64')}`;

it('tells the end of a room once, and only of livers that did not come back', () => {
  const told: RoomEventData[] = [];
  const rooms = new RoomLifecycle((event) => told.push(event));
  rooms.opened('r', 5);
  rooms.broke('r', 0, 'mio');
  rooms.taken('r', 0);
  rooms.left('r', 0);
  rooms.broke('r', 1, 'rin');
  rooms.left('r', 1);
  rooms.left('r', 1);
  rooms.closed('r');
  rooms.closed('r');
  rooms.vanished('r', 'empty');
  rooms.vanished('r', 'empty');
  rooms.broke('unknown', 0, 'mio');
  expect(told).toEqual([
    { type: 'room.opened', room: 'r' },
    { type: 'liver.lost', room: 'r', sub: 'rin', slot: 1 },
    { type: 'room.closed', room: 'r', reason: 'closed', openedAtMs: 5 },
  ]);
});

it('the backend of a relay hears of rooms and lost livers, signed', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'hayate-lifecycle-'));
  const secretFile = join(dir, 'webhook.secret');
  writeFileSync(secretFile, SECRET);
  const backend = new Backend();
  await backend.listen();
  const webhook = { url: backend.url.href, secretFile };
  const rig = await bodies[0]!.start({ rooms: { webhook, lingerMs: 0, emptyMs: 0 } });
  const heard = () =>
    backend.received.map(({ headers, body }) => {
      const event = verified(headers, body, [SECRET]) as { type: string; data: Record<string, unknown> };
      return { ...event.data, type: event.type, room: event.data['room'], reason: event.data['reason'] };
    });
  const publish = async (client: TestClient) => {
    await client.request({ t: 'publish' });
    return client;
  };
  try {
    const lost = await publish(await rig.join({ room: 'a', sub: 'mio' }));
    rig.cut!(lost);
    await expect
      .poll(
        () =>
          heard()
            .filter(({ room }) => room === 'a')
            .map(({ type }) => type),
        { timeout: 5000 },
      )
      .toEqual(['room.opened', 'liver.lost', 'room.closed']);
    expect(heard()[1]).toMatchObject({ type: 'liver.lost', room: 'a', sub: 'mio', slot: 0 });
    // Who leaves on purpose is not lost.
    (await publish(await rig.join({ room: 'b' }))).session.close();
    await rig.join({ room: 'c' });
    expect(rig.relay.closeRoom('c')).toBe(true);
    await rig.join({ room: 'd' });
    await rig.close();
    const ends = heard().filter(({ type }) => type !== 'room.opened');
    expect(ends.map(({ type, room, reason }) => [type, room, reason]).sort()).toEqual([
      ['liver.lost', 'a', undefined],
      ['room.closed', 'a', 'empty'],
      ['room.closed', 'b', expect.stringMatching(/empty|relay/)],
      ['room.closed', 'c', 'closed'],
      ['room.closed', 'd', 'relay'],
    ]);
  } finally {
    await rig.close();
    await backend.close();
    rmSync(dir, { recursive: true });
  }
});
