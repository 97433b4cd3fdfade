import { encodeMessage } from '@hayate/codec/messages';
import { describe, expect, it } from 'vitest';
import { bodies } from '../test/bodies.ts';
import { RateLimit } from './rate.ts';
import { MessageWriter } from './writer.ts';

describe('rate limit', () => {
  it('gives the burst at once and then so many a second', () => {
    const limit = new RateLimit(2, 3, 0);
    expect([limit.take(0), limit.take(0), limit.take(0), limit.take(0)]).toEqual([true, true, true, false]);
    expect([limit.take(499), limit.take(500), limit.take(501)]).toEqual([false, true, false]);
    expect(Array.from({ length: 4 }, () => limit.take(1_000_000))).toEqual([true, true, true, false]);
  });
});

describe('writer', () => {
  it('holds at most its bound for a peer that does not read', async () => {
    let release = () => {};
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    const written: number[] = [];
    const stream = {
      async write(chunk: Uint8Array) {
        await gate;
        written.push(chunk.length);
      },
      finish: () => {},
    };
    const writer = new MessageWriter(stream, 100);
    expect(writer.send(new Uint8Array(60))).toBe(true);
    expect(writer.send(new Uint8Array(40))).toBe(true);
    expect(writer.send(new Uint8Array(1))).toBe(false);
    expect(writer.waitingBytes).toBe(100);
    release();
    await expect.poll(() => writer.waitingBytes).toBe(0);
    expect(written).toEqual([60, 40]);
    expect(writer.send(new Uint8Array(100))).toBe(true);
  });

  it('counts nothing that was taken at once', () => {
    const sent: number[] = [];
    const write = (data: Uint8Array) => {
      sent.push(data.length);
      return undefined;
    };
    const writer = new MessageWriter({ write, finish: () => {} }, 100);
    for (let n = 0; n < 10; n++) expect(writer.send(new Uint8Array(60))).toBe(true);
    expect([sent.length, writer.waitingBytes]).toEqual([10, 0]);
  });

  it('does not mind a stream that broke', async () => {
    const broken = { write: () => Promise.reject(new Error('gone')), finish: () => {} };
    const writer = new MessageWriter(broken, 10);
    expect(writer.send(new Uint8Array(4))).toBe(true);
    await new Promise((resolve) => setImmediate(resolve));
    for (let n = 0; n < 100; n++) expect(writer.send(new Uint8Array(4))).toBe(true);
    writer.close();
  });
});

describe('messages one byte at a time', () => {
  it('are the same messages', async () => {
    const rig = await bodies[0]!.start();
    try {
      const client = await rig.connect();
      const hello = encodeMessage({ t: 'hello', v: 1, token: await rig.token() });
      await client.open(hello.subarray(0, 1));
      for (let at = 1; at < hello.length; at++) await client.raw(hello.subarray(at, at + 1));
      expect(await client.heard('welcome')).toMatchObject({ v: 1 });
    } finally {
      await rig.close();
    }
  });
});

describe('requests sent with the hello', () => {
  it('wait for the welcome and are answered', async () => {
    const rig = await bodies[0]!.start();
    try {
      const client = await rig.connect();
      const hello = encodeMessage({ t: 'hello', v: 1, token: await rig.token() });
      const watch = encodeMessage({ t: 'watch', id: 77 });
      await client.open(Uint8Array.from([...hello, ...watch]));
      expect(await client.heard('done')).toMatchObject({ id: 77 });
      expect(client.messages[0]).toMatchObject({ t: 'welcome' });
    } finally {
      await rig.close();
    }
  });
});

describe('reports', () => {
  it('over one a second are ignored and counted, and are no requests', async () => {
    const rig = await bodies[0]!.start();
    try {
      const viewer = await rig.join();
      await viewer.request({ t: 'watch' });
      for (let n = 0; n < 50; n++) await viewer.raw({ t: 'report', marginMs: 5 });
      expect(await viewer.request({ t: 'unwatch' })).toMatchObject({ t: 'done' });
      expect(viewer.end).toBeUndefined();
      const metrics = await (await fetch(rig.relay.metricsAddress)).text();
      const taken = Number(/^hayate_reports_total\{result="taken"\} (\d+)/m.exec(metrics)?.[1]);
      expect(taken).toBeGreaterThanOrEqual(2);
      expect(taken).toBeLessThan(10);
      expect(metrics).toMatch(new RegExp(`^hayate_reports_total\\{result="ignored"\\} ${50 - taken}( |$)`, 'm'));
    } finally {
      await rig.close();
    }
  });

  it('that make no sense end the session', async () => {
    const rig = await bodies[0]!.start();
    try {
      const viewer = await rig.join();
      await viewer.raw({ t: 'report', marginMs: -1 });
      expect(await viewer.ended()).toMatchObject({ closeCode: 100 });
    } finally {
      await rig.close();
    }
  });
});

describe('a liver that floods', () => {
  it('is warned, and ended after three seconds of it; one that does not is left alone', async () => {
    const rig = await bodies[0]!.start({ limits: { unitsPerSecond: 50 } });
    const [flooding, calm, viewer] = [await rig.join(), await rig.join(), await rig.join()];
    await viewer.request({ t: 'watch' });
    for (const liver of [flooding, calm]) await liver.request({ t: 'publish' });
    let [ticks, sent] = [0, 0];
    const timer = setInterval(() => {
      for (let n = 0; n < 4; n++, sent++) flooding.motion(Uint8Array.of(1));
      if (ticks++ % 3 === 0) calm.motion(Uint8Array.of(2));
    }, 10);
    try {
      expect(await flooding.heard('error')).toMatchObject({ code: 'rate_limited', retryable: true });
      expect(await flooding.ended()).toMatchObject({ closeCode: 401 });
      const heard = viewer.bundles.flatMap(({ units }) => units).filter(({ payload }) => payload[0] === 1);
      // Of 400 a second 50 go on, and 25 at once.
      expect(heard.length).toBeGreaterThan(50);
      expect(heard.length).toBeLessThan(sent / 2);
      expect(calm.messages.filter(({ t }) => t === 'error')).toEqual([]);
      expect(calm.end).toBeUndefined();
    } finally {
      clearInterval(timer);
      await rig.close();
    }
  }, 20_000);
});

describe('a session that does not read its control stream', () => {
  it('is ended with overloaded, and nobody else is', async () => {
    const rig = await bodies[0]!.start({ limits: { controlQueueBytes: 70_000 } });
    try {
      const deaf = await rig.connect();
      const stream = await deaf.session.openBidirectional();
      await stream.writable.getWriter().write(encodeMessage({ t: 'hello', v: 1, token: await rig.token() }));
      const viewer = await rig.join();
      const motion = { codec: 'face-1', fps: 60, channels: 61, config: new Uint8Array(3900) };
      for (let n = 0; n < 8; n++) {
        const liver = await rig.join();
        for (let id = 1; id <= 19; id++) {
          await liver.raw({ t: 'publish', id, motion });
          await liver.until(() => liver.messages.some((m) => m.t === 'publishing' && m.id === id), 'publishing');
        }
      }
      expect(await deaf.ended()).toMatchObject({ closeCode: 402 });
      expect((await rig.relay.stats()).refused).toEqual({ overloaded: 1 });
      expect(viewer.messages.filter((m) => m.t === 'liver')).toHaveLength(8 * 19);
      expect((await (await rig.join()).heard('welcome')).livers).toHaveLength(8);
    } finally {
      await rig.close();
    }
  });
});

describe('a publish with an endless config', () => {
  it('is refused, and the session goes on', async () => {
    const rig = await bodies[0]!.start();
    try {
      const liver = await rig.join();
      const motion = { codec: 'face-1', fps: 60, channels: 61, config: new Uint8Array(5000) };
      await liver.raw({ t: 'publish', id: 9, motion });
      expect(await liver.heard('error')).toMatchObject({ id: 9, code: 'message_too_large' });
      expect(await liver.request({ t: 'publish' })).toMatchObject({ t: 'publishing' });
    } finally {
      await rig.close();
    }
  });
});
