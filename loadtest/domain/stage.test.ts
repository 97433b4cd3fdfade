import { expect, it } from 'vitest';
import { skip } from './stage.ts';

const MOTION_US = 1e6 / 30;
const liver = () => ({ frame: 5, packet: 7, motionDueUs: 1_000_000, voiceDueUs: 1_010_000, voice: {} });

it('nothing is left out while it can still come in time', () => {
  const schedule = liver();
  expect(skip(schedule, 1_400_000)).toBe(0);
  expect(schedule).toEqual(liver());
});

it('what is over 400 ms late is passed over and counted, and the act keeps its pace', () => {
  const schedule = liver();
  // 590 ms of motion at 30 a second, 580 ms of voice at 50.
  expect(skip(schedule, 1_990_000)).toBe(18 + 29);
  expect(schedule).toMatchObject({ frame: 23, packet: 36, voiceDueUs: 1_590_000 });
  expect(schedule.motionDueUs).toBeCloseTo(1_000_000 + 18 * MOTION_US, 3);
  expect(skip(schedule, 1_990_000)).toBe(0);
});

it('without voice only motion counts', () => {
  expect(skip({ ...liver(), voice: undefined }, 1_990_000)).toBe(18);
});
