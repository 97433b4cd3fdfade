import { expect, it } from 'vitest';
import { Flood } from './flood.ts';

/** What each of these seconds brings: new units, repeats, refused. */
function verdicts(seconds: [number, number, number][]): string[] {
  const flood = new Flood(400);
  const counts = { received: 7, duplicate: 3 };
  flood.check({ ...counts, refused: 0 }, 0);
  return seconds.map(([received, duplicate, refused], n) => {
    counts.received += received;
    counts.duplicate += duplicate;
    return flood.check({ ...counts, refused }, 1000 * (n + 1));
  });
}

it('warns at once and ends it after three seconds on end', () => {
  const [calm, flood] = [
    [170, 700, 0],
    [401, 0, 0],
  ] as [number, number, number][];
  expect(verdicts([calm!, flood!, flood!, calm!, flood!, flood!, flood!])).toEqual([
    'fine',
    'warn',
    'warn',
    'fine',
    'warn',
    'warn',
    'close',
  ]);
});

it('counts repeats and refused units too, five times as generously', () => {
  expect(verdicts([[400, 1600, 0]])).toEqual(['fine']);
  expect(verdicts([[0, 2001, 0]])).toEqual(['warn']);
  expect(verdicts([[0, 0, 2001]])).toEqual(['warn']);
});

it('a late report does not make a flood of a face', () => {
  const flood = new Flood(400);
  flood.check({ received: 0, duplicate: 0, refused: 0 }, 0);
  expect(flood.check({ received: 700, duplicate: 0, refused: 0 }, 5000)).toBe('fine');
});
