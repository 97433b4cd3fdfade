import { pino } from 'pino';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Counters } from '../telemetry/counters.ts';
import { Backend } from '../test/backend.ts';
import { ManualClock } from '../test/clock.ts';
import { LifecycleSender } from './lifecycle.ts';
import { verified } from './verified.ts';

const SECRET = Buffer.alloc(32, 7);

let backend: Backend;
let clock: ManualClock;
let counters: Counters;
let sender: LifecycleSender;
beforeEach(async () => {
  backend = new Backend();
  await backend.listen();
  // Of this machine: what the backend verifies has a time.
  clock = new ManualClock(Date.now());
  counters = new Counters();
  sender = new LifecycleSender({
    url: backend.url,
    secrets: async () => [SECRET],
    timeoutMs: 5000,
    counters,
    log: pino({ level: 'silent' }),
    clock,
    random: () => 0.5,
  });
});
afterEach(async () => {
  const closed = sender.close({ graceMs: 0 });
  while (clock.skip());
  await closed;
  await backend.close();
});

const opened = (room: string) => sender.send({ type: 'room.opened', room });
const seen = () => backend.received.map(({ body }) => (JSON.parse(body) as { data: { room: string } }).data.room);
const settled = () => expect.poll(() => sender.waiting).toBe(0);

it('signs what it tells as gifts are signed', async () => {
  sender.send({ type: 'liver.lost', room: 'r', sub: 'mio', slot: 2 });
  await settled();
  const [{ headers, body, id }] = backend.received as [Backend['received'][0]];
  const secret = `whsec_${SECRET.toString('base64')}`;
  expect(verified(headers, body, [secret])).toEqual({
    type: 'liver.lost',
    timestamp: new Date(clock.nowMs()).toISOString(),
    data: { room: 'r', sub: 'mio', slot: 2 },
  });
  expect(verified(headers, body.replace('mio', 'eve'), [secret])).toBeUndefined();
  expect(id).toMatch(/^msg_[0-9a-f-]{36}$/);
  expect(Object.fromEntries(counters.get('room_events'))).toEqual({ delivered: 1 });
});

it('keeps the order of a room while an event is tried again, under one id, and lets other rooms go on', async () => {
  backend.reply = ({ body }) => (body.includes('"slow"') ? 503 : 204);
  opened('slow');
  sender.send({ type: 'room.closed', room: 'slow', reason: 'empty', openedAtMs: 1 });
  opened('other');
  await expect.poll(() => sender.waiting).toBe(2);
  await expect.poll(() => counters.total('room_events')).toBe(2);
  expect(seen().sort()).toEqual(['other', 'slow']);
  backend.reply = () => 204;
  clock.skip();
  await settled();
  const types = backend.received.map(({ body }) => (JSON.parse(body) as { type: string }).type);
  expect(types.slice(-2)).toEqual(['room.opened', 'room.closed']);
  const [first] = backend.received.filter(({ body }) => body.includes('"slow"'));
  expect(backend.received.at(-2)!.id).toBe(first!.id);
});

it('gives an event up after six attempts, or when the backend refuses it', async () => {
  backend.reply = () => 422;
  opened('refused');
  await settled();
  expect(backend.received).toHaveLength(1);
  backend.reply = () => 500;
  opened('r');
  for (let attempt = 1; attempt <= 6; attempt++) {
    await expect.poll(() => counters.get('room_events').get('retry') ?? 0).toBe(Math.min(attempt, 5));
    if (attempt < 6) clock.skip();
  }
  await settled();
  expect(backend.received).toHaveLength(7);
  expect(Object.fromEntries(counters.get('room_events'))).toEqual({ dropped: 2, retry: 5 });
});

it('keeps at most 1000 events: the oldest go', async () => {
  backend.reply = () => 'hang';
  for (let n = 0; n < 1100; n++) opened(`r${n}`);
  expect(sender.waiting).toBe(1000);
  expect(counters.get('room_events').get('dropped')).toBe(100);
});

it('sends what waits when it is closed, and waits no longer than it may', async () => {
  for (let n = 0; n < 20; n++) opened(`r${n}`);
  await sender.close();
  expect(new Set(seen()).size).toBe(20);
  expect(sender.waiting).toBe(0);
});

it('gives up at the end of its grace, and counts what it did not tell', async () => {
  backend.reply = () => 'hang';
  for (let n = 0; n < 20; n++) opened(`r${n}`);
  await expect.poll(() => backend.received.length).toBe(8);
  const closed = sender.close();
  clock.skip();
  await closed;
  expect([sender.waiting, counters.get('room_events').get('dropped')]).toEqual([0, 20]);
});
