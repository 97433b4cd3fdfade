import { cpus } from 'node:os';
import { expect, it } from 'vitest';
import { busyCores } from './busy-cores.ts';

const core = (idle: number, user: number, sys: number) => {
  return { model: '', speed: 0, times: { user, nice: 0, sys, idle, irq: 0 } };
};

it('tells how many cores were at work in between', () => {
  const readings = [
    [core(100, 50, 0), core(0, 0, 0)],
    [core(200, 50, 0), core(25, 50, 25)],
  ];
  const busy = busyCores(() => readings.shift()!);
  expect(busy()).toBe(0.75);
});

it('is between none and all of this machine', () => {
  const busy = busyCores();
  const endMs = performance.now() + 60;
  while (performance.now() < endMs);
  const cores = busy();
  expect(cores).toBeGreaterThan(0);
  expect(cores).toBeLessThanOrEqual(cpus().length);
});
