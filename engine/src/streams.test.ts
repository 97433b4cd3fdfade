import { describe, expect, test } from 'vitest';
import { EngineError } from './errors.ts';
import { fakeNative } from './fake-native.ts';
import { ReceiveHalf } from './receive-half.ts';
import { SendHalf } from './send-half.ts';

const bytes = (length: number, from = 0) => Uint8Array.from({ length }, (_, i) => (from + i) & 0xff);

function receiving() {
  const native = fakeNative();
  let ended = 0;
  const half = new ReceiveHalf(native, 7, 4, () => {
    ended += 1;
  });
  return { native, half, ended: () => ended };
}

function sending(limit = 100) {
  const native = fakeNative();
  let ended = 0;
  const half = new SendHalf(native, 7, 4, limit, () => {
    ended += 1;
  });
  const sent = () => native.of('streamWrite').reduce((n, [, , data]) => n + (data as Uint8Array).byteLength, 0);
  return { native, half, sent, ended: () => ended };
}

/** Lets all promise reactions run. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('options of a stream', () => {
  test('are set anew, on a stream of either side, while there is something to send', async () => {
    const { native, half, ended } = sending();
    expect([half.writable.sendOrder, half.writable.repeatMs]).toEqual([0, 0]);
    half.writable.sendOrder = -7;
    half.writable.repeatMs = 10;
    expect(native.of('streamOptions')).toEqual([
      [7, 4, -7, 0],
      [7, 4, -7, 10],
    ]);
    expect([half.writable.sendOrder, half.writable.repeatMs]).toEqual([-7, 10]);
    await half.writable.abort();
    expect(ended()).toBe(1);
    half.writable.sendOrder = 1;
    expect(native.of('streamOptions')).toHaveLength(2);
  });

  test.each([
    { sendOrder: 1.5 },
    { sendOrder: 2 ** 31 },
    { sendOrder: Number.NaN },
    { repeatMs: -1 },
    { repeatMs: 256 },
  ])('%j is refused and changes nothing', (options) => {
    const { native, half } = sending();
    expect(() => Object.assign(half.writable, options)).toThrow(expect.objectContaining({ code: 'invalid_argument' }));
    expect([half.writable.sendOrder, half.writable.repeatMs]).toEqual([0, 0]);
    expect(native.of('streamOptions')).toEqual([]);
  });
});

describe('receiving half', () => {
  test('nothing is credited before somebody reads', async () => {
    const { native, half } = receiving();
    half.handleData(bytes(10), false);
    half.handleData(bytes(20), false);
    await settled();
    expect(native.of('streamCredit')).toEqual([]);
    const reader = half.readable.getReader();
    expect((await reader.read()).value).toEqual(bytes(10));
    expect(native.of('streamCredit')).toEqual([[7, 4, 10]]);
  });

  test('a read that waits gets what comes, then the end', async () => {
    const { half, ended } = receiving();
    const reader = half.readable.getReader();
    const first = reader.read();
    half.handleData(bytes(3), true);
    expect((await first).value).toEqual(bytes(3));
    expect((await reader.read()).done).toBe(true);
    expect(ended()).toBe(1);
  });

  test('BYOB: reads of any size, the rest stays', async () => {
    const { native, half } = receiving();
    const reader = half.readable.getReader({ mode: 'byob' });
    half.handleData(bytes(10), false);
    half.handleData(bytes(5, 10), true);
    const got: number[] = [];
    for (;;) {
      const { value, done } = await reader.read(new Uint8Array(4));
      got.push(...(value ?? []));
      if (done) break;
    }
    expect(got).toEqual([...bytes(15)]);
    // The FIN was here before the first read: no credit is needed.
    expect(native.of('streamCredit')).toEqual([]);
  });

  test('BYOB: a read that waits takes its part of what comes', async () => {
    const { native, half } = receiving();
    const reader = half.readable.getReader({ mode: 'byob' });
    const read = reader.read(new Uint8Array(4));
    await settled();
    half.handleData(bytes(6), false);
    expect((await read).value).toEqual(bytes(4));
    expect((await reader.read(new Uint8Array(4))).value).toEqual(bytes(2, 4));
    expect(native.of('streamCredit')).toEqual([
      [7, 4, 4],
      [7, 4, 2],
    ]);
  });

  test('BYOB: the end settles a read that waits', async () => {
    const { half } = receiving();
    const reader = half.readable.getReader({ mode: 'byob' });
    const read = reader.read(new Uint8Array(4));
    await settled();
    half.handleData(bytes(0), true);
    expect((await read).done).toBe(true);
  });

  test('the data is a copy: the batch may die', async () => {
    const { half } = receiving();
    const batch = Buffer.from([1, 2, 3, 4]);
    half.handleData(batch.subarray(1, 3), false);
    batch.fill(9);
    expect((await half.readable.getReader().read()).value).toEqual(Uint8Array.from([2, 3]));
  });

  test('a reset errors with its code', async () => {
    const { half, ended } = receiving();
    half.handleData(bytes(3), false);
    half.handleReset(77);
    await expect(half.readable.getReader().read()).rejects.toMatchObject({ code: 'stream_reset', streamErrorCode: 77 });
    expect(ended()).toBe(1);
  });

  test('cancel sends its code once', async () => {
    const { native, half, ended } = receiving();
    await half.readable.cancel(new EngineError('closed', 'enough', { streamErrorCode: 5 }));
    half.handleData(bytes(3), true);
    half.handleReset(1);
    expect(native.of('streamStop')).toEqual([[7, 4, 5]]);
    expect(ended()).toBe(1);
  });

  test('at the end of the session what came whole stays readable, the rest errors', async () => {
    const whole = receiving();
    whole.half.handleData(bytes(3), true);
    whole.half.handleSessionEnd(new EngineError('closed', 'gone'));
    expect((await whole.half.readable.getReader().read()).value).toEqual(bytes(3));
    const part = receiving();
    part.half.handleData(bytes(3), false);
    part.half.handleSessionEnd(new EngineError('closed', 'gone'));
    await expect(part.half.readable.getReader().read()).rejects.toMatchObject({ code: 'closed' });
  });

  test('a clean end by the peer: what came is read first, then the error; nothing is credited or stopped', async () => {
    const { native, half, ended } = receiving();
    half.handleData(bytes(3), false);
    half.handleData(bytes(2, 3), false);
    half.handleSessionEnd(new EngineError('closed', 'gone'), true);
    const reader = half.readable.getReader();
    expect((await reader.read()).value).toEqual(bytes(3));
    expect((await reader.read()).value).toEqual(bytes(2, 3));
    await expect(reader.read()).rejects.toMatchObject({ code: 'closed' });
    expect(ended()).toBe(1);
    const cancelled = receiving();
    cancelled.half.handleData(bytes(3), false);
    cancelled.half.handleSessionEnd(new EngineError('closed', 'gone'), true);
    await cancelled.half.readable.cancel();
    expect([...native.calls, ...cancelled.native.calls]).toEqual([]);
    const waiting = receiving();
    const read = waiting.half.readable.getReader().read();
    waiting.half.handleSessionEnd(new EngineError('closed', 'gone'), true);
    await expect(read).rejects.toMatchObject({ code: 'closed' });
  });
});

describe('receiving half by calls', () => {
  function listening(half: ReceiveHalf, later?: () => Promise<void> | undefined) {
    const heard: (number | string)[] = [];
    half.receive({
      data: (data) => {
        heard.push(data.byteLength);
        return later?.();
      },
      end: (error) => heard.push(error instanceof EngineError ? error.code : 'end'),
    });
    return heard;
  }

  test('gets what is here at once, then what comes, then the end; each chunk is credited', () => {
    const { native, half, ended } = receiving();
    half.handleData(bytes(10), false);
    const heard = listening(half);
    expect(heard).toEqual([10]);
    half.handleData(bytes(5), true);
    expect(heard).toEqual([10, 5, 'end']);
    expect(ended()).toBe(1);
    // With the FIN here nobody needs credit any more.
    expect(native.of('streamCredit')).toEqual([[7, 4, 10]]);
  });

  test('a handler that is not done stops the peer', async () => {
    const { native, half } = receiving();
    const gate = Promise.withResolvers<void>();
    const heard = listening(half, () => (heard.length === 1 ? gate.promise : undefined));
    half.handleData(bytes(10), false);
    half.handleData(bytes(20), true);
    await settled();
    expect(heard).toEqual([10]);
    expect(native.of('streamCredit')).toEqual([]);
    gate.resolve();
    await settled();
    expect(heard).toEqual([10, 20, 'end']);
  });

  test('a reset is told at once, also to who listens only afterwards', () => {
    const { half } = receiving();
    half.handleReset(3);
    expect(listening(half)).toEqual(['stream_reset']);
  });

  test('who stopped hears nothing more', () => {
    const { native, half } = receiving();
    const heard = listening(half);
    half.handleData(bytes(1), false);
    half.stop();
    half.handleData(bytes(2), true);
    half.handleSessionEnd(new EngineError('closed', 'over'));
    expect(heard).toEqual([1]);
    expect(native.of('streamStop')).toEqual([[7, 4, 0]]);
  });
});

describe('sending half', () => {
  test('a write beyond the limit waits until all of it is accepted', async () => {
    const { half, sent } = sending(100);
    const writer = half.writable.getWriter();
    let done = false;
    const write = writer.write(bytes(250)).then(() => {
      done = true;
    });
    await settled();
    expect(sent()).toBe(100);
    half.handleDrained(100);
    await settled();
    expect(sent()).toBe(200);
    expect(done).toBe(false);
    half.handleDrained(30);
    await settled();
    expect(sent()).toBe(230);
    half.handleDrained(70);
    await write;
    expect(sent()).toBe(250);
  });

  test('writes within the limit resolve without the network', async () => {
    const { half, sent } = sending(100);
    const writer = half.writable.getWriter();
    await writer.write(bytes(60));
    await writer.write(bytes(40));
    expect(sent()).toBe(100);
  });

  test('close sends the FIN and resolves when the peer has it', async () => {
    const { native, half, ended } = sending();
    const writer = half.writable.getWriter();
    let done = false;
    const close = writer.close().then(() => {
      done = true;
    });
    await settled();
    expect(native.of('streamWrite')).toEqual([[7, 4, new Uint8Array(0), true]]);
    expect(done).toBe(false);
    half.handleFinished();
    await close;
    expect(ended()).toBe(1);
  });

  test('abort reaches the peer at once, also during a write', async () => {
    const { native, half, ended } = sending(100);
    const writer = half.writable.getWriter();
    const write = writer.write(bytes(250));
    const failed = expect(write).rejects.toBeInstanceOf(Error);
    await settled();
    const abort = writer.abort(new EngineError('closed', 'stop', { streamErrorCode: 9 }));
    expect(native.of('streamReset')).toEqual([[7, 4, 9]]);
    await failed;
    await abort;
    expect(native.of('streamReset')).toHaveLength(1);
    expect(ended()).toBe(1);
  });

  test('abort while close waits', async () => {
    const { native, half } = sending(100);
    const writer = half.writable.getWriter();
    const failed = expect(writer.close()).rejects.toBeInstanceOf(Error);
    await settled();
    await writer.abort().catch(() => {});
    await failed;
    expect(native.of('streamReset')).toEqual([[7, 4, 0]]);
  });

  test('stopped by the peer: the write under way and all later ones fail with the code', async () => {
    const { half, ended } = sending(100);
    const writer = half.writable.getWriter();
    const failed = expect(writer.write(bytes(250))).rejects.toMatchObject({ code: 'stream_stopped' });
    await settled();
    half.handleStopped(13);
    await failed;
    await expect(writer.write(bytes(1))).rejects.toMatchObject({ streamErrorCode: 13 });
    expect(ended()).toBe(1);
  });

  test('the end of the session settles write and close', async () => {
    const writing = sending(10);
    const write = expect(writing.half.writable.getWriter().write(bytes(50))).rejects.toMatchObject({ code: 'gone' });
    const closing = sending(10);
    const close = expect(closing.half.writable.getWriter().close()).rejects.toMatchObject({ code: 'gone' });
    await settled();
    writing.half.handleSessionEnd(new EngineError('gone', 'gone'));
    closing.half.handleSessionEnd(new EngineError('gone', 'gone'));
    await write;
    await close;
  });

  test('a close under way: the clean end by the peer resolves it once everything was handed over', async () => {
    const gone = new EngineError('closed', 'gone');
    const over = sending(100);
    const overWriter = over.half.writable.getWriter();
    await overWriter.write(bytes(50));
    const close = overWriter.close();
    await settled();
    over.half.handleDrained(50);
    over.half.handleSessionEnd(gone, true);
    await close;
    const under = sending(100);
    const underWriter = under.half.writable.getWriter();
    await underWriter.write(bytes(50));
    const failed = expect(underWriter.close()).rejects.toBe(gone);
    await settled();
    under.half.handleDrained(49);
    under.half.handleSessionEnd(gone, true);
    await failed;
  });

  test('only bytes', async () => {
    const { half } = sending();
    await expect(half.writable.getWriter().write('text' as unknown as Uint8Array)).rejects.toMatchObject({
      code: 'invalid_argument',
    });
  });
});

describe('sending half by calls', () => {
  test('takes what fits at once and the rest in order, then ends', async () => {
    const { native, half, sent } = sending(100);
    expect(half.write(bytes(80))).toBeUndefined();
    const order: number[] = [];
    const waiting = [50, 120].map((n) => half.write(bytes(n))?.then(() => order.push(n)));
    half.finish();
    await settled();
    expect(sent()).toBe(100);
    half.handleDrained(100);
    await settled();
    expect(order).toEqual([50]);
    half.handleDrained(100);
    await Promise.all(waiting);
    await settled();
    expect([sent(), order]).toEqual([250, [50, 120]]);
    expect(native.of('streamWrite').at(-1)![3]).toBe(true);
  });

  test('what waits is rejected when the stream ends', async () => {
    const { half } = sending(10);
    const waiting = [half.write(bytes(20)), half.write(bytes(20))];
    half.handleStopped(1);
    for (const one of waiting) await expect(one).rejects.toMatchObject({ code: 'stream_stopped' });
    await expect(half.write(bytes(1))).rejects.toMatchObject({ code: 'stream_stopped' });
  });
});
