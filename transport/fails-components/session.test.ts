import { expect, it } from 'vitest';
import type { LibrarySession } from './library.ts';
import { WebSocketSession } from './session.ts';

const never = new Promise<never>(() => {});

it('leaves no read under way when it ends, whatever the library does', async () => {
  const library = {
    ready: never,
    closed: never,
    incomingBidirectionalStreams: new ReadableStream(),
    incomingUnidirectionalStreams: new ReadableStream(),
    onStream: () => {},
  } as unknown as LibrarySession;
  const session = new WebSocketSession(() => 0);
  const socket = {
    bufferedBytes: () => 0,
    batch: (write: () => void) => write(),
    destroy: () => {},
    remoteAddress: '',
  };
  session.attach(library, socket);
  const { incomingBidirectionalStreams: both, incomingUnidirectionalStreams: one } = library;
  expect([both.locked, one.locked]).toEqual([true, true]);
  session.cut();
  await expect(session.closed).rejects.toMatchObject({ code: 'connection_lost' });
  expect([both.locked, one.locked]).toEqual([false, false]);
});
