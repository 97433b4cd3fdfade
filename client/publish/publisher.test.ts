import { parseBundle, UNIT_KIND } from '@hayate/codec/bundle';
import { describe, expect, it } from 'vitest';
import type { PublishOptions, SentUnit } from '../src/types.ts';
import { FakeRelay, TARGET } from '../test/fake-relay.ts';

const frame = { face: true, values: new Float32Array(61).fill(0.25) };
const opus = Uint8Array.of(248, 1, 2, 3);

async function live(options: PublishOptions = {}, relay = new FakeRelay()) {
  const publisher = relay.entry.publish(TARGET, { voice: { channels: 1, frameMs: 20 }, ...options });
  await relay.advance(20);
  await publisher.ready;
  const bundles = () => relay.last.datagrams.filter((data) => data[0] === 1).map(parseBundle);
  return { relay, publisher, bundles };
}

describe('publisher', () => {
  it('asks with its configs and sends each frame at once', async () => {
    const { relay, publisher, bundles } = await live({
      motion: { fps: 30, extras: ['tail'] },
      voice: { channels: 1, frameMs: 20 },
    });
    expect(relay.last.received[1]).toEqual({
      t: 'publish',
      id: 1,
      motion: { codec: 'face-1', fps: 30, channels: 62, extras: ['tail'], config: Uint8Array.of(1, 0) },
      voice: { codec: 'opus', sampleRate: 48000, channels: 1, frameMs: 20 },
    });
    expect([publisher.slot, publisher.generation, publisher.live]).toEqual([2, 7, true]);
    const captureUs = publisher.room.nowUs();
    const wide = { face: true, values: new Float32Array(62) };
    expect(publisher.motion(wide, captureUs)).toBe(true);
    expect(publisher.motion(wide, captureUs + 33_333.4)).toBe(true);
    await relay.advance(5);
    expect(bundles()).toMatchObject([
      {
        alias: 0,
        slots: [{ slot: 0, generation: 0 }],
        baseUs: captureUs,
        units: [{ key: true, full: true, sequence: 0 }],
      },
      { alias: 0, baseUs: captureUs + 33_333, units: [{ key: false, full: false, sequence: 1 }] },
    ]);
    publisher.room.close();
  });

  it('says its info, another one at once, and the last one on the next session', async () => {
    const { relay, publisher } = await live({ info: 'night', retryMs: 1 });
    const said = () => relay.last.received.filter((message) => message.t === 'publish').map(({ info }) => info);
    expect(said()).toEqual(['night']);
    for (let n = 0; n < 50; n++) publisher.setInfo(`scene ${n}`);
    await relay.advance(50);
    // The first of a burst, and the last: what is between them nobody misses.
    expect(said()).toEqual(['night', 'scene 0', 'scene 49']);
    publisher.setInfo('scene 49');
    await relay.advance(20);
    expect(said()).toHaveLength(3);
    relay.last.transport.kill();
    await relay.advance(1);
    publisher.setInfo(undefined);
    await relay.advance(50);
    expect([relay.sessions.length, said()]).toEqual([2, [undefined]]);
    expect(() => publisher.setInfo('x'.repeat(513))).toThrow(/info has 513/);
    expect(() => relay.entry.publish(TARGET, { info: 'x'.repeat(513) })).toThrow(/512/);
    publisher.room.close();
  });

  it('warns when another info is refused, and stays live', async () => {
    const { relay, publisher } = await live();
    const warnings: string[] = [];
    publisher.on('warning', ({ code }) => warnings.push(code));
    relay.script.answer = ({ id }) => ({ t: 'error', id, code: 'rate_limited', message: 'slower', retryable: true });
    publisher.setInfo('night');
    await relay.advance(50);
    expect([warnings, publisher.live]).toEqual([['rate_limited'], true]);
    publisher.room.close();
  });

  it('holds motion for the voice packet that follows, and not for longer', async () => {
    const { relay, publisher, bundles } = await live({ holdMs: 20 });
    const t = publisher.room.nowUs();
    publisher.motion(frame, t);
    publisher.motion(frame, t + 16_667);
    await relay.advance(15);
    expect(bundles()).toHaveLength(0);
    publisher.voice(opus, t);
    await relay.advance(2);
    expect(bundles().map(({ units }) => units.map(({ kind, sequence }) => [kind, sequence]))).toEqual([
      [
        [UNIT_KIND.voice, 0],
        [UNIT_KIND.motion, 0],
        [UNIT_KIND.motion, 1],
      ],
    ]);
    publisher.motion(frame, t + 33_333);
    await relay.advance(19);
    expect(bundles()).toHaveLength(1);
    await relay.advance(5);
    expect(bundles()).toHaveLength(2);
    publisher.motion(frame, t + 50_000);
    const closing = publisher.close();
    await relay.advance(10);
    await closing;
    expect(bundles()).toHaveLength(3);
    expect(relay.timers - relay.sessions.length).toBeLessThanOrEqual(0);
  });

  it('sends nothing before it is live, and a key first after each reconnect', async () => {
    const relay = new FakeRelay();
    const publisher = relay.entry.publish(TARGET, { voice: { channels: 1, frameMs: 20 }, retryMs: 1 });
    const lives: number[] = [];
    const ends: string[] = [];
    publisher.on('live', ({ generation }) => lives.push(generation));
    publisher.on('interrupted', (error) => ends.push(error.code));
    expect(publisher.motion(frame, 0)).toBe(false);
    await relay.advance(20);
    for (let i = 0; i < 3; i++) publisher.motion(frame, publisher.room.nowUs());
    await relay.advance(5);
    relay.script.answer = (message) => ({ t: 'publishing', id: message.id, slot: 2, gen: 8 });
    relay.last.transport.kill();
    await relay.advance(1);
    expect(publisher.live).toBe(false);
    expect(publisher.voice(opus, 0)).toBe(false);
    await relay.advance(30);
    expect(publisher.motion(frame, publisher.room.nowUs())).toBe(true);
    await relay.advance(5);
    const [bundle] = relay.last.datagrams.filter((data) => data[0] === 1).map(parseBundle);
    expect(bundle!.units).toMatchObject([{ key: true, full: true, sequence: 0 }]);
    expect([lives, ends]).toEqual([[7, 8], ['connection_lost']]);
    expect(publisher.stats()).toMatchObject({ motionUnits: 4, keyUnits: 2, dropped: { not_live: 2 } });
    publisher.room.close();
  });

  it('drops what no datagram can carry and mends the chain with a key', async () => {
    const { relay, publisher, bundles } = await live();
    const t = publisher.room.nowUs();
    expect(publisher.voice(new Uint8Array(901), t)).toBe(false);
    expect(publisher.voice(new Uint8Array(900), t)).toBe(true);
    await relay.advance(5);
    expect(bundles()).toHaveLength(1);
    expect(publisher.stats().dropped).toEqual({ too_large: 1 });
    publisher.room.close();
  });

  it('says what to do where voice was not announced', async () => {
    const relay = new FakeRelay();
    const publisher = relay.entry.publish(TARGET);
    expect(() => publisher.voice(opus, 0)).toThrow(/voice: \{ channels: 1, frameMs: 20 \}/);
    await publisher.close();
  });

  it('reports each sent unit', async () => {
    const { relay, publisher } = await live();
    const sent: SentUnit[] = [];
    publisher.on('sent', (unit) => sent.push(unit));
    const t = publisher.room.nowUs();
    publisher.motion(frame, t);
    publisher.voice(opus, t + 5);
    expect(sent).toEqual([
      { slot: 2, generation: 7, kind: 'motion', sequence: 0, captureUs: t, key: true, bytes: expect.any(Number) },
      { slot: 2, generation: 7, kind: 'voice', sequence: 0, captureUs: t + 5 - 6500, key: true, bytes: 4 },
    ]);
    relay.last.transport.kill();
    publisher.room.close();
  });

  it('obeys what the relay asks: hold, repair, spacing, voice rate', async () => {
    const { relay, publisher, bundles } = await live({ voice: { channels: 1, frameMs: 20 } });
    const rates: (number | undefined)[] = [];
    publisher.on('voice_bitrate', (rate) => rates.push(rate));
    const uplink = { t: 'uplink', received: 1, lost: 0, duplicate: 0, uncertaintyMs: 1, refused: {} } as const;
    const say = async (asks: object) => {
      relay.last.send({ ...uplink, lagMs: { p50: 1, p99: 1 }, ...asks });
      await relay.advance(5);
    };
    const names = () =>
      bundles().map(({ units }) =>
        units.map(({ kind, sequence }) => `${kind === UNIT_KIND.voice ? 'v' : 'm'}${sequence}`),
      );
    await say({ holdMs: 20, repair: 'repeat', spacingMs: 10, voiceBitrate: 12_000 });
    const t = publisher.room.nowUs();
    publisher.motion(frame, t);
    // No voice flows yet: there is nothing to wait for.
    await relay.advance(1);
    expect(names()).toEqual([['m0']]);
    publisher.voice(opus, t);
    publisher.motion(frame, t + 16_667);
    await relay.advance(5);
    expect(names()).toHaveLength(2);
    await relay.advance(12);
    const reused = opus.slice();
    publisher.voice(reused, t + 20_000);
    reused.fill(0);
    await relay.advance(2);
    expect(names().slice(1)).toEqual([['v0'], ['v0', 'm0', 'v1', 'm1']]);
    // Nothing new: spacing and 20 ms later the repeats go alone, with the bytes as they were.
    await relay.advance(40);
    expect(names().slice(3)).toEqual([['v1', 'm1']]);
    expect([...bundles()[3]!.units[0]!.payload]).toEqual([...opus]);
    // The voice pauses: motion waits no more.
    await relay.advance(60);
    publisher.motion(frame, publisher.room.nowUs());
    await relay.advance(1);
    expect(names().slice(4)).toEqual([['m2']]);
    await say({ holdMs: 0, repair: 'none' });
    publisher.voice(opus, publisher.room.nowUs());
    publisher.motion(frame, publisher.room.nowUs());
    await relay.advance(100);
    expect(names().slice(5)).toEqual([['v2'], ['m3']]);
    expect(rates).toEqual([12_000, undefined]);
    expect(publisher.stats()).toMatchObject({ repeatedUnits: 4, dropped: {} });
    expect(publisher.stats().repeatedBytes).toBeGreaterThan(4 * 4);
    publisher.room.close();
    await relay.advance(500);
    expect(relay.timers).toBe(0);
  });

  it('waits no longer than its own options allow, whatever the relay asks', async () => {
    const { relay, publisher, bundles } = await live({ holdMs: 0 });
    const uplink = { t: 'uplink', received: 1, lost: 0, duplicate: 0, uncertaintyMs: 1, refused: {} } as const;
    relay.last.send({ ...uplink, lagMs: { p50: 1, p99: 1 }, holdMs: 20 });
    await relay.advance(5);
    publisher.voice(opus, publisher.room.nowUs());
    publisher.motion(frame, publisher.room.nowUs());
    await relay.advance(2);
    expect(bundles()).toHaveLength(2);
    publisher.room.close();
  });

  it('answers the relay’s probes in its own clock', async () => {
    const { relay, publisher } = await live();
    relay.last.transport.sendDatagram(Uint8Array.of(2, 0, 0, 0, 9, 0, 0, 0, 0, 0, 1));
    await relay.advance(5);
    const reply = relay.last.datagrams.find((data) => data[0] === 3)!;
    const view = new DataView(reply.buffer);
    expect([view.getUint32(1), view.getUint32(7)]).toEqual([9, 1]);
    const t2 = view.getUint16(11) * 2 ** 32 + view.getUint32(13);
    expect(publisher.room.nowUs() - t2).toBeLessThan(6_000);
    publisher.room.close();
  });

  it('gives its slot back on close, and does not wait for ever', async () => {
    const relay = new FakeRelay();
    const room = relay.entry.connectRoom(TARGET);
    const publisher = relay.entry.publish(room);
    await relay.advance(20);
    relay.script.answer = () => undefined;
    let closed = false;
    const closing = publisher.close().then(() => {
      closed = true;
    });
    await relay.advance(900);
    expect(closed).toBe(false);
    await relay.advance(150);
    await closing;
    expect(relay.last.received.map(({ t }) => t)).toEqual(['hello', 'publish', 'unpublish']);
    expect(room.state).toBe('open');
    room.close();
  });

  it('ends when the relay does not allow it', async () => {
    const relay = new FakeRelay();
    relay.script.answer = ({ id }) => ({
      t: 'error',
      id,
      code: 'not_permitted',
      message: 'viewers only',
      retryable: false,
    });
    const publisher = relay.entry.publish(TARGET);
    await relay.advance(50);
    await expect(publisher.ready).rejects.toMatchObject({ code: 'not_permitted' });
    expect(publisher.room.state).toBe('closed');
  });

  it.each([
    [{ holdMs: -1 }, 'invalid_argument'],
    [{ holdMs: 101 }, 'invalid_argument'],
    [{ motion: { fps: 0 } }, 'invalid_argument'],
    [{ motion: { extras: Array<string>(33).fill('x') } }, 'invalid_argument'],
  ])('refuses %j', async (options, code) => {
    const relay = new FakeRelay();
    expect(() => relay.entry.publish(TARGET, options)).toThrow(expect.objectContaining({ code }));
    await relay.advance(100);
    expect(relay.timers).toBe(0);
  });
});
