import { onPeerStreams } from '../../src/peer-streams.ts';
import type { Case } from '../case.ts';
import {
  digestOf,
  digestStream,
  equal,
  next,
  ok,
  pattern,
  rejection,
  within,
  writeAll,
  writeUntilFull,
} from '../helpers.ts';

const TEN_MB = 10 * 1024 * 1024;

export const streamCases: Case[] = [
  {
    id: 'bidi-by-client',
    title: 'bidirectional, opened by the client: both directions, each with its end',
    async client({ connect }) {
      const session = connect();
      const { readable, writable } = await session.openBidirectional({ sendOrder: 20 });
      await writeAll(writable, pattern(70_001, 1), 1000);
      equal(await within(digestStream(readable), 'answer'), digestOf(pattern(50_001, 2)), 'answer');
      session.close();
    },
    async server({ accept }) {
      const { session } = await accept();
      const { readable, writable } = await next(session.incomingBidirectional, 'the stream');
      equal(await within(digestStream(readable), 'request'), digestOf(pattern(70_001, 1)), 'request');
      await writeAll(writable, pattern(50_001, 2));
      await session.closed;
    },
  },
  {
    id: 'bidi-by-calls',
    title: 'bidirectional, taken by calls at the server: both directions, each with its end',
    async client({ connect }) {
      const session = connect();
      const { readable, writable } = await session.openBidirectional();
      const bytes = pattern(300_001, 1);
      const [answer] = await within(Promise.all([digestStream(readable), writeAll(writable, bytes)]), 'the echo');
      equal(answer, digestOf(bytes), 'answer');
      session.close();
    },
    async server({ accept }) {
      const { session } = await accept();
      onPeerStreams(session, (stream) => {
        ok(stream.bidirectional, 'a stream both ways');
        stream.receive({
          data: (bytes) => stream.write(bytes),
          end: (error) => (error ? stream.abort() : stream.finish()),
        });
      });
      await session.closed;
    },
  },
  {
    id: 'bidi-by-server',
    title: 'bidirectional, opened by the server',
    async client({ connect }) {
      const session = connect();
      await session.ready;
      const { readable, writable } = await next(session.incomingBidirectional, 'the stream');
      equal(await within(digestStream(readable), 'request'), digestOf(pattern(40_001, 3)), 'request');
      await writeAll(writable, pattern(30_001, 4));
      await within(session.closed, 'closed');
    },
    async server({ accept }) {
      const { session } = await accept();
      const { readable, writable } = await session.openBidirectional();
      await writeAll(writable, pattern(40_001, 3));
      equal(await within(digestStream(readable), 'answer'), digestOf(pattern(30_001, 4)), 'answer');
      session.close();
    },
  },
  {
    id: 'options-of-accepted',
    title: 'options set on an accepted stream, before and between writes, change none of its bytes',
    async client({ connect }) {
      const session = connect();
      const { readable, writable } = await session.openBidirectional({ sendOrder: 20, repeatMs: 5 });
      await writeAll(writable, pattern(20_001, 7), 1000);
      equal(await within(digestStream(readable), 'answer'), digestOf(pattern(30_001, 8)), 'answer');
      session.close();
    },
    async server({ accept }) {
      const { session } = await accept();
      const { readable, writable } = await next(session.incomingBidirectional, 'the stream');
      Object.assign(writable, { sendOrder: 20, repeatMs: 5 });
      equal(await within(digestStream(readable), 'request'), digestOf(pattern(20_001, 7)), 'request');
      const answer = pattern(30_001, 8);
      const writer = writable.getWriter();
      await writer.write(answer.subarray(0, 10_000));
      Object.assign(writable, { sendOrder: 10, repeatMs: 0 });
      await writer.write(answer.subarray(10_000));
      await writer.close();
      await session.closed;
    },
  },
  {
    id: 'uni-by-client',
    title: 'unidirectional, opened by the client',
    async client({ connect }) {
      const session = connect();
      await writeAll(await session.openUnidirectional(), pattern(60_001, 5));
      await within(session.closed, 'closed');
    },
    async server({ accept }) {
      const { session } = await accept();
      const readable = await next(session.incomingUnidirectional, 'the stream');
      equal(await within(digestStream(readable), 'bytes'), digestOf(pattern(60_001, 5)), 'bytes');
      session.close();
    },
  },
  {
    id: 'uni-by-server',
    title: 'unidirectional, opened by the server',
    async client({ connect }) {
      const session = connect();
      await session.ready;
      const readable = await next(session.incomingUnidirectional, 'the stream');
      equal(await within(digestStream(readable), 'bytes'), digestOf(pattern(60_001, 6)), 'bytes');
      session.close();
    },
    async server({ accept }) {
      const { session } = await accept();
      await writeAll(await session.openUnidirectional(), pattern(60_001, 6));
      await within(session.closed, 'closed');
    },
  },
  {
    id: 'empty-stream',
    title: 'a stream that ends without a byte is an empty stream',
    async client({ connect }) {
      const session = connect();
      const { readable, writable } = await session.openBidirectional();
      await writeAll(writable, new Uint8Array(0));
      equal(await within(digestStream(readable), 'answer'), digestOf(new Uint8Array(0)), 'answer');
      session.close();
    },
    async server({ accept }) {
      const { session } = await accept();
      const { readable, writable } = await next(session.incomingBidirectional, 'the stream');
      equal(await within(digestStream(readable), 'request'), digestOf(new Uint8Array(0)), 'request');
      await writeAll(writable, new Uint8Array(0));
      await session.closed;
    },
  },
  {
    id: 'many-streams',
    title: '300 bidirectional streams one after the other, then 40 at a time',
    async client({ connect }) {
      const session = connect();
      const ask = async (i: number) => {
        const { readable, writable } = await session.openBidirectional();
        const bytes = pattern(100 + i, i);
        const [answer] = await Promise.all([digestStream(readable), writeAll(writable, bytes)]);
        equal(answer, digestOf(bytes), `echo ${i}`);
      };
      for (let i = 0; i < 300; i += 1) await within(ask(i), `stream ${i}`);
      await within(Promise.all(Array.from({ length: 40 }, (_, i) => ask(300 + i))), '40 at a time');
      session.close();
    },
    async server({ accept }) {
      const { session } = await accept();
      const reader = session.incomingBidirectional.getReader();
      for (let i = 0; i < 340; i += 1) {
        const { value } = await reader.read();
        ok(value, 'the session ended');
        void value.readable.pipeTo(value.writable).catch(() => {});
      }
      await session.closed;
    },
  },
  {
    id: '10-mb-each-way',
    title: '10 MB both ways at once on one stream',
    async client({ connect }) {
      const session = connect();
      const { readable, writable } = await session.openBidirectional();
      const [answer] = await within(
        Promise.all([digestStream(readable), writeAll(writable, pattern(TEN_MB, 7))]),
        'the exchange',
        25_000,
      );
      equal(answer, digestOf(pattern(TEN_MB, 8)), 'from the server');
      // Its own bytes may still be on the way: the server closes when it has both them and this word, of which it may be told first.
      await writeAll(await session.openUnidirectional(), Uint8Array.of(1)).catch(() => {});
      await within(session.closed, 'closed');
    },
    async server({ accept }) {
      const { session } = await accept();
      const { readable, writable } = await next(session.incomingBidirectional, 'the stream');
      const [request] = await within(
        Promise.all([digestStream(readable), writeAll(writable, pattern(TEN_MB, 8))]),
        'the exchange',
        25_000,
      );
      equal(request, digestOf(pattern(TEN_MB, 7)), 'from the client');
      await next(session.incomingUnidirectional, 'the word');
      session.close();
    },
  },
  {
    id: 'back-pressure',
    title: 'a reader that does not read stops the writer within 4 MB; nothing is lost when it reads',
    async client({ connect }) {
      const session = connect();
      const writer = (await session.openUnidirectional()).getWriter();
      const { bytes, pending } = await writeUntilFull(writer, 4 * 1024 * 1024);
      // Another stream is not held up by the full one; it tells the server to read.
      await within(
        session.openUnidirectional().then((go) => writeAll(go, Uint8Array.of(1))),
        'the other stream',
      );
      await within(pending, 'the write that waited');
      writer.close().catch(() => {});
      await within(session.closed, 'closed');
      return bytes;
    },
    async server({ accept }) {
      const { session } = await accept();
      const readable = await next(session.incomingUnidirectional, 'the stream');
      await digestStream(await next(session.incomingUnidirectional, 'the word'));
      const digest = await within(digestStream(readable), 'the bytes');
      session.close();
      return Number(digest.split(':', 1)[0]);
    },
    check: (client, server) => equal(server, client, 'bytes read'),
  },
  {
    id: 'reset',
    title: 'a writer that aborts makes the reader fail, and only it',
    async client({ connect }) {
      const session = connect();
      const writer = (await session.openUnidirectional()).getWriter();
      await writer.write(Uint8Array.of(1, 2, 3));
      await writer.abort(new Error('changed my mind'));
      await writeAll(await session.openUnidirectional(), Uint8Array.of(4));
      await within(session.closed, 'closed');
    },
    async server({ accept }) {
      const { session } = await accept();
      // A reset may overtake the data and even the stream's opening: then only the second stream shows.
      const first = await next(session.incomingUnidirectional, 'a stream');
      const read = await digestStream(first).catch(() => 'reset');
      if (read === 'reset') {
        const second = await next(session.incomingUnidirectional, 'the other stream');
        equal(await within(digestStream(second), 'bytes'), digestOf(Uint8Array.of(4)), 'the other stream');
      } else {
        equal(read, digestOf(Uint8Array.of(4)), 'the other stream');
      }
      session.close();
    },
  },
  {
    id: 'stop',
    title: 'a reader that cancels makes the writer fail, and only it',
    async client({ connect }) {
      const session = connect();
      const writer = (await session.openUnidirectional()).getWriter();
      await rejection(
        (async () => {
          for (;;) {
            await writer.write(new Uint8Array(1000));
            await new Promise((resolve) => setTimeout(resolve, 2));
          }
        })(),
        'writes after the stop',
      );
      await writeAll(await session.openUnidirectional(), Uint8Array.of(4));
      await within(session.closed, 'closed');
    },
    async server({ accept }) {
      const { session } = await accept();
      const first = await next(session.incomingUnidirectional, 'a stream');
      const reader = first.getReader();
      await reader.read();
      await reader.cancel();
      const second = await next(session.incomingUnidirectional, 'the other stream');
      equal(await within(digestStream(second), 'bytes'), digestOf(Uint8Array.of(4)), 'the other stream');
      session.close();
    },
  },
  {
    id: 'close-while-writing',
    title: 'close() rejects a write that waits and a read that waits; the server is told the code',
    async client({ connect }) {
      const session = connect();
      const { readable, writable } = await session.openBidirectional();
      const writer = writable.getWriter();
      const { pending } = await writeUntilFull(writer, 4 * 1024 * 1024);
      const read = readable.getReader().read();
      session.close({ closeCode: 302, reason: 'enough' });
      await rejection(pending, 'pending write');
      await rejection(read, 'pending read');
      equal(await session.closed, { closeCode: 302, reason: 'enough' }, 'own close info');
    },
    async server({ accept }) {
      const { session } = await accept();
      equal(await within(session.closed, 'closed'), { closeCode: 302, reason: 'enough' }, 'close info');
    },
  },
];
