import type { HayateError } from '@hayate/codec/errors';
import type { Session } from '../../src/types.ts';
import type { Case } from '../case.ts';
import { equal, eventually, next, ok, pattern, within, writeAll } from '../helpers.ts';

/** First byte 0x40: the types of docs/protocol.md are below, and the engine answers some of them itself. */
const stamp = (index: number, length: number): Uint8Array => {
  const data = pattern(Math.max(3, length), index);
  data[0] = 0x40;
  new DataView(data.buffer).setUint16(1, index);
  return data;
};

const indexOf = (data: Uint8Array): number => new DataView(data.buffer, data.byteOffset).getUint16(1);

/** Echoes from now on, and tells the client so: what arrives before is dropped as `no_handler`. */
const echo = async (session: Session): Promise<void> => {
  session.setDatagramHandler((data) => void session.sendDatagram(data));
  await writeAll(await session.openUnidirectional(), Uint8Array.of(1));
};

const untilEcho = async (session: Session): Promise<void> => {
  await session.ready;
  await next(session.incomingUnidirectional, 'the word that the server echoes');
};

/** Tells the server that the client is done, by the end of a stream. */
const done = async (session: Session): Promise<void> => writeAll(await session.openUnidirectional(), Uint8Array.of(1));

const untilDone = async (session: Session): Promise<void> => {
  await next(session.incomingUnidirectional, 'the end of the case');
};

export const datagramCases: Case[] = [
  {
    id: 'datagrams-echo',
    title: 'datagrams of 3 to 1000 bytes there and back, unchanged, stamped with the time',
    async client({ connect, lacks }) {
      const session = connect();
      await untilEcho(session);
      const seen: number[] = [];
      let lastUs = session.nowUs();
      session.setDatagramHandler((data, receivedAtUs) => {
        const index = indexOf(data);
        const expected = stamp(index, data.length);
        ok(
          expected.every((byte, i) => byte === data[i]),
          `datagram ${index} changed on the way`,
        );
        ok(receivedAtUs >= lastUs && receivedAtUs <= session.nowUs(), 'receive time runs with nowUs');
        lastUs = receivedAtUs;
        seen.push(index);
      });
      const count = 300;
      for (let i = 0; i < count; i += 1) {
        // One in flight at a time loses nothing to a queue: what is missing then was lost by the body.
        ok(session.sendDatagram(stamp(i, 3 + ((i * 37) % 998))), `datagram ${i} was not taken`);
        await within(
          eventually(() => (seen.length > i ? true : undefined), `echo ${i}`, 5000),
          'echo',
        );
      }
      equal(seen.length, count, 'echoes');
      if (lacks.unordered !== undefined) {
        ok(
          seen.every((index, i) => index === i),
          'out of order on a reliable body',
        );
      }
      const stats = await session.getStats();
      equal(stats.datagramsSent, count, 'datagramsSent');
      equal(stats.datagramsReceived, count, 'datagramsReceived');
      session.close();
    },
    async server({ accept }) {
      const { session } = await accept();
      await echo(session);
      await session.closed;
    },
  },
  {
    id: 'datagrams-by-server',
    title: 'the server sends first',
    async client({ connect }) {
      const session = connect();
      const first = new Promise<number[]>((resolve) => session.setDatagramHandler((data) => resolve([...data])));
      await session.ready;
      await done(session);
      equal(await within(first, 'a datagram'), [0x41, 2, 3], 'datagram');
      session.close();
    },
    async server({ accept }) {
      const { session } = await accept();
      await untilDone(session);
      ok(session.sendDatagram(Uint8Array.of(0x41, 2, 3)), 'not taken');
      await session.closed;
    },
  },
  {
    id: 'datagram-too-large',
    title: 'over the limit: false, counted, and the next one still passes',
    async client({ connect }) {
      const session = connect();
      await untilEcho(session);
      const echoes: number[] = [];
      session.setDatagramHandler((data) => echoes.push(data.length));
      equal(session.sendDatagram(new Uint8Array(session.maxDatagramSize + 1)), false, 'sendDatagram');
      equal((await session.getStats()).datagramsDropped['too_large'], 1, 'counted drops');
      ok(session.sendDatagram(stamp(0, 1000)), 'a good one was not taken');
      await eventually(() => (echoes.length > 0 ? true : undefined), 'echo');
      equal(echoes, [1000], 'lengths');
      session.close();
    },
    async server({ accept }) {
      const { session } = await accept();
      await echo(session);
      await session.closed;
    },
  },
  {
    id: 'datagram-copied',
    title: 'the caller may write its buffer again at once',
    async client({ connect }) {
      const session = connect();
      await untilEcho(session);
      const seen: number[] = [];
      session.setDatagramHandler((data) => seen.push(data[0]!));
      const data = new Uint8Array(100);
      for (let i = 0; i < 5; i += 1) {
        data.fill(0x41 + i);
        ok(session.sendDatagram(data), 'not taken');
        data.fill(99);
      }
      await eventually(() => (seen.length === 5 ? true : undefined), 'echoes');
      equal(seen.toSorted(), [0x41, 0x42, 0x43, 0x44, 0x45], 'first bytes');
      session.close();
    },
    async server({ accept }) {
      const { session } = await accept();
      await echo(session);
      await session.closed;
    },
  },
  {
    id: 'datagram-handler',
    title: 'handlers can be swapped; without one, datagrams are counted',
    async client({ connect }) {
      const session = connect();
      await untilEcho(session);
      const [first, second]: [number[], number[]] = [[], []];
      const ping = async (byte: number, into: () => boolean) => {
        await eventually(() => {
          if (into()) return true;
          session.sendDatagram(Uint8Array.of(byte));
          return undefined;
        }, `echo ${byte}`);
      };
      session.setDatagramHandler((data) => first.push(data[0]!));
      await ping(0x41, () => first.length > 0);
      session.setDatagramHandler((data) => second.push(data[0]!));
      await ping(0x42, () => second.includes(0x42));
      ok(!first.includes(0x42), 'the old handler was called');
      session.setDatagramHandler(undefined);
      const before = [first.length, second.length];
      let dropped = 0;
      await eventually(async () => {
        session.sendDatagram(Uint8Array.of(0x43));
        dropped = (await session.getStats()).datagramsDropped['no_handler'] ?? 0;
        return dropped > 0 ? true : undefined;
      }, 'counted drops');
      ok(second.length - before[1]! <= 5 && first.length === before[0], 'a handler was called after it was taken off');
      session.close();
    },
    async server({ accept }) {
      const { session } = await accept();
      await echo(session);
      await session.closed;
    },
  },
  {
    id: 'datagram-burst',
    title: '20 MB of datagrams in one turn: no throw, and each is sent or counted',
    async client({ connect }) {
      const session = connect();
      await session.ready;
      const data = stamp(0, 1000);
      let taken = 0;
      const calls = 20_000;
      for (let i = 0; i < calls; i += 1) if (session.sendDatagram(data)) taken += 1;
      const stats = await session.getStats();
      const refused = calls - taken;
      const dropped = Object.values(stats.datagramsDropped).reduce((sum, count) => sum + count, 0);
      equal(stats.datagramsSent, taken, 'datagramsSent');
      ok(dropped >= refused, `${refused} refused, ${dropped} counted`);
      ok(taken > 0, 'not one was taken');
      // The session lives on and is not stuck behind the burst: the server closes when it sees the stream.
      done(session).catch(() => {});
      // How it ends is the subject of other cases: a browser that is still busy with its queue may tell a lost connection.
      await within(
        session.closed.catch((error: HayateError) => equal(error.code, 'connection_lost', 'code')),
        'closed',
      );
      return { taken, dropped };
    },
    async server({ accept }) {
      const { session } = await accept();
      let received = 0;
      session.setDatagramHandler(() => {
        received += 1;
      });
      await untilDone(session);
      session.close();
      return { received };
    },
    check(client, server) {
      const { taken } = client as { taken: number };
      const { received } = server as { received: number };
      ok(received <= taken, `${received} received of ${taken}`);
    },
  },
];
