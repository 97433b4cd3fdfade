import { expect, test } from 'vitest';
import { ACK_MS, payloadAt, ReceivedDatagrams, readWord, SentDatagrams } from './freshness.ts';

const MS = 1000;

/** A datagram each 20 ms over a path that stands still for a while, and word of them back. */
function run(options: { wayMs: number; stallFromMs: number; stallMs: number; acks: boolean }) {
  const { wayMs, stallFromMs, stallMs, acks } = options;
  const sent = new SentDatagrams();
  const received = new ReceivedDatagrams();
  const wire: { atMs: number; run: (atMs: number) => void }[] = [];
  const ages: { atMs: number; ageMs: number }[] = [];
  let [dropped, wordMs] = [0, Number.POSITIVE_INFINITY];
  const late = (atMs: number) =>
    (atMs > stallFromMs && atMs < stallFromMs + stallMs ? stallFromMs + stallMs : atMs) + wayMs;
  for (let nowMs = 0; nowMs < 6000; nowMs += 1) {
    if (nowMs % 20 === 0) {
      if (sent.stale(nowMs * MS)) dropped += 1;
      else {
        const sentMs = nowMs;
        sent.sent(nowMs * MS);
        wire.push({
          atMs: late(nowMs),
          run: (atMs) => {
            received.arrived(atMs * MS);
            ages.push({ atMs, ageMs: atMs - sentMs });
          },
        });
      }
    }
    for (const each of wire.splice(0)) {
      if (each.atMs <= nowMs) each.run(nowMs);
      else wire.push(each);
    }
    const dueMs = acks ? received.dueMs(nowMs * MS) : undefined;
    if (dueMs !== undefined) wordMs = Math.min(wordMs, nowMs + dueMs);
    if (nowMs >= wordMs && dueMs !== undefined) {
      wordMs = Number.POSITIVE_INFINITY;
      const word = received.word(nowMs * MS);
      const capsule = Uint8Array.of(0x99, 0x0b, 0x4d, 0x38, ...word);
      const { count, delayUs } = readWord(capsule, 0)!;
      wire.push({ atMs: late(nowMs), run: (atMs) => sent.acked(count, delayUs, atMs * MS) });
    }
  }
  return { dropped, ages, sent };
}

test('a path that does not stand still drops nothing, and its round trip is known', () => {
  for (const wayMs of [0, 20, 150]) {
    const { dropped, ages, sent } = run({ wayMs, stallFromMs: 9e9, stallMs: 0, acks: true });
    expect([dropped, ages.length]).toEqual([0, Math.floor((5999 - wayMs) / 20) + 1]);
    // Steps of 1 ms.
    expect(Math.abs(sent.minRttUs! / MS - 2 * wayMs)).toBeLessThanOrEqual(1);
  }
});

test('of a stall only its beginning comes late; then what comes is fresh at once', () => {
  const stall = { wayMs: 20, stallFromMs: 2000, stallMs: 2000 };
  const { dropped, ages } = run({ ...stall, acks: true });
  const late = ages.filter(({ ageMs }) => ageMs > 300);
  expect(late.length).toBeLessThan((40 + ACK_MS + 150) / 20 + 2);
  expect(dropped).toBeGreaterThan(80);
  const after = ages.filter(({ atMs }) => atMs > 4000 + 4 * stall.wayMs + ACK_MS);
  expect(after.length).toBeGreaterThan(80);
  expect(Math.max(...after.map(({ ageMs }) => ageMs))).toBe(20);
  // Control: without a word of them all of it comes, late.
  const control = run({ ...stall, acks: false });
  expect([control.dropped, control.ages.filter(({ ageMs }) => ageMs > 300).length > 80]).toEqual([0, true]);
});

test('a peer that says nothing, or nonsense, costs nothing', () => {
  const sent = new SentDatagrams();
  for (let n = 0; n < 10_000; n += 1) sent.sent(n * MS);
  expect(sent.stale(1e12)).toBe(false);
  sent.acked(10_001, 0, 1e7);
  sent.acked(0, 0, 1e7);
  sent.acked(0xffff_ffff, 0, 1e7);
  expect(sent.minRttUs).toBeUndefined();
  sent.acked(10_000, 0, 10_009 * MS);
  expect(sent.minRttUs).toBe(10 * MS);
});

test('the word is told from other capsules', () => {
  const word = Uint8Array.of(0x99, 0x0b, 0x4d, 0x38, 0, 0, 1, 2, 0, 5);
  expect(readWord(word, 0)).toEqual({ count: 258, delayUs: 500 });
  expect(readWord(word.subarray(0, 9), 0)).toBeUndefined();
  expect(readWord(Uint8Array.of(0, ...word.subarray(1)), 0)).toBeUndefined();
  const frame = Uint8Array.of(0x82, 0x8a, 0, 0, 0, 0, ...word);
  expect([payloadAt(frame), readWord(frame, payloadAt(frame))?.count]).toEqual([6, 258]);
});
