import { expect, it } from 'vitest';
import { Lease } from './lease.ts';
import type { Values } from './values.ts';

/** One value, which may be out of reach. */
class OneValue {
  value: unknown;
  sequence = 0;
  away = false;

  async read() {
    if (this.away) throw new Error('away');
    return { value: this.value, sequence: this.sequence };
  }

  async write(_: string, value: unknown, behind: number) {
    if (this.away) throw new Error('away');
    if (behind !== this.sequence) return undefined;
    this.value = value;
    this.sequence += 1;
    return this.sequence;
  }
}

it('is held by one relay at a time, which gives it up before another takes it', async () => {
  let nowMs = 0;
  let timers: (() => void)[] = [];
  const values = new OneValue();
  const reach = { a: new OneValue(), b: values };
  // a's way to the value, which can be cut alone.
  reach.a.read = async () => (reach.a.away ? Promise.reject(new Error('away')) : values.read());
  reach.a.write = async (...args) => (reach.a.away ? Promise.reject(new Error('away')) : values.write(...args));
  const told: string[] = [];
  const open = (owner: 'a' | 'b') =>
    new Lease({
      values: reach[owner] as unknown as Values,
      name: 'delivery',
      owner,
      onChange: (held) => told.push(`${nowMs} ${owner} ${held}`),
      nowMs: () => nowMs,
      setTimer: (run) => timers.push(run),
      clearTimer: () => {},
    });
  const settled = () => new Promise<void>((resolve) => setImmediate(resolve));
  const pass = async (ms: number) => {
    for (let passed = 0; passed < ms; passed += 2000) {
      nowMs += 2000;
      const due = timers;
      timers = [];
      for (const run of due) run();
      await settled();
    }
  };
  const a = open('a');
  await settled();
  const b = open('b');
  await settled();
  await pass(20_000);
  expect(told).toEqual(['0 a true']);
  reach.a.away = true;
  await pass(20_000);
  expect(told.slice(1)).toEqual(['26000 a false', '32000 b true']);
  reach.a.away = false;
  await pass(10_000);
  expect(told).toHaveLength(3);
  // Who leaves lets the other have it at the next look.
  await b.close();
  await pass(2000);
  expect(told.slice(3)).toEqual(['50000 b false', '52000 a true']);
  expect(a.held).toBe(true);
});
