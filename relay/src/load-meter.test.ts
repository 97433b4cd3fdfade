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
