import { describe, expect, test, vi } from 'vitest';
import { Datagrams, INCOMING_AGE_MS, INCOMING_DATAGRAMS } from './datagrams.ts';
import { EngineError } from './errors.ts';

function open(max = 100) {
  const sent: Uint8Array[] = [];
  const clock = { us: 1_000_000 };
  const datagrams = new Datagrams({ send: (d) => sent.push(new Uint8Array(d)), nowUs: () => clock.us }, max);
  datagrams.handleOpen(max);
  return { datagrams, sent, clock };
}

const one = (n: number) => Uint8Array.of(n);

describe('datagrams', () => {
  test('send: true when taken, false and counted when not', () => {
    const { datagrams, sent } = open(3);
    expect(datagrams.send(Uint8Array.of(1, 2, 3))).toBe(true);
    expect(datagrams.send(new Uint8Array(4))).toBe(false);
    datagrams.handleClosed(undefined);
    expect(datagrams.send(one(1))).toBe(false);
    expect(sent).toEqual([Uint8Array.of(1, 2, 3)]);
    expect(datagrams.drops).toMatchObject({ too_large: 1, closed: 1 });
  });

  test('a handler gets the view itself, and first what waited', async () => {
    const { datagrams, clock } = open();
    datagrams.handleDatagram(one(1), clock.us);
    const seen: number[] = [];
    datagrams.setHandler((d) => seen.push(d[0]!));
    expect(seen).toEqual([]);
    await Promise.resolve();
    const view = one(2);
    datagrams.handleDatagram(view, clock.us);
    expect(seen).toEqual([1, 2]);
    datagrams.setHandler((d) => expect(d).toBe(view));
    datagrams.handleDatagram(view, clock.us);
  });

  test('a handler that throws does not stop the events', () => {
    const later = vi.spyOn(globalThis, 'queueMicrotask').mockImplementation(() => {});
    const { datagrams, clock } = open();
    datagrams.setHandler(() => {
      throw new Error('user');
    });
    expect(() => datagrams.handleDatagram(one(1), clock.us)).not.toThrow();
    expect(later).toHaveBeenCalledOnce();
    later.mockRestore();
  });

  test('readable: in order, whole, BYOB', async () => {
    const { datagrams, clock } = open();
    datagrams.handleDatagram(one(1), clock.us);
    datagrams.handleDatagram(Uint8Array.of(2, 3), clock.us);
    const reader = datagrams.readable.getReader();
    expect((await reader.read()).value).toEqual(one(1));
    reader.releaseLock();
    const byob = datagrams.readable.getReader({ mode: 'byob' });
    expect((await byob.read(new Uint8Array(10))).value).toEqual(Uint8Array.of(2, 3));
    const waiting = byob.read(new Uint8Array(10));
    datagrams.handleDatagram(one(4), clock.us);
    expect((await waiting).value).toEqual(one(4));
  });

  test('a view too small for a datagram is an error, never a part', async () => {
    const { datagrams, clock } = open();
    datagrams.handleDatagram(new Uint8Array(5), clock.us);
    const byob = datagrams.readable.getReader({ mode: 'byob' });
    await expect(byob.read(new Uint8Array(4))).rejects.toBeInstanceOf(RangeError);
  });

  test('unread: the oldest go beyond the count', async () => {
    const { datagrams, clock } = open();
    for (let i = 0; i < INCOMING_DATAGRAMS + 3; i += 1) datagrams.handleDatagram(one(i & 0xff), clock.us);
    expect(datagrams.drops.unread_full).toBe(3);
    expect((await datagrams.readable.getReader().read()).value).toEqual(one(3));
  });

  test('unread: the oldest go beyond the age', async () => {
    const { datagrams, clock } = open();
    datagrams.handleDatagram(one(1), clock.us);
    clock.us += INCOMING_AGE_MS * 1000 + 1;
    datagrams.handleDatagram(one(2), clock.us);
    expect((await datagrams.readable.getReader().read()).value).toEqual(one(2));
    expect(datagrams.drops.unread_expired).toBe(1);
  });

  test('writable: sends, and drops what is too large without an error', async () => {
    const { datagrams, sent } = open(3);
    const writer = datagrams.writable.getWriter();
    await writer.write(one(7));
    await writer.write(new Uint8Array(4));
    expect(sent).toEqual([one(7)]);
    expect(datagrams.drops.too_large).toBe(1);
  });

  test('writable waits for the session to open', async () => {
    const sent: Uint8Array[] = [];
    const datagrams = new Datagrams({ send: (d) => sent.push(d), nowUs: () => 0 }, 100);
    const write = datagrams.writable.getWriter().write(one(1));
    expect(sent).toEqual([]);
    datagrams.handleOpen(100);
    await write;
    expect(sent).toEqual([one(1)]);
  });

  test('the end: clean ends the readable, an error errors both', async () => {
    const clean = open();
    const reader = clean.datagrams.readable.getReader();
    const read = reader.read();
    clean.datagrams.handleClosed(undefined);
    expect((await read).done).toBe(true);
    const failed = open();
    const waits = failed.datagrams.readable.getReader().read();
    const error = new EngineError('connection_lost', 'lost');
    failed.datagrams.handleClosed(error);
    await expect(waits).rejects.toBe(error);
    await expect(failed.datagrams.writable.getWriter().write(one(1))).rejects.toBe(error);
  });
});
