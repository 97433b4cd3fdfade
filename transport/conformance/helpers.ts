/** Small checks and stream tools that run in a page as well as in Node. */

export function ok(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(message);
}

export function equal(actual: unknown, expected: unknown, what: string): void {
  const [a, e] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (a !== e) throw new Error(`${what}: expected ${e}, got ${a}`);
}

/** The error that `promise` rejects with; fails when it resolves or takes longer than `ms`. */
export async function rejection(
  promise: Promise<unknown>,
  what: string,
  ms = 5000,
): Promise<{ code?: string; message: string; retryable?: boolean }> {
  const outcome = await within(
    promise.then(
      () => undefined,
      (error: unknown) => ({ error }),
    ),
    what,
    ms,
  );
  if (outcome === undefined) throw new Error(`${what}: resolved`);
  ok(outcome.error instanceof Error || outcome.error !== undefined, `${what}: rejected with nothing`);
  return outcome.error as { code?: string; message: string };
}

/** `promise`, or a failure that names it after `ms`. */
export async function within<T>(promise: Promise<T>, what: string, ms = 5000): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: nothing within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Polls until `test` gives something other than undefined. */
export async function eventually<T>(
  test: () => T | undefined | Promise<T | undefined>,
  what: string,
  ms = 5000,
  everyMs = 5,
): Promise<T> {
  const until = performance.now() + ms;
  for (;;) {
    const value = await test();
    if (value !== undefined) return value;
    if (performance.now() > until) throw new Error(`${what}: not within ${ms} ms`);
    await pause(everyMs);
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Bytes that depend on their place, so that a swap or a gap shows. */
export function pattern(length: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let x = (seed * 2654435761 + 1) >>> 0;
  for (let i = 0; i < length; i += 1) {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    bytes[i] = x;
  }
  return bytes;
}

/** FNV-1a over a stream of chunks. */
export class Digest {
  bytes = 0;
  #hash = 0x811c9dc5;

  update(chunk: Uint8Array): void {
    let hash = this.#hash;
    for (let i = 0; i < chunk.length; i += 1) hash = Math.imul(hash ^ chunk[i]!, 0x01000193);
    this.#hash = hash;
    this.bytes += chunk.length;
  }

  toString(): string {
    return `${this.bytes}:${(this.#hash >>> 0).toString(16)}`;
  }
}

export function digestOf(bytes: Uint8Array): string {
  const digest = new Digest();
  digest.update(bytes);
  return digest.toString();
}

export async function digestStream(readable: ReadableStream<Uint8Array>): Promise<string> {
  const digest = new Digest();
  const reader = readable.getReader();
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return digest.toString();
    digest.update(value);
  }
}

/**
 * Writes everything and the end. Does not wait for the end to be acknowledged: the peer may close the session as soon
 * as it has read all.
 */
export async function writeAll(
  writable: WritableStream<Uint8Array>,
  bytes: Uint8Array,
  chunkBytes = 64 * 1024,
): Promise<void> {
  const writer = writable.getWriter();
  for (let at = 0; at < bytes.length; at += chunkBytes) await writer.write(bytes.subarray(at, at + chunkBytes));
  writer.close().catch(() => {});
}

/** The next stream that the peer opens. */
export async function next<T>(streams: ReadableStream<T>, what: string): Promise<T> {
  const reader = streams.getReader();
  try {
    const { value, done } = await within(reader.read(), what);
    if (done) throw new Error(`${what}: the session ended`);
    return value as T;
  } finally {
    reader.releaseLock();
  }
}

/**
 * Writes `chunk` again and again until a write stays pending for `stallMs`. Resolves with the bytes taken and that last
 * write, still pending.
 */
export async function writeUntilFull(
  writer: WritableStreamDefaultWriter<Uint8Array>,
  limitBytes: number,
  stallMs = 400,
): Promise<{ bytes: number; pending: Promise<void> }> {
  const chunk = new Uint8Array(64 * 1024);
  for (let bytes = chunk.length; bytes <= limitBytes; bytes += chunk.length) {
    const pending = writer.write(chunk);
    const stalled = await Promise.race([pending.then(() => false), pause(stallMs).then(() => true)]);
    if (stalled) return { bytes, pending };
  }
  throw new Error(`${limitBytes} bytes were taken though nobody reads`);
}
