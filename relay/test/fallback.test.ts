import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { engineAvailable } from '@hayate/engine';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startRelay } from '../src/index.ts';
import { engineBody, type Rig } from './bodies.ts';
import { bytes, eventually } from './scene.ts';

const available = engineAvailable();
if (!available.ok) it('fallback beside the engine', ({ skip }) => skip(available.reason));

describe.skipIf(!available.ok)('fallback beside the engine', () => {
  let rig: Rig;
  beforeAll(async () => {
    rig = await engineBody.start({ rooms: { emptyMs: 0 } });
  });
  afterAll(() => rig?.close());
  const ways = { quic: (options: object) => rig.join(options), tcp: (options: object) => rig.joinByTcp(options) };

  it.each([
    ['tcp', 'quic'],
    ['quic', 'tcp'],
    ['tcp', 'tcp'],
  ] as const)('a liver by %s is heard by a viewer by %s, and does not hear itself', async (from, to) => {
    const room = `${from}-${to}`;
    const liver = await ways[from]({ room, sub: 'ann' });
    const viewer = await ways[to]({ room, roles: ['viewer'] });
    await viewer.request({ t: 'watch' });
    await liver.request({ t: 'watch' });
    expect(await liver.request({ t: 'publish' })).toMatchObject({ t: 'publishing', slot: 0, gen: 1 });
    for (let n = 0; n < 20; n++) liver.motion(bytes(n, 1, 2));
    await viewer.until(() => viewer.units.length === 20, '20 units');
    expect(viewer.units.map((u) => u.payload[0])).toEqual(Array.from({ length: 20 }, (_, n) => n));
    expect(viewer.bundles.at(-1)!.slots).toEqual([{ slot: 0, generation: 1 }]);
    await liver.until(() => liver.messages.some((m) => m.t === 'uplink' && m.received === 20), 'uplink');
    // The liver's clock and the relay's are one here: what was said of the capture time has to hold that.
    const { baseUs, uncertainty16 } = viewer.bundles.at(-1)!;
    const ageUs = Number(process.hrtime.bigint() / 1000n) - baseUs;
    expect(ageUs).toBeGreaterThan(-(uncertainty16 * 1000) / 16);
    expect(uncertainty16).toBeGreaterThan(0);
    const late = await ways[to]({ room, roles: ['viewer'] });
    await late.request({ t: 'watch' });
    await late.until(() => late.units.length > 0, 'what is kept for joiners');
    expect(liver.units).toEqual([]);
  });

  it('a slot goes from one way to the other and back, with a newer generation each time', async () => {
    const viewer = await ways.quic({ room: 'both', roles: ['viewer'] });
    await viewer.request({ t: 'watch' });
    for (const [n, way] of (['tcp', 'quic', 'tcp'] as const).entries()) {
      const liver = await ways[way]({ room: 'both', sub: 'ann' });
      expect(await liver.request({ t: 'publish' })).toMatchObject({ slot: 0, gen: n + 1 });
      liver.motion(bytes(n));
      await viewer.until(() => viewer.units.at(-1)?.payload[0] === n, `a unit by ${way}`);
    }
    expect(viewer.bundles.map(({ slots }) => slots[0]!.generation)).toEqual([1, 2, 3]);
  });

  it('livers by both ways hear each other and not themselves', async () => {
    const [a, b] = [await ways.tcp({ room: 'two', sub: 'a' }), await ways.quic({ room: 'two', sub: 'b' })];
    for (const liver of [a, b]) {
      await liver.request({ t: 'watch' });
      await liver.request({ t: 'publish' });
    }
    a.motion(bytes(1));
    b.motion(bytes(2));
    await a.until(() => a.units.length === 1, 'the unit of b');
    await b.until(() => b.units.length === 1, 'the unit of a');
    expect([a.units[0]!.payload[0], b.units[0]!.payload[0]]).toEqual([2, 1]);
  });

  it('leaves no leg behind', async () => {
    const clients = await Promise.all([1, 2, 3].map((n) => ways.tcp({ room: 'gone', sub: `x${n}` })));
    const { plane } = await rig.relay.stats();
    expect(plane['fallback_sessions']).toBeGreaterThanOrEqual(3);
    const before = plane['fallback_sessions']!;
    for (const client of clients) client.session.close();
    const left = (stats: { plane: Record<string, number> }) => stats.plane['fallback_sessions'] === before - 3;
    expect(left(await eventually(() => rig.relay.stats(), left))).toBe(true);
  });

  it('shows the certificate of QUIC, whose hash is published', () => {
    expect(readFileSync(join(rig.stateDir, 'current.pem'), 'utf8')).toContain('BEGIN CERTIFICATE');
    expect(rig.relay.certificateHashes.length).toBeGreaterThan(0);
  });
});

describe.skipIf(!available.ok)('a TCP port that is taken', () => {
  it('keeps the relay from starting unless it goes without a fallback', async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const { port } = taken.address() as { port: number };
    const stateDir = (await engineBody.start({ fallback: 'none' }).then(async (rig) => {
      await rig.close();
      return rig.stateDir;
    })) as string;
    const config = { dev: true, stateDir, listen: { port }, http: { port: 0 }, metrics: { port: 0 }, api: { port: 0 } };
    const quiet = { logger: pino({ level: 'silent' }) };
    await expect(startRelay(config, quiet)).rejects.toMatchObject({
      code: 'bind_failed',
      message: expect.stringMatching(/fallback none/),
    });
    const relay = await startRelay({ ...config, fallback: 'none' }, quiet);
    await relay.close();
    await new Promise((resolve) => taken.close(resolve));
  });
});
