import { afterEach, expect, test, vi } from 'vitest';

interface Datagrams {
  maxDatagramSize: number;
  readable: ReadableStream<Uint8Array>;
  writable: WritableStream<Uint8Array>;
  outgoingMaxAge?: number | null;
  outgoingHighWaterMark?: number;
  incomingHighWaterMark?: number;
}

/** A browser's WebTransport, as far as a session that only opens needs it. */
function browserWith(datagrams: Datagrams) {
  return class {
    readonly ready = Promise.resolve();
    readonly closed = new Promise(() => {});
    readonly incomingBidirectionalStreams = new ReadableStream();
    readonly incomingUnidirectionalStreams = new ReadableStream();
    readonly datagrams = datagrams;
    close(): void {}
  };
}

const bare = (): Datagrams => ({
  maxDatagramSize: 1200,
  readable: new ReadableStream(),
  writable: new WritableStream(),
});

/** The connector takes the global when it is loaded. */
async function open(datagrams: Datagrams): Promise<void> {
  vi.stubGlobal('WebTransport', browserWith(datagrams));
  vi.resetModules();
  const { nativeConnector } = await import('./native.ts');
  const session = nativeConnector()('https://127.0.0.1:4433/v1', {});
  await session.ready;
  session.close();
}

afterEach(() => {
  vi.unstubAllGlobals();
  vi.resetModules();
});

test('where a browser has outgoingMaxAge, what waits longer than 100 ms is not sent', async () => {
  const datagrams = { ...bare(), outgoingMaxAge: null, outgoingHighWaterMark: 1, incomingHighWaterMark: 1 };
  await open(datagrams);
  expect(datagrams.outgoingMaxAge).toBe(100);
  expect(datagrams.outgoingHighWaterMark).toBe(64);
  expect(datagrams.incomingHighWaterMark).toBe(256);
});

test('where it has not, nothing is made up', async () => {
  const datagrams = bare();
  await open(datagrams);
  expect('outgoingMaxAge' in datagrams).toBe(false);
});
