import { readFileSync } from 'node:fs';
import { encodeProbeReply, parseProbe, parseProbeReply } from '@hayate/codec/bundle';
import type { DatagramHandler, Session } from '@hayate/transport';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ScriptPlane } from './script.ts';

interface UplinkStep {
  op: 'uplink';
  nowUs: number;
  offsetUs: number | null;
  uncertaintyUs: number | null;
  uplink: string;
  downlink: string | null;
  refused: string | null;
  unsynced: number;
  duplicate: number;
  late: number;
  overRate: number;
}

interface JoinStep {
  op: 'join';
  downlinks: string[];
}

interface ForwardCase {
  name: string;
  alias: number;
  slot: number;
  generation: number;
  maxAgeUs: number;
  maxAheadUs: number;
  unitsPerSecond: number;
  steps: (UplinkStep | JoinStep)[];
  counts: { received: number; lost: number; duplicate: number };
}

const vectors = new URL('../../codec/vectors/forward.json', import.meta.url);
const { cases } = JSON.parse(readFileSync(vectors, 'utf8')) as { cases: ForwardCase[] };

/** The datagram face of a session, with a clock that stands still. */
class FakeSession {
  now: number;
  takes = true;
  sent: Uint8Array[] = [];
  handler: DatagramHandler | undefined;

  constructor(now: number) {
    this.now = now;
  }

  nowUs(): number {
    return this.now;
  }
  setDatagramHandler(handler: DatagramHandler | undefined): void {
    this.handler = handler;
  }
  sendDatagram(data: Uint8Array): boolean {
    if (this.takes) this.sent.push(data.slice());
    return this.takes;
  }
  receive(data: Uint8Array): void {
    this.handler?.(data, this.now);
  }
  /** What was sent since the last call, without heartbeats. */
  take(): string[] {
    const out = this.sent.filter((d) => d[0] !== 4).map((d) => Buffer.from(d).toString('hex'));
    this.sent = [];
    return out;
  }
  get session(): Session {
    return this as unknown as Session;
  }
}

const fromHex = (hex: string) => new Uint8Array(Buffer.from(hex, 'hex'));
const room = { alias: 300, maxAgeMs: 500, maxAheadMs: 20, maxMembers: 10, unitsPerSecond: 0 };
let plane: ScriptPlane;

beforeEach(() => {
  vi.useFakeTimers();
  let id = 0;
  plane = new ScriptPlane({ randomId: () => ++id });
});
afterEach(() => {
  plane.close();
  vi.useRealTimers();
});

function peer(now: number): FakeSession {
  const fake = new FakeSession(now);
  plane.accept(fake.session);
  plane.admit(fake.session);
  return fake;
}

/** Answers the outstanding probe so that the plane learns exactly this offset and uncertainty. */
function sync(fake: FakeSession, offsetUs: number, uncertaintyUs: number): void {
  const probe = parseProbe(fake.sent.findLast((d) => d[0] === 2)!);
  const t2Us = fake.now - uncertaintyUs + offsetUs;
  fake.receive(encodeProbeReply({ ...probe, t2Us, t3Us: t2Us }));
  fake.sent = [];
}

/** One offset and uncertainty, and all steps at one time: the sync's age would widen the uncertainty otherwise. */
const still = cases.filter(({ steps }) => {
  const synced = steps.filter((s): s is UplinkStep => s.op === 'uplink' && s.offsetUs !== null);
  const same = (key: 'nowUs' | 'offsetUs' | 'uncertaintyUs') => new Set(synced.map((s) => s[key])).size === 1;
  return synced.length > 0 && same('nowUs') && same('offsetUs') && same('uncertaintyUs');
});

describe('forward vectors through the plane', () => {
  it('has enough of them', () => {
    expect(still.length).toBeGreaterThanOrEqual(14);
  });

  it.each(still.map((c) => [c.name, c] as const))('%s', async (_, c) => {
    const synced = c.steps.find((s): s is UplinkStep => s.op === 'uplink' && s.offsetUs !== null)!;
    const liver = peer(synced.nowUs - 2 * synced.uncertaintyUs!);
    const viewer = peer(synced.nowUs);
    const media = plane.openRoom({
      ...room,
      alias: c.alias,
      maxAgeMs: c.maxAgeUs / 1000,
      maxAheadMs: c.maxAheadUs / 1000,
      unitsPerSecond: c.unitsPerSecond,
    });
    media.join(viewer.session);
    const publishing = media.publish(liver.session, c.slot, c.generation);
    liver.now = synced.nowUs;
    let done = false;
    const refused: Record<string, number> = {};
    const note = (reason: string, n: number) => {
      if (n > 0) refused[reason] = (refused[reason] ?? 0) + n;
    };
    for (const step of c.steps) {
      if (step.op === 'join') {
        const joiner = peer(synced.nowUs);
        media.join(joiner.session);
        expect(joiner.take()).toEqual(step.downlinks);
        continue;
      }
      if (step.offsetUs !== null && !done) {
        sync(liver, step.offsetUs, step.uncertaintyUs!);
        await publishing;
        done = true;
      }
      viewer.take();
      liver.receive(fromHex(step.uplink));
      const bundle = fromHex(step.uplink)[0] === 1;
      expect(viewer.take()).toEqual(step.downlink === null ? [] : [step.downlink]);
      if (step.refused !== null && bundle) note(step.refused, 1);
      note('unsynced', step.unsynced);
      note('late', step.late);
      note('over_rate', step.overRate);
    }
    const stats = await media.slotStats(c.slot);
    expect(stats).toMatchObject(c.counts);
    const total = (flat: Record<string, number>) => Object.values(flat).reduce((a, b) => a + b, 0);
    expect(total(stats.refused)).toBe(total(refused));
    expect((await media.slotStats(c.slot)).refused).toEqual({});
  });
});

describe('sessions of the plane', () => {
  const probe = Uint8Array.from([2, 0, 0, 0, 9, 0, 0, 0, 0, 0, 1]);

  it('answers probes of the welcomed only', async () => {
    const fake = new FakeSession(1000);
    plane.accept(fake.session);
    fake.receive(probe);
    expect(fake.sent).toEqual([]);
    plane.admit(fake.session);
    fake.receive(probe);
    expect(parseProbeReply(fake.sent[0]!)).toEqual({ id: 9, t1Us: 1, t2Us: 1000, t3Us: 1000 });
    expect(await plane.stats()).toMatchObject({ refused_before_welcome: 1, datagrams_in: 2, datagrams_out: 1 });
  });

  it('sends a heartbeat after 200 ms without anything else', () => {
    const fake = peer(0);
    fake.now = 199_000;
    vi.advanceTimersByTime(25);
    expect(fake.sent).toEqual([]);
    fake.now = 200_000;
    vi.advanceTimersByTime(25);
    expect(fake.sent).toEqual([Uint8Array.of(4)]);
  });

  it('probes a publisher 8 times 25 ms apart, then once a second', () => {
    const fake = peer(0);
    const media = plane.openRoom(room);
    media.publish(fake.session, 0, 1).catch(() => {});
    const at: number[] = [0];
    fake.sent = [];
    for (let ms = 25; ms <= 2500; ms += 25) {
      fake.now = ms * 1000;
      vi.advanceTimersByTime(25);
      if (fake.sent.some((d) => d[0] === 2)) at.push(ms);
      fake.sent = [];
    }
    expect(at).toEqual([0, 25, 50, 75, 100, 125, 150, 175, 1175, 2175]);
  });

  it('counts what is garbage, oversized, not asked for, or from nobody', async () => {
    const fake = peer(0);
    fake.receive(Uint8Array.of(0x99));
    fake.receive(new Uint8Array(0));
    fake.receive(new Uint8Array(1001).fill(1));
    fake.receive(Uint8Array.of(1, 2, 3));
    fake.receive(Uint8Array.of(2, 0));
    fake.receive(encodeProbeReply({ id: 1, t1Us: 0, t2Us: 0, t3Us: 0 }));
    expect(await plane.stats()).toMatchObject({
      datagrams_in: 6,
      refused_unknown_type: 2,
      refused_datagram_too_large: 1,
      refused_not_publishing: 1,
      refused_truncated: 1,
      refused_unasked: 1,
    });
  });

  it('counts what a session does not take, and forgets', async () => {
    const fake = peer(0);
    fake.takes = false;
    fake.receive(probe);
    plane.forget(fake.session);
    expect(fake.handler).toBeUndefined();
    expect(vi.getTimerCount()).toBe(0);
    expect(await plane.stats()).toMatchObject({ dropped_not_taken: 1, datagrams_out: 0 });
  });

  it('rejects a publish that ends before its clock was synced', async () => {
    const fake = peer(0);
    const media = plane.openRoom(room);
    const publishing = media.publish(fake.session, 0, 1);
    media.unpublish(0);
    await expect(publishing).rejects.toMatchObject({ code: 'closed' });
    await expect(media.slotStats(0)).rejects.toMatchObject({ code: 'invalid_argument' });
  });
});
