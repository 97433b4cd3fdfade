import { expect, it } from 'vitest';
import { manualEnvironment } from '../test/manual-environment.ts';
import { Silence } from './silence.ts';

function listen() {
  const { clock, nowMs, environment } = manualEnvironment();
  const told: number[] = [];
  let heardMs = nowMs();
  const silence = new Silence(environment, () => told.push(nowMs() - heardMs));
  return {
    silence,
    told,
    /** Datagrams so far apart, with up to `jitterMs` more or less. */
    flow(count: number, everyMs: number, jitterMs = 0) {
      for (let n = 0; n < count; n += 1) {
        clock.advance(everyMs + jitterMs * (((n * 7) % 11) / 5 - 1));
        silence.heard();
        heardMs = nowMs();
      }
    },
    pass: (ms: number) => clock.advance(ms),
  };
}

it.each([
  ['each unit at once', 12, 4, 45, 46],
  ['two packets a datagram', 40, 5, 46, 52],
  ['three', 60, 5, 66, 72],
])('a flow with jitter is no silence, what stops is told soon: %s', (_, everyMs, jitterMs, least, most) => {
  const { flow, told, pass } = listen();
  flow(200, everyMs, jitterMs);
  expect(told).toEqual([]);
  pass(1000);
  expect(told).toHaveLength(3);
  expect(told[0]).toBeGreaterThanOrEqual(least);
  expect(told[0]).toBeLessThanOrEqual(most);
  expect(told[2]! - told[1]!).toBe(60);
});

it('what goes on after a silence is told of anew', () => {
  const { flow, told, pass } = listen();
  flow(50, 20);
  pass(70);
  flow(50, 20);
  pass(70);
  expect(told).toHaveLength(2);
});

it('addresses that change one after the other are told as soon as the first, and a slower pace is learnt', () => {
  const { flow, told, pass } = listen();
  flow(50, 20);
  for (let n = 0; n < 20; n += 1) {
    pass(110);
    flow(25, 20);
  }
  expect(told.length).toBeGreaterThanOrEqual(20);
  expect(Math.max(...told.filter((_, n) => n % 2 === 0))).toBeLessThan(60);
  const before = told.length;
  flow(100, 80);
  expect(told.length - before).toBeLessThan(20);
});

it('where nothing flows there is no silence: heartbeats, single datagrams, after the end', () => {
  const { flow, told, pass, silence } = listen();
  flow(50, 200);
  pass(1000);
  flow(3, 20);
  pass(1000);
  expect(told).toEqual([]);
  flow(50, 20);
  silence.stop();
  pass(1000);
  expect(told).toEqual([]);
});
