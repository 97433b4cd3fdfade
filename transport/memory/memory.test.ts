import { expect, test } from 'vitest';
import { createMemoryPair, ManualClock, MemoryServer } from './index.ts';
import type { Wire } from './link.ts';
import { createPipe } from './pipe.ts';

test('a datagram arrives when the clock says so, stamped in that clock', () => {
  const clock = new ManualClock(1_000_000);
  const [client, server] = createMemoryPair({ clock, up: { delayMs: 35 } });
  const seen: [number, number][] = [];
  server.setDatagramHandler((data, atUs) => seen.push([data[0]!, atUs]));
  const data = Uint8Array.of(7);
  expect(client.sendDatagram(data)).toBe(true);
  data[0] = 9; // owned at once: a later write must not show
  clock.advance(34.999);
  expect(seen).toEqual([]);
  clock.advance(0.001);
  expect(seen).toEqual([[7, 1_035_000]]);
});

test('loss follows the seed and strikes datagrams only', async () => {
  const run = (seed: number) => {
    const clock = new ManualClock();
    const [client, server] = createMemoryPair({ clock, up: { loss: 0.2, seed } });
    const seen: number[] = [];
    server.setDatagramHandler((data) => seen.push(data[0]!));
    for (let i = 0; i < 250; i += 1) {
      client.sendDatagram(Uint8Array.of(i));
      clock.advance(1);
    }
    return seen;
  };
  expect(run(1)).toEqual(run(1));
  expect(run(1)).not.toEqual(run(2));
  expect(run(1).length).toBeGreaterThan(175);
  expect(run(1).length).toBeLessThan(225);
});

test('datagrams in flight are bounded', () => {
  const clock = new ManualClock();
  const [client] = createMemoryPair({ clock, up: { delayMs: 1000 } });
  const data = new Uint8Array(10);
  let taken = 0;
  for (let i = 0; i < 5000; i += 1) if (client.sendDatagram(data)) taken += 1;
  expect(taken).toBe(1024);
  expect(client.core.datagramsDropped).toEqual({ queue_full: 3976 });
  clock.advance(1000);
  expect(clock.pending).toBe(0);
});

test('a handshake takes a round trip and can be given up', async () => {
  const clock = new ManualClock();
  const server = new MemoryServer({ clock, up: { delayMs: 10 }, down: { delayMs: 20 } });
  const connect = server.connector();
  const abort = new AbortController();
  const given = connect('https://memory/v1', { signal: abort.signal });
  const kept = connect('https://memory/v1');
  abort.abort();
  await expect(given.ready).rejects.toMatchObject({ code: 'connect_failed' });
  clock.advance(29.9);
  expect(server.openSessions).toBe(0);
  clock.advance(0.1);
  await kept.ready;
  expect(server.openSessions).toBe(1);
});

test('a write settles whose reader has stopped', async () => {
  const pipe = createPipe({ deliver: () => {} } as unknown as Wire, () => {});
  await pipe.readable.cancel();
  await pipe.writable.getWriter().write(Uint8Array.of(1));
});

test('a writer whose reader never reads can still be aborted', async () => {
  const [client, server] = createMemoryPair();
  const writable = await client.openUnidirectional();
  const writer = writable.getWriter();
  const writes = [0, 1, 2, 3].map(() => writer.write(new Uint8Array(200_000)).catch((error: unknown) => error));
  await writer.abort();
  await Promise.all(writes);
  const { value } = await server.incomingUnidirectional.getReader().read();
  const reader = value!.getReader();
  await expect(
    (async () => {
      for (;;) if ((await reader.read()).done) return;
    })(),
  ).rejects.toMatchObject({ code: 'closed' });
  expect(client.openStreams + server.openStreams).toBe(0);
});
