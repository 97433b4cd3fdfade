import { type TimedUnit, UNIT_KIND, UnitSender } from '@hayate/codec/bundle';
import { createFaceEncoder, faceConfig, type MotionFrame } from '@hayate/codec/motion';
import { describe, expect, it } from 'vitest';
import type { WatchedFrame, WatchedVoice } from '../src/types.ts';
import { FakeRelay, TARGET } from '../test/fake-relay.ts';

const motion = faceConfig({ fps: 60 });
const liver = { slot: 2, gen: 7, sub: 'bo', motion };

function frame(share: number): MotionFrame {
  return { face: true, values: new Float32Array(61).fill(share) };
}

/** A liver's units in slot 2, generation 7, captured in the relay's clock. */
function source(generation = 7) {
  const sender = new UnitSender();
  const encoder = createFaceEncoder(motion);
  const place = { slot: 2, generation };
  return {
    motion(share: number, captureUs: number, key?: boolean): TimedUnit {
      const unit = encoder.encode(frame(share), key === undefined ? {} : { key });
      return { ...sender.unit(UNIT_KIND.motion, unit.data, captureUs, unit.key), ...place };
    },
    voice(captureUs: number): TimedUnit {
      return { ...sender.unit(UNIT_KIND.voice, Uint8Array.of(248, 1, 2), captureUs), ...place };
    },
  };
}

describe('watcher', () => {
  it('gives lag in its own clock, with the uncertainty of both hops', async () => {
    // 60 ms up, 10 ms down: the probes err by 25 ms, and say so.
    const relay = new FakeRelay({ up: { delayMs: 60 }, down: { delayMs: 10 }, offsetUs: 123_456_789 });
    relay.script.welcome = { livers: [liver] };
    const watcher = relay.entry.watch(TARGET);
    const seen: { lagMs: number; captureMs: number; receivedMs: number; uncertaintyMs: number }[] = [];
    watcher.onFrame(({ lagMs, captureMs, receivedMs, uncertaintyMs }) => {
      seen.push({ lagMs, captureMs, receivedMs, uncertaintyMs });
    });
    await relay.advance(1_000);
    const from = source();
    const trueLagMs = 40 + 10;
    const captureUs = relay.nowUs() - 40_000;
    relay.last.sendUnits([from.motion(0.5, captureUs)], 2 * 16);
    await relay.advance(20);
    expect(seen).toHaveLength(1);
    const [{ lagMs, captureMs, receivedMs, uncertaintyMs }] = seen as [(typeof seen)[0]];
    expect(Math.abs(lagMs - trueLagMs)).toBeCloseTo(25, 1);
    // rtt / 2 + age of the sample + the relay's own 2 ms.
    expect(uncertaintyMs).toBeGreaterThan(37);
    expect(uncertaintyMs).toBeLessThan(37.2);
    expect(Math.abs(lagMs - trueLagMs)).toBeLessThan(uncertaintyMs);
    expect(receivedMs - captureMs).toBeCloseTo(lagMs, 6);
    const stats = watcher.stats();
    expect(stats.rttMs).toBeCloseTo(70, 3);
    expect(stats.slots.get(2)!.motion.lagMs.p50 / lagMs).toBeCloseTo(1, 1);
    watcher.close();
  });

  it('holds what comes before the first clock sample and before the codec is known', async () => {
    const relay = new FakeRelay({ up: { delayMs: 5 }, down: { delayMs: 5 } });
    relay.script.probes = false;
    const watcher = relay.entry.watch(TARGET);
    const frames: number[] = [];
    const voices: number[] = [];
    watcher.onFrame(({ sequence, frame }) => frames.push(sequence, Math.round(frame.values[0]! * 10)));
    watcher.onVoice(({ sequence }) => voices.push(sequence));
    await relay.advance(300);
    const from = source();
    relay.last.sendUnits([from.motion(0.1, relay.nowUs()), from.voice(relay.nowUs())]);
    await relay.advance(50);
    expect([frames, voices]).toEqual([[], []]);
    relay.script.probes = true;
    await relay.advance(30);
    expect([frames, voices]).toEqual([[], []]);
    await relay.advance(1_000);
    expect([frames, voices]).toEqual([[], [0]]);
    relay.last.sendUnits([from.motion(0.2, relay.nowUs())]);
    await relay.advance(20);
    relay.last.send({ t: 'liver', ...liver });
    await relay.advance(20);
    // The first has waited over a second when its codec came; the second is a chain unit without its key.
    relay.last.sendUnits([from.motion(0.3, relay.nowUs(), true)]);
    await relay.advance(20);
    expect(frames).toEqual([2, 3]);
    expect(watcher.stats().dropped).toEqual({ held_too_long: 1, unsynced: 1 });
    watcher.close();
  });

  it('tells the backlog of a joiner from what is live, and keeps it out of the lag', async () => {
    const relay = new FakeRelay({ up: { delayMs: 20 }, down: { delayMs: 20 } });
    relay.script.welcome = { livers: [liver] };
    const watcher = relay.entry.watch(TARGET);
    const seen: boolean[] = [];
    watcher.onFrame(({ backlog }) => seen.push(backlog));
    await relay.advance(300);
    const from = source();
    relay.last.sendUnits([from.motion(0, relay.nowUs() - 290_000), from.motion(0, relay.nowUs() - 280_000)]);
    relay.last.sendUnits([from.motion(0, relay.nowUs())]);
    await relay.advance(30);
    expect(seen).toEqual([true, true, false]);
    const { motion } = watcher.stats().slots.get(2)!;
    expect(motion.received).toBe(3);
    expect(motion.lagMs.p99).toBeCloseTo(20, 0);
    expect(motion.jitterMs).toBe(0);
    watcher.close();
  });

  it('shows a reordered chain whole, a lost one from the next key on', async () => {
    const relay = new FakeRelay();
    relay.script.welcome = { livers: [liver] };
    const watcher = relay.entry.watch(TARGET);
    const shown: number[] = [];
    watcher.onFrame(({ sequence }) => shown.push(sequence));
    await relay.advance(300);
    const from = source();
    const units = Array.from({ length: 12 }, (_, i) => from.motion(i / 12, relay.nowUs() + i * 1000));
    // 0 and 8 are keys. 2 comes late, 5 never, 1 twice.
    for (const i of [0, 1, 3, 4, 2, 1, 6, 7, 8, 9, 11, 10]) relay.last.sendUnits([units[i]!]);
    await relay.advance(20);
    expect(shown).toEqual([0, 1, 2, 3, 4, 8, 9, 10, 11]);
    expect(watcher.stats().slots.get(2)!.motion).toMatchObject({
      received: 11,
      lost: 1,
      duplicate: 1,
      late: 2,
      undecodable: 2,
    });
    expect(watcher.stats().dropped).toEqual({ duplicate: 1 });
    watcher.close();
  });

  it('forgets an older generation', async () => {
    const relay = new FakeRelay();
    relay.script.welcome = { livers: [liver] };
    const watcher = relay.entry.watch(TARGET);
    const shown: [number, number][] = [];
    watcher.onFrame(({ generation, sequence }) => shown.push([generation, sequence]));
    await relay.advance(300);
    const [old, fresh] = [source(7), source(8)];
    relay.last.sendUnits([old.motion(0, relay.nowUs())]);
    relay.last.send({ t: 'liver', ...liver, gen: 8 });
    await relay.advance(10);
    relay.last.sendUnits([old.motion(0, relay.nowUs())]);
    relay.last.sendUnits([fresh.motion(0, relay.nowUs())]);
    await relay.advance(10);
    expect(shown).toEqual([
      [7, 0],
      [8, 0],
    ]);
    expect(watcher.stats().dropped).toEqual({ old_generation: 1 });
    watcher.close();
  });

  it('iterators hold 64 units, oldest dropped and counted, values of their own', async () => {
    const relay = new FakeRelay();
    relay.script.welcome = { livers: [liver] };
    const watcher = relay.entry.watch(TARGET);
    const [frames, voice] = [watcher.frames(), watcher.voice()];
    await relay.advance(300);
    const from = source();
    for (let i = 0; i < 100; i++) {
      relay.last.sendUnits([from.motion(i / 100, relay.nowUs()), from.voice(relay.nowUs())]);
      await relay.advance(1);
    }
    expect(watcher.stats().dropped).toEqual({ iterator_full: 72 });
    watcher.close();
    const left: (WatchedFrame | WatchedVoice)[] = [];
    for await (const unit of frames) left.push(unit);
    expect(left.map(({ sequence }) => sequence)).toEqual(Array.from({ length: 64 }, (_, i) => 36 + i));
    expect((left[0] as WatchedFrame).frame.values[0]).toBeCloseTo(0.36, 2);
    let packets = 0;
    for await (const { packet } of voice) packets += packet.length;
    expect(packets).toBe(64 * 3);
    expect((await watcher.frames().next()).done).toBe(true);
  });

  it('counts garbage and goes on', async () => {
    const relay = new FakeRelay();
    relay.script.welcome = { livers: [liver] };
    const watcher = relay.entry.watch(TARGET);
    let shown = 0;
    watcher.onFrame(() => {
      shown += 1;
    });
    await relay.advance(300);
    for (const bytes of [[], [1], [1, 0, 1], [2, 9], [3, 1, 2], [9, 9, 9]]) {
      relay.last.transport.sendDatagram(Uint8Array.from(bytes));
    }
    relay.last.sendUnits([source().motion(0, relay.nowUs())]);
    await relay.advance(20);
    expect(shown).toBe(1);
    expect(watcher.stats().dropped).toEqual({ truncated: 2, datagram_malformed: 1, unknown_type: 1 });
    watcher.close();
  });

  it('asks again after a retryable refusal, ends after another', async () => {
    const relay = new FakeRelay();
    let asked = 0;
    let code = 'room_full';
    relay.script.answer = (message) => {
      asked += 1;
      return { t: 'error', id: message.id, code, message: 'no', retryable: code === 'room_full' };
    };
    const room = relay.entry.connectRoom(TARGET);
    const watcher = relay.entry.watch(room);
    await relay.advance(1_000);
    expect(asked).toBeGreaterThan(2);
    code = 'not_permitted';
    await relay.advance(2_000);
    await expect(watcher.ready).rejects.toMatchObject({ code: 'not_permitted' });
    expect(room.state).toBe('open');
    room.close();
    await relay.advance(500);
    expect(relay.timers).toBe(0);
  });

  it('asks the relay how the media gets here, and counts what shares a datagram', async () => {
    const relay = new FakeRelay({ up: { delayMs: 5 }, down: { delayMs: 5 } });
    relay.script.welcome = { livers: [liver] };
    const slots = [{ slot: 2, lagMs: { p50: 4, p99: 9 }, uncertaintyMs: 1, loss: 0.5 }];
    relay.script.answer = ({ t, id }) => (t === 'route' ? { t, id, slots } : { t: 'done', id });
    const watcher = relay.entry.watch(TARGET);
    expect(watcher.stats()).toMatchObject({ clockUncertaintyMs: Number.POSITIVE_INFINITY, asked: 0 });
    await expect(watcher.route()).rejects.toMatchObject({ code: 'connection_lost' });
    await relay.advance(1_000);
    const asked = watcher.route();
    await relay.advance(20);
    expect(await asked).toEqual({ slots });
    // Half the round trip, and its age.
    expect(watcher.stats().clockUncertaintyMs).toBeGreaterThan(5);
    expect(watcher.stats().clockUncertaintyMs).toBeLessThan(5.1);
    const from = source();
    for (let i = 0; i < 3; i += 1) {
      const captureUs = relay.nowUs();
      relay.last.sendUnits([from.voice(captureUs - 20_000), from.voice(captureUs)]);
      await relay.advance(40);
    }
    expect(watcher.stats().bundles).toMatchObject({ datagrams: 3, units: 4, voiceUnits: 4, heldMs: 40 });
    watcher.close();
    await relay.advance(500);
    expect(relay.timers).toBe(0);
  });

  it('runs a playout for each liver and tells the relay each second what it needs', async () => {
    const relay = new FakeRelay({ up: { delayMs: 20 }, down: { delayMs: 20 } });
    relay.script.welcome = { livers: [liver] };
    const watcher = relay.entry.watch(TARGET, { playout: { displayMs: 8 } });
    const due: (number | undefined)[] = [];
    watcher.onVoice(({ playMs, captureMs }) => due.push(playMs === undefined ? undefined : playMs - captureMs));
    const reports = () => relay.last.received.filter((message) => message.t === 'report');
    await relay.advance(1_500);
    expect(watcher.playout(2)!.sample(relay.environment.nowMs())).toBeUndefined();
    // Nothing came: there is nothing to say.
    expect(reports()).toEqual([]);
    const from = source();
    for (let i = 0; i < 150; i++) {
      const captureUs = relay.nowUs();
      const lost = i % 10 === 9;
      const late = i === 100 ? 300_000 : 0;
      if (!lost) relay.last.sendUnits([from.motion(i / 150, captureUs), from.voice(captureUs - late)]);
      else from.voice(captureUs);
      await relay.advance(20);
    }
    const { playout } = watcher.stats().slots.get(2)!;
    expect(playout.motion).toMatchObject({ expected: 135, onTime: 135, late: 0 });
    expect(playout.voice).toMatchObject({ expected: 149, onTime: 134, late: 1, stale: 1 });
    expect(playout.exactRatio).toBe(1);
    expect(playout.voiceGapRatio).toBeCloseTo(15 / 149, 6);
    expect(due).toHaveLength(135);
    expect(due.filter((delayMs) => delayMs === undefined)).toHaveLength(1);
    // Little is known yet: some more than the network takes.
    expect(due[0]).toBeGreaterThan(20);
    expect(due[0]).toBeLessThan(50);
    expect(watcher.playout(2)!.sample(relay.environment.nowMs())!.values[0]).toBeGreaterThan(0.9);
    // The first second of media and the two after it.
    expect(reports()).toHaveLength(3);
    const margins = reports().map((message) => (message.t === 'report' ? message.marginMs : Number.NaN));
    // Reserve, and what is put on top at first; the straggler is none of it.
    expect(margins.toSorted((a, b) => b - a)).toEqual(margins);
    expect(margins[0]).toBeLessThan(10 + 25);
    expect(reports().at(-1)).toMatchObject({ lost: expect.toSatisfy((lost: number) => lost >= 10 && lost <= 15) });
    // Once: how long it took, and what this client is. The media began 1.5 s after the wish to watch, and 20 ms away.
    expect(reports().map((message) => message.t === 'report' && message.joinMs)).toEqual([
      expect.toSatisfy((ms: number) => ms > 1_500 && ms < 1_650),
      undefined,
      undefined,
    ]);
    expect(reports().map((message) => message.t === 'report' && message.browser)).toEqual([
      'node',
      undefined,
      undefined,
    ]);
    expect(reports().at(-1)).toMatchObject({ stalls: 0 });
    relay.last.send({ t: 'left', slot: 2, gen: 7 });
    await relay.advance(2_500);
    expect(reports()).toHaveLength(3);
    watcher.close();
    await relay.advance(500);
    expect(relay.timers).toBe(0);
  });

  it('times a frame by when it could be decoded', async () => {
    const relay = new FakeRelay();
    relay.script.welcome = { livers: [liver] };
    const watcher = relay.entry.watch(TARGET);
    const waited: number[] = [];
    watcher.onFrame(({ decodedMs, receivedMs }) => waited.push(Math.round(decodedMs - receivedMs)));
    await relay.advance(300);
    const from = source();
    const [first, second, third] = [0, 1, 2].map((i) => from.motion(i / 3, relay.nowUs() + i * 1000));
    relay.last.sendUnits([first!]);
    relay.last.sendUnits([third!]);
    await relay.advance(30);
    relay.last.sendUnits([second!]);
    await relay.advance(5);
    expect(waited).toEqual([0, 0, 30]);
    watcher.close();
  });

  it('syncs and watches anew after a reconnect', async () => {
    const relay = new FakeRelay();
    relay.script.welcome = { livers: [liver] };
    const watcher = relay.entry.watch(TARGET, { retryMs: 1 });
    const shown: number[] = [];
    watcher.onFrame(({ lagMs }) => shown.push(Math.round(lagMs)));
    await relay.advance(300);
    relay.last.sendUnits([source().motion(0, relay.nowUs() - 9_000)]);
    await relay.advance(10);
    relay.last.transport.kill();
    await relay.advance(300);
    relay.last.sendUnits([source().motion(0, relay.nowUs() - 4_000)]);
    await relay.advance(10);
    expect(shown).toEqual([9, 4]);
    expect(relay.sessions.map(({ received }) => received.map(({ t }) => t))).toEqual([
      ['hello', 'watch'],
      ['hello', 'watch'],
    ]);
    watcher.close();
  });
});
