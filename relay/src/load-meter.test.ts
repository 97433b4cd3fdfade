import { expect, it } from 'vitest';
import { loadMeter } from './load-meter.ts';

it('tells of gifts that only this machine has; not of a number that is not known', async () => {
  const about = { counts: () => ({ viewers: 3, rooms: 1 }), plane: async () => ({}), nowMs: () => 0 };
  expect(await loadMeter({ ...about, held: async () => 2 })()).toMatchObject({ viewers: 3, giftsHeld: 2 });
  expect((await loadMeter(about)()).giftsHeld).toBe(0);
  const failing = async () => {
    throw new Error('the disk fails');
  };
  expect(await loadMeter({ ...about, held: failing })()).not.toHaveProperty('giftsHeld');
});

it('measures from call to call, and nothing over a moment in which a process that stood still caught up', async () => {
  let [nowMs, bytes, cpuUs] = [0, 0, 0];
  const plane = async () => ({ bytes_out: bytes, cpu_us: cpuUs });
  const meter = loadMeter({ counts: () => ({ viewers: 1, rooms: 1 }), plane, nowMs: () => nowMs });
  const after = async (ms: number, bytesMore: number, cpuMoreUs: number) => {
    nowMs += ms;
    bytes += bytesMore;
    cpuUs += cpuMoreUs;
    const { cpu, egressBps } = await meter();
    return [cpu, egressBps];
  };
  expect(await after(0, 0, 0)).toEqual([0, 0]);
  expect(await after(1000, 50_000, 100_000)).toEqual([0.1, 50_000]);
  // One call was held up, and the next came at once: 50 000 bytes in 1 ms are no 50 MB a second.
  expect(await after(1, 50_000, 100_000)).toEqual([0.1, 50_000]);
  expect(await after(999, 0, 0)).toEqual([0.1, 50_000]);
});
