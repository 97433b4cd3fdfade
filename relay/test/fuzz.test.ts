import { type ClientMessage, encodeMessage } from '@hayate/codec/messages';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { bodies } from './bodies.ts';
import { bytes, live, watching } from './scene.ts';

type Type = ClientMessage['t'];

/** One good message of each kind, and the stream that it belongs on. */
const GOOD: Record<Type, { on: 'control' | 'comments' | 'gifts'; fields: Record<string, unknown> }> = {
  hello: { on: 'control', fields: { v: 1, token: 'x', agent: 'fuzz', resume: 'y' } },
  publish: {
    on: 'control',
    fields: {
      id: 1,
      motion: { codec: 'face-1', fps: 60, channels: 61, extras: ['ear'], config: bytes(1, 2) },
      voice: { codec: 'opus', sampleRate: 48_000, channels: 1, frameMs: 20 },
    },
  },
  unpublish: { on: 'control', fields: { id: 2 } },
  watch: { on: 'control', fields: { id: 3 } },
  unwatch: { on: 'control', fields: { id: 4 } },
  route: { on: 'control', fields: { id: 1 } },
  report: {
    on: 'control',
    fields: { marginMs: 5, lagP99Ms: 50, lost: 1, asks: true, stalls: 1, joinMs: 9, network: 'wifi', browser: 'b' },
  },
  refresh: { on: 'control', fields: { id: 5, token: 'x' } },
  presence: { on: 'control', fields: { id: 6, on: true } },
  speak: { on: 'control', fields: { id: 7, want: true } },
  moderate: { on: 'control', fields: { id: 8, action: 'mute', sub: 'fuzz', n: 1, seconds: 1, reason: 'x' } },
  comments: { on: 'comments', fields: { after: 0 } },
  comment: { on: 'comments', fields: { id: 9, text: 'hi' } },
  react: { on: 'comments', fields: { id: 10, kind: 'heart' } },
  gifts: { on: 'gifts', fields: { after: 0 } },
  gift: { on: 'gifts', fields: { id: 11, ticket: 'x' } },
};

const ACTIONS = ['mute', 'unmute', 'kick', 'slow', 'delete', 'grant', 'deny', 'unseat', 'host', 'unban'];
const odd = fc.constantFrom<unknown>(
  null,
  true,
  -1,
  0.5,
  0,
  Number.NaN,
  2 ** 32,
  Number.MAX_SAFE_INTEGER,
  '',
  'fuzz',
  '\u0000',
  '疾'.repeat(200),
  bytes(),
  [],
  {},
  [[[[[[[[[[1]]]]]]]]]],
  ...ACTIONS,
);

/** A message with some of its fields missing or replaced, and perhaps a few of its bytes. */
const message = fc
  .record({
    t: fc.constantFrom(...(Object.keys(GOOD) as Type[])),
    fields: fc.array(fc.tuple(fc.nat(9), fc.option(odd, { nil: undefined })), { maxLength: 3 }),
    flips: fc.oneof(
      { weight: 3, arbitrary: fc.constant([] as [number, number][]) },
      { weight: 1, arbitrary: fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 3 }) },
    ),
  })
  .map(({ t, fields, flips }) => {
    const all = { ...GOOD[t].fields };
    const names = Object.keys(all);
    for (const [at, value] of fields) all[names[at % names.length]!] = value;
    const encoded = encodeMessage({ t, ...all } as unknown as ClientMessage);
    // Not the length: a greater one takes what follows for its own, and waits for more than ever comes.
    for (const [at, value] of flips) encoded[1 + (at % (encoded.length - 1))] = value;
    return { t, on: GOOD[t].on, encoded };
  });

it('no message, however wrong, is a fault of the relay, or noticed by others', { timeout: 60_000 }, async () => {
  const rig = await bodies[0]!.start({
    comments: { perSecond: 1000, burst: 1000 },
    gifts: { perSecond: 1000, burst: 1000 },
  });
  try {
    const liver = await live(rig, { room: 'witness' });
    const viewer = await watching(rig, { room: 'witness' });
    const sent = new Map<Type, number>();
    let [sessions, sound] = [0, 0];
    const property = fc.asyncProperty(fc.array(message, { minLength: 1, maxLength: 4 }), async (messages) => {
      const roles = (['moderator', 'viewer', 'liver'] as const).slice(0, 1 + (sessions % 3));
      const client = await rig.join({ room: 'fuzzed', sub: 'fuzz', roles: [...roles] });
      sessions += 1;
      const streams = new Map<string, WritableStreamDefaultWriter<Uint8Array>>();
      for (const { t, on, encoded } of messages) {
        sent.set(t, (sent.get(t) ?? 0) + 1);
        if (on === 'control') {
          await client.raw(encoded);
          continue;
        }
        const writer = streams.get(on) ?? (await opened());
        if (!writer) break;
        streams.set(on, writer);
        // Half of the streams begin as they should.
        await writer.write(encoded).catch(() => {});

        async function opened() {
          const stream = await client.session.openBidirectional().catch(() => undefined);
          const out = stream?.writable.getWriter();
          out?.closed.catch(() => {});
          const first = { t: on } as ClientMessage;
          if (sessions % 2 === 0) await out?.write(encodeMessage(first)).catch(() => {});
          return out;
        }
      }
      // An answer to something sound says that all of it was read; a session that was ended needs none.
      await client.raw({ t: 'unwatch', id: 4711 });
      await client.until(
        () => client.end !== undefined || client.messages.some((each) => 'id' in each && each.id === 4711),
        'an answer or the end',
      );
      if (client.end === undefined) sound += 1;
      client.session.close();
    });
    await fc.assert(property, { seed: 11, numRuns: 600 });
    const stats = await rig.relay.stats();
    expect(stats.refused['internal']).toBeUndefined();
    expect([...sent.keys()].sort()).toEqual(Object.keys(GOOD).sort());
    // Both happen: sessions that were ended, and sessions that go on.
    expect(sound).toBeGreaterThan(20);
    expect(stats.refused['protocol_error']).toBeGreaterThan(20);
    const before = viewer.units.length;
    liver.motion(bytes(1));
    await viewer.until(() => viewer.units.length > before, 'a unit of the witness');
    expect([liver.end, viewer.end]).toEqual([undefined, undefined]);
    expect(viewer.messages.filter(({ t }) => t === 'error')).toEqual([]);
  } finally {
    await rig.close();
  }
});
