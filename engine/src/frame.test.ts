import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { decodeEvents, type EventHandler } from './frame.ts';

interface Frame {
  name: string;
  hex: string;
  call: keyof EventHandler;
  args: unknown[];
}

const golden = JSON.parse(readFileSync(new URL('../node/testdata/frames.json', import.meta.url), 'utf8')) as {
  frames: Frame[];
};

/** Records calls in the form of the golden file: bytes in hex, undefined as null. */
function recorder(calls: { call: string; args: unknown[] }[]): EventHandler {
  const plain = (arg: unknown): unknown => {
    if (arg instanceof Uint8Array) return Buffer.from(arg).toString('hex');
    if (Array.isArray(arg)) return arg.map(plain);
    return arg ?? null;
  };
  return new Proxy({} as EventHandler, {
    get:
      (_, call: string) =>
      (...args: unknown[]) =>
        calls.push({ call, args: args.map(plain) }),
  });
}

function decode(hex: string): { call: string; args: unknown[] }[] {
  const calls: { call: string; args: unknown[] }[] = [];
  decodeEvents(Buffer.from(hex, 'hex'), recorder(calls));
  return calls;
}

describe('event frames', () => {
  test.each(golden.frames)('$name', ({ hex, call, args }) => {
    expect(decode(hex)).toEqual([{ call, args }]);
  });

  test('a batch is all records in order', () => {
    const calls = decode(golden.frames.map((f) => f.hex).join(''));
    expect(calls.map((c) => c.call)).toEqual(golden.frames.map((f) => f.call));
  });

  test.each(golden.frames)('$name, cut anywhere, is an error and calls nothing', ({ hex }) => {
    for (let cut = 1; cut < hex.length / 2; cut += 1) {
      expect(() => decode(hex.slice(0, cut * 2)), `${cut} bytes`).toThrow();
    }
  });

  test('an unknown record is an error', () => {
    expect(() => decode('ff')).toThrow(/another version/);
  });
});
