import { HayateError } from '@hayate/codec/errors';
import type { Wire } from './link.ts';

/** One direction of a stream: what is written comes out at the other end, with back-pressure, FIN, reset and stop. */
export interface Pipe {
  readonly writable: WritableStream<Uint8Array>;
  readonly readable: ReadableStream<Uint8Array>;
  /** Both ends reject with `error` from now on. */
  fail(error: HayateError): void;
}

const WINDOW_BYTES = 256 * 1024;

export function createPipe(wire: Wire, onDone: (pipe: Pipe) => void): Pipe {
  let reader: ReadableByteStreamController;
  let writer: WritableStreamDefaultController;
  let inFlightBytes = 0;
  let done = false;
  let room: PromiseWithResolvers<void> | undefined;

  const finish = () => {
    if (done) return false;
    done = true;
    room?.resolve();
    onDone(pipe);
    return true;
  };
  const full = () => (reader.desiredSize ?? 0) - inFlightBytes <= 0;

  const readable = new ReadableStream(
    {
      type: 'bytes',
      start(controller) {
        reader = controller;
      },
      pull() {
        if (room !== undefined && !full()) {
          room.resolve();
          room = undefined;
        }
      },
      cancel() {
        if (finish()) wire.deliver(() => writer.error(new HayateError('closed', 'the reader stopped the stream')));
      },
    },
    { highWaterMark: WINDOW_BYTES },
  );

  const writable = new WritableStream<Uint8Array>({
    start(controller) {
      writer = controller;
      // `abort` waits for a pending write, which waits for a reader that may never come.
      controller.signal.addEventListener('abort', () => room?.resolve());
    },
    async write(chunk) {
      // A copy: the stream takes the buffer away from whoever holds it, and the caller may write it again.
      const bytes = Uint8Array.from(chunk);
      if (bytes.byteLength === 0) return;
      inFlightBytes += bytes.byteLength;
      wire.deliver(() => {
        inFlightBytes -= bytes.byteLength;
        if (!done) reader.enqueue(bytes);
      });
      // A reader that stopped has no room, and will have none.
      if (done || !full()) return;
      room = Promise.withResolvers<void>();
      await room.promise;
    },
    close() {
      wire.deliver(() => {
        if (done) return;
        reader.close();
        // A pending BYOB read learns of the end only by an empty answer.
        reader.byobRequest?.respond(0);
        finish();
      });
    },
    abort() {
      wire.deliver(() => {
        if (finish()) reader.error(new HayateError('closed', 'the writer reset the stream'));
      });
    },
  });

  const pipe: Pipe = {
    writable,
    readable,
    fail(error) {
      room?.reject(error);
      if (!finish()) return;
      reader.error(error);
      writer.error(error);
    },
  };
  return pipe;
}
