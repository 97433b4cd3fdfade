import { expect, it } from 'vitest';
import { Forecast } from './forecast.ts';
import { needOf } from './need.ts';

const DAY = 86_400_000;
const HOUR = 3_600_000;

/** Ten times as much in the evening. */
const curve = (atMs: number, scale: number): number => scale * 10 ** ((1 - Math.cos((2 * Math.PI * atMs) / DAY)) / 2);

function week(forecast: Forecast, untilMs: number, scale: (day: number) => number): void {
  for (let atMs = 0; atMs < untilMs; atMs += 30_000) forecast.observe(atMs, curve(atMs, scale(Math.floor(atMs / DAY))));
}

it('goes on as past days did from where today is, though today is busier', () => {
  const forecast = new Forecast();
  const now = 7 * DAY + 8 * HOUR;
  week(forecast, now, (day) => (day === 7 ? 30 : 20));
  for (const aheadMs of [150_000, HOUR, 4 * HOUR]) {
    const { load } = forecast.at(now, aheadMs)!;
    expect(Math.abs(load / curve(now + aheadMs, 30) - 1)).toBeLessThan(0.05);
  }
});

it('without a day it goes by the trend, and does not believe in a fall', () => {
  const rising = new Forecast();
  const falling = new Forecast();
  for (let n = 0; n <= 20; n += 1) {
    rising.observe(n * 30_000, 10 + n);
    falling.observe(n * 30_000, 50 - n);
  }
  expect(rising.at(600_000, 150_000)!.load).toBeCloseTo(35);
  expect(falling.at(600_000, 150_000)!.load).toBeCloseTo(25);
  expect(falling.at(600_000, HOUR)!.load).toBeCloseTo(30);
});

it('knows how wrong it was', () => {
  const steady = new Forecast();
  const wild = new Forecast();
  for (let n = 0; n < 500; n += 1) {
    steady.observe(n * 30_000, 10);
    wild.observe(n * 30_000, n % 40 < 20 ? 10 : 20);
  }
  expect(steady.at(15e6, 150_000)!.sigma).toBeLessThan(0.1);
  expect(wild.at(15e6, 150_000)!.sigma).toBeGreaterThan(1);
});

it('a restart goes on with what was remembered', () => {
  const forecast = new Forecast();
  const now = 2 * DAY + 9 * HOUR;
  week(forecast, now, () => 20);
  const again = new Forecast(JSON.parse(JSON.stringify(forecast.memory())) as ReturnType<Forecast['memory']>);
  expect(again.at(now, HOUR)).toEqual(forecast.at(now, HOUR));
});

it('needs relays ahead of a rise, and drains none that the next minutes want', () => {
  const forecast = new Forecast();
  const now = 7 * DAY + 8 * HOUR;
  week(forecast, now, () => 2);
  const rules = { leadMs: 150_000, keepMs: 1_200_000, sigmas: 0, fill: 1, fallMs: 60_000 };
  const { least, most } = needOf(forecast, now, rules);
  expect(least).toBe(Math.ceil(curve(now + 150_000, 2)));
  expect(most).toBeGreaterThanOrEqual(Math.floor(curve(now + 1_200_000, 2)));
});
