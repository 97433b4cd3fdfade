import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HayateError } from '@hayate/codec/errors';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type GiftTicket, type LocalLedger, MemoryLedger, openSqliteLedger } from '../ledger/index.ts';
import { Counters } from '../telemetry/counters.ts';
import { Backend, type Received } from '../test/backend.ts';
import { ManualClock } from '../test/clock.ts';
import { eventBody, type GiftEvent, idempotencyKey } from './event.ts';
import { WebhookSender, type WebhookSenderOptions } from './sender.ts';

const NOW = Date.UTC(2026, 0, 1);
const SECRETS = [new Uint8Array(32).fill(7)];

const ticket = (n: number, room = 'r'): GiftTicket => ({
  jti: `jti-${n}`,
  room,
  sender: 'ann',
  liver: 'mio',
  item: 'star',
  amount: 100,
  currency: 'JPY',
  reg: 'jp',
});
const keyOf = (n: number) => idempotencyKey({ kind: 'gift', key: `jti-${n}` });

let backend: Backend;
let clock: ManualClock;
let ledger: LocalLedger;
let sender: WebhookSender;
let told: string[];
let counters: Counters;

beforeEach(async () => {
  backend = new Backend();
  await backend.listen();
  clock = new ManualClock(NOW);
  ledger = new MemoryLedger();
  told = [];
  counters = new Counters();
});
afterEach(async () => {
  await sender.close();
  await ledger.close();
  await backend.close();
});

function start(options: Partial<WebhookSenderOptions> = {}): WebhookSender {
  const tell = (level: string) => (fields: object, message: string) => {
    told.push(`${level} ${message} ${JSON.stringify(fields)}`);
  };
  sender = new WebhookSender({
    ledger,
    url: backend.url,
    secrets: async () => SECRETS,
    counters,
    log: { info: tell('info'), warn: tell('warn'), error: tell('error') },
    clock,
    random: () => 0.5,
    ...options,
  });
  return sender;
}

/** Lets time go on, while nothing is under way, until it is so. */
async function until(so: () => boolean | Promise<boolean>, turns = 20_000): Promise<void> {
  for (let turn = 0; turn < turns; turn++) {
    if (await so()) return;
    await new Promise((resolve) => setImmediate(resolve));
    if (sender.stats().sending === 0) clock.skip();
  }
  throw new Error(`not so after ${turns} turns; ${JSON.stringify(sender.stats())}`);
}

const waiting = async () => (await ledger.outbox(Number.MAX_SAFE_INTEGER, 1000)).length;
const dead = async () => (await ledger.deadLetters(0, 1000)).map(({ record }) => record.id);
const nothingWaits = async () => (await waiting()) === 0;

describe('webhook delivery', () => {
  it('delivers each record once, with its content, and marks it delivered', async () => {
    for (let n = 1; n <= 20; n++) await ledger.claim(ticket(n, `room-${n % 3}`), NOW + n);
    await ledger.amend({ kind: 'refund', key: 'half', gift: 'jti-4', amount: 50, reason: 'asked' }, NOW + 30);
    start();
    await until(nothingWaits);
    expect(new Set(backend.received.map(({ id }) => id)).size).toBe(21);
    expect(backend.received).toHaveLength(21);
    const events = backend.received.map(({ body }) => JSON.parse(body) as GiftEvent);
    expect(events.find(({ data }) => data.key === 'jti-4')).toEqual({
      type: 'gift.given',
      timestamp: '2026-01-01T00:00:00.004Z',
      data: {
        idempotencyKey: keyOf(4),
        ...{ id: 4, room: 'room-1', sequence: 2, kind: 'gift', key: 'jti-4', atMs: NOW + 4, sender: 'ann' },
        ...{ liver: 'mio', item: 'star', currency: 'JPY', reg: 'jp', amount: 100 },
        ...{ shownAtMs: null, gift: null, reason: null },
      },
    });
    expect(events.find(({ type }) => type === 'gift.refunded')?.data).toMatchObject({
      idempotencyKey: idempotencyKey({ kind: 'refund', key: 'half' }),
      gift: 'jti-4',
      amount: 50,
    });
    for (const { headers } of backend.received) {
      expect(headers).toMatchObject({ 'content-type': 'application/json', 'webhook-timestamp': String(NOW / 1000) });
    }
    const { records } = await ledger.read({ fromMs: 0, toMs: NOW * 2 }, undefined, 1000);
    expect(records.every(({ deliveredAtMs }) => deliveredAtMs === NOW)).toBe(true);
    expect(counters.get('gift_deliveries')).toEqual(new Map([['delivered', 21]]));
    expect(sender.stats()).toEqual({ sending: 0, waiting: 0, oldestMs: 0, available: true });
  });

  it('sends what comes later at once when woken, and by itself when another process wrote it', async () => {
    start();
    await until(() => !clock.skip() || clock.nowMs() > NOW);
    await ledger.claim(ticket(1), NOW);
    sender.wake();
    const wokenMs = clock.nowMs();
    for (let turn = 0; backend.received.length === 0 && turn < 1e5; turn++) await new Promise(setImmediate);
    expect([backend.received.length, clock.nowMs()]).toEqual([1, wokenMs]);
    await until(nothingWaits);
    await ledger.claim(ticket(2), NOW);
    await until(nothingWaits);
    expect(backend.received.map(({ id }) => id)).toEqual([keyOf(1), keyOf(2)]);
  });

  it('sends the same id and bytes again after 500, a cut and a redirect, and follows none', async () => {
    const elsewhere = new Backend();
    await elsewhere.listen();
    const location = elsewhere.url.href;
    const replies = [500, 'die', { status: 307, headers: { location } }, 503, 204] as const;
    backend.reply = () => replies[backend.received.length - 1] ?? 204;
    await ledger.claim(ticket(1), NOW);
    start();
    await until(nothingWaits);
    await elsewhere.close();
    expect(elsewhere.received).toEqual([]);
    expect(backend.received.map(({ id, body }) => [id, body])).toEqual(
      Array(5).fill([keyOf(1), eventBody((await ledger.find('jti-1'))!)]),
    );
    // Each attempt is signed with its own time, so that a backend may refuse old ones.
    expect(new Set(backend.received.map(({ headers }) => headers['webhook-signature'])).size).toBeGreaterThan(2);
    expect(counters.get('gift_deliveries')).toEqual(
      new Map([
        ['retry', 4],
        ['delivered', 1],
      ]),
    );
  });

  it('gives up on an attempt without answer in time', async () => {
    backend.reply = () => (backend.received.length === 1 ? 'hang' : 204);
    await ledger.claim(ticket(1), NOW);
    start({ timeoutMs: 30 });
    await until(nothingWaits, 1e6);
    expect(backend.received).toHaveLength(2);
    expect(counters.get('gift_attempts')).toEqual(
      new Map([
        ['timeout', 1],
        ['204', 1],
      ]),
    );
  });

  it('takes the status of an answer whose body has no end', async () => {
    backend.reply = () => ({ status: 200, body: 'x'.repeat(1_000_000) });
    await ledger.claim(ticket(1), NOW);
    start();
    await until(nothingWaits);
    expect(backend.received).toHaveLength(1);
  });

  it('waits as long as Retry-After says, with all records', async () => {
    let busyMs = 0;
    backend.reply = () => {
      if (busyMs > 0) return 204;
      busyMs = clock.nowMs();
      return { status: 429, headers: { 'retry-after': '90' } };
    };
    for (let n = 1; n <= 3; n++) await ledger.claim(ticket(n, `room-${n}`), NOW);
    start({ concurrency: 1 });
    await until(() => backend.received.length === 2);
    expect(clock.nowMs()).toBeGreaterThanOrEqual(busyMs + 90_000);
    await until(nothingWaits);
  });

  it('keeps the order of a room through failures', async () => {
    for (let n = 1; n <= 30; n++) await ledger.claim(ticket(n, `room-${n % 3}`), NOW);
    backend.reply = ({ id }) => (backend.received.filter((each) => each.id === id).length < 3 ? 500 : 204);
    const taken: GiftEvent[] = [];
    const answered = backend.reply;
    backend.reply = (request) => {
      const reply = answered(request);
      if (reply === 204) taken.push(JSON.parse(request.body) as GiftEvent);
      return reply;
    };
    start();
    await until(nothingWaits);
    for (const room of ['room-0', 'room-1', 'room-2']) {
      const places = taken.filter(({ data }) => data.room === room).map(({ data }) => data.sequence);
      expect(places).toEqual(Array.from({ length: 10 }, (_, n) => n + 1));
    }
  });

  it('buries a record that is refused alone, goes on with its room, and sends it again when asked', async () => {
    for (let n = 1; n <= 6; n++) await ledger.claim(ticket(n, `room-${n % 2}`), NOW);
    let mended = false;
    backend.reply = ({ id }) => (id === keyOf(3) && !mended ? 422 : 204);
    start();
    await until(nothingWaits);
    expect(await dead()).toEqual([3]);
    expect(backend.received.filter(({ id }) => id === keyOf(3))).toHaveLength(12);
    expect(told).toEqual([expect.stringMatching(/^error a gift became a dead letter .*"id":3.*"why":"422"/)]);
    mended = true;
    await ledger.redeliver([3]);
    sender.wake({ rescan: true });
    await until(nothingWaits);
    expect([await dead(), backend.received.at(-1)?.id]).toEqual([[], keyOf(3)]);
  });

  it('buries a record at which the backend fails while it takes the others', async () => {
    for (let n = 1; n <= 3; n++) await ledger.claim(ticket(n, `room-${n}`), NOW);
    backend.reply = ({ id }) => (id === keyOf(1) ? 500 : 204);
    start();
    let more = 3;
    await until(async () => {
      // Other rooms go on meanwhile.
      if ((await waiting()) === 1) await ledger.claim(ticket(++more, 'lively'), clock.nowMs());
      return (await dead()).length === 1;
    });
    expect(await dead()).toEqual([1]);
    expect(clock.nowMs() - NOW).toBeLessThan(3_600_000);
  });

  it('asks a dead backend once at a time, in bounded memory, and makes no dead letters of its outage', async () => {
    for (let n = 1; n <= 300; n++) await ledger.claim(ticket(n, `room-${n % 60}`), NOW);
    backend.reply = () => 503;
    const hours = 1;
    start({ limits: { perRoom: 2, total: 70 }, concurrency: 8, policy: { maxAttempts: 2 } });
    await until(() => clock.nowMs() > NOW + hours * 3_600_000);
    expect(backend.received.length).toBeLessThan(hours * 14 + 30);
    expect(sender.stats()).toMatchObject({ available: false, oldestMs: expect.any(Number) });
    expect(sender.stats().oldestMs).toBeGreaterThan(3_000_000);
    expect(sender.stats().waiting).toBeLessThanOrEqual(130);
    expect([await dead(), await waiting()]).toEqual([[], 300]);
    backend.reply = () => 204;
    const before = backend.received.length;
    await until(() => backend.received.length > before);
    const backAtMs = clock.nowMs();
    await until(nothingWaits);
    // Once it is back, all goes on: what failed meanwhile does not wait for an attempt of its own.
    expect(clock.nowMs() - backAtMs).toBeLessThan(10_000);
    expect(told.map((line) => line.replace(/ \{.*/, ''))).toEqual([
      'error the backend takes no gifts',
      'info the backend takes gifts again',
    ]);
  });

  it('sends what failed for want of a backend as soon as that takes another record', async () => {
    await ledger.claim(ticket(1, 'a'), NOW);
    backend.reply = () => 503;
    start();
    await until(() => counters.total('gift_attempts') === 7);
    const nextAtMs = (await ledger.outbox(Number.MAX_SAFE_INTEGER, 1))[0]!.nextAtMs;
    backend.reply = () => 204;
    await ledger.claim(ticket(2, 'b'), clock.nowMs());
    await until(nothingWaits);
    expect(backend.received.slice(-2).map(({ id }) => id)).toEqual([keyOf(2), keyOf(1)]);
    expect(clock.nowMs()).toBeLessThan(nextAtMs);
  });

  it('tells nobody its secret, nor the path of the backend', async () => {
    backend.reply = () => 422;
    await ledger.claim(ticket(1), NOW);
    const url = new URL('?key=in-the-path', backend.url);
    start({ url });
    await until(async () => (await dead()).length === 1);
    const secret = Buffer.from(SECRETS[0]!).toString('base64');
    expect(told.join()).not.toContain(secret);
    expect(told.join()).not.toContain('in-the-path');
  });

  it('keeps its last secret when the file is gone, and sends nothing without one', async () => {
    let secrets: () => Promise<Uint8Array[]> = async () => Promise.reject(new Error('gone'));
    await ledger.claim(ticket(1), NOW);
    start({ secrets: () => secrets() });
    await until(() => clock.nowMs() > NOW + 120_000);
    expect(backend.received).toEqual([]);
    secrets = async () => SECRETS;
    await until(nothingWaits);
    secrets = async () => Promise.reject(new Error('gone'));
    await until(() => told.length > 3);
    await ledger.claim(ticket(2), NOW);
    await until(nothingWaits);
    expect(backend.received).toHaveLength(2);
  });
});

describe('a sender that ends', () => {
  it('between the answer and its record is followed by one that sends the same id', async () => {
    await ledger.claim(ticket(1), NOW);
    const lost = Object.create(ledger, {
      settle: { value: () => new Promise(() => {}) },
    }) as LocalLedger;
    for (const method of ['outbox', 'close'] as const) {
      Object.defineProperty(lost, method, { value: (ledger[method] as () => unknown).bind(ledger) });
    }
    start({ ledger: lost });
    for (let turn = 0; backend.received.length === 0 && turn < 1e5; turn++) await new Promise(setImmediate);
    // The process is gone here: that sender never comes back. The next one reads the outbox.
    start();
    await until(nothingWaits);
    expect(backend.received.map(({ id }) => id)).toEqual([keyOf(1), keyOf(1)]);
    expect(backend.received[0]!.body).toBe(backend.received[1]!.body);
  });

  it('waits for what is under way, cuts it off after a while, and leaves it in the outbox', async () => {
    await ledger.claim(ticket(1), NOW);
    backend.reply = () => 'hang';
    start();
    for (let turn = 0; backend.received.length === 0 && turn < 1e5; turn++) await new Promise(setImmediate);
    const closed = sender.close({ graceMs: 500 });
    while (!clock.skip());
    await closed;
    expect(clock.nowMs()).toBeGreaterThanOrEqual(NOW + 500);
    expect(await ledger.outbox(NOW, 10)).toMatchObject([{ attempts: 0, record: { id: 1 } }]);
  });

  it('says so when its ledger failed for good, and waits out one that is busy', async () => {
    await ledger.claim(ticket(1), NOW);
    let busy = 3;
    const settle = ledger.settle.bind(ledger);
    ledger.settle = async (outcomes) => {
      const error = { code: 'ledger_busy', retryable: true };
      if (busy-- > 0) throw new HayateError(error.code, 'busy', error);
      return settle(outcomes);
    };
    start();
    await until(nothingWaits);
    expect([busy, backend.received.length]).toEqual([-1, 1]);
    await ledger.close();
    sender.wake();
    await until(() => told.some((line) => line.startsWith('error gifts are delivered no more')));
    expect(await sender.ended).toMatchObject({ code: 'ledger_closed' });
  });
});

describe('a ledger whose disk failed', () => {
  it.each([
    ['ledger_failed', true],
    ['ledger_read_only', false],
  ])('with %s is waited for until it is open again: nothing stays undelivered', async (code, retryable) => {
    for (let n = 1; n <= 3; n++) await ledger.claim(ticket(n), NOW);
    let failing = true;
    const outbox = ledger.outbox.bind(ledger);
    ledger.outbox = async (...args) => {
      if (failing) throw new HayateError(code, 'the disk failed', { retryable });
      return outbox(...args);
    };
    start();
    await until(() => told.filter((line) => line.includes(code)).length > 2);
    expect(backend.received).toHaveLength(0);
    failing = false;
    await until(nothingWaits);
    expect(backend.received.map(({ id }) => id)).toEqual([1, 2, 3].map(keyOf));
    expect(told.some((line) => line.includes('no more'))).toBe(false);
  });

  it('for good ends it', async () => {
    ledger.outbox = async () => {
      throw new HayateError('ledger_corrupt', 'damaged', { retryable: false });
    };
    start();
    expect(await sender.ended).toMatchObject({ code: 'ledger_corrupt' });
  });
});

describe('any failures', () => {
  const folder = mkdtempSync(join(tmpdir(), 'hayate-webhook-'));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('lose no record, send none after it was settled, and keep the order of rooms', async () => {
    let run = 0;
    const reply = fc.constantFrom(204, 204, 200, 500, 503, 422, 302, 410, 'die' as const);
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 25, size: 'max' }),
        fc.array(reply, { maxLength: 30, size: 'max' }),
        fc.array(fc.nat(25), { maxLength: 3 }),
        fc.boolean(),
        async (rooms, replies, stops, inMemory) => {
          await ledger.close();
          const path = join(folder, `${++run}`, 'ledger.db');
          ledger = inMemory ? new MemoryLedger() : await openSqliteLedger({ path });
          for (const [n, room] of rooms.entries()) await ledger.claim(ticket(n, `room-${room}`), NOW);
          backend.received.length = 0;
          const taken: Received[] = [];
          const settled = new Set<string>();
          const late: string[] = [];
          const settle = ledger.settle.bind(ledger);
          ledger.settle = async (outcomes) => {
            await settle(outcomes);
            for (const { id, outcome } of outcomes) if (outcome === 'delivered') settled.add(keyOf(id - 1));
          };
          backend.reply = (request) => {
            if (settled.has(request.id)) late.push(request.id);
            const reply = replies[backend.received.length - 1] ?? 204;
            if (reply === 200 || reply === 204) taken.push(request);
            return reply;
          };
          for (const stop of [...stops, undefined]) {
            start({ concurrency: 3, limits: { perRoom: 2, total: 5 } });
            await until(async () => (await nothingWaits()) || (stop !== undefined && backend.received.length >= stop));
            // What is under way is cut off now and then, answered or not.
            await Promise.all([sender.close(), stop === undefined || clock.skip()]);
          }
          expect(late).toEqual([]);
          expect(new Set(taken.map(({ id }) => id))).toEqual(new Set(rooms.map((_, n) => keyOf(n))));
          for (const room of new Set(rooms)) {
            const events = taken.map(({ body }) => (JSON.parse(body) as GiftEvent).data);
            const places = events.filter((each) => each.room === `room-${room}`).map(({ sequence }) => sequence);
            // Taken again after a cut is not out of order: nothing later was sent before.
            expect(places).toEqual(places.toSorted((a, b) => a! - b!));
          }
          expect(await dead()).toEqual([]);
          await ledger.close();
        },
      ),
      { seed: 20_261_128, numRuns: 40 },
    );
  }, 120_000);
});
