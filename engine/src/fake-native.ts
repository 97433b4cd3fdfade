import type { NativeEngine } from './native.ts';

/** A test double of the addon: notes every call; tests play the events by calling the engine's handlers. */
export interface FakeNative extends NativeEngine {
  calls: unknown[][];
  wake: () => void;
  /** Calls of one method, without its name. */
  of(method: keyof NativeEngine): unknown[][];
}

export function fakeNative(wake: () => void = () => {}): FakeNative {
  const calls: unknown[][] = [];
  let next = 0;
  const answers: Partial<Record<string, () => unknown>> = {
    poll: () => null,
    connect: () => ++next,
    roomCreate: () => ++next,
    listen: () => ({ endpoint: ++next, address: { host: '127.0.0.1', port: 4433 }, hashes: [Buffer.alloc(32, 1)] }),
  };
  const own = { calls, wake, of: (method: string) => calls.filter((c) => c[0] === method).map((c) => c.slice(1)) };
  return new Proxy(own as unknown as FakeNative, {
    get: (target, name: string) =>
      Reflect.get(target, name) ??
      ((...args: unknown[]) => {
        calls.push([name, ...args.map((a) => (a instanceof Uint8Array ? new Uint8Array(a) : a))]);
        return answers[name]?.();
      }),
  });
}
