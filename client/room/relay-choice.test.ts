import { describe, expect, it } from 'vitest';
import type { RelayCandidate } from '../src/types.ts';
import { RelayChoice } from './relay-choice.ts';

const relay = (name: string, more: Partial<RelayCandidate> = {}): RelayCandidate => ({
  url: `https://${name}/v1`,
  ...more,
});
const names = (relays: RelayCandidate[]) => relays.map(({ url }) => new URL(url).hostname);
const url = (name: string) => `https://${name}/v1`;

function choice(relays: RelayCandidate[], random = 0.5): RelayChoice {
  const made = new RelayChoice(random);
  made.learn(relays);
  return made;
}

describe('choice of relays', () => {
  it('takes the nearest that was measured, and one of its region for as near', () => {
    const made = choice([
      relay('far', { region: 'us' }),
      relay('near', { region: 'jp' }),
      relay('by', { region: 'jp' }),
    ]);
    made.opened(url('far'), 150, 0);
    made.opened(url('near'), 20, 0);
    expect(names(made.ranked(1)).at(-1)).toBe('far');
    made.failed(url('near'), 1);
    expect(names(made.ranked(2))[0]).toBe('by');
  });

  it('puts off who failed for 30 s, who is going, and forgives when the network was away', () => {
    const made = choice([
      relay('a', { region: 'x' }),
      relay('b', { region: 'y' }),
      relay('c', { region: 'z', draining: true }),
    ]);
    expect(names(made.ranked(0))).toEqual(['a', 'b', 'c']);
    made.failed(url('a'), 0);
    expect(names(made.ranked(29_999))).toEqual(['b', 'c', 'a']);
    expect(names(made.ranked(30_001))).toEqual(['a', 'b', 'c']);
    made.failed(url('a'), 40_000);
    made.forgive();
    expect(names(made.ranked(40_001))).toEqual(['a', 'b', 'c']);
    made.drains(url('a'), 40_001);
    expect(names(made.ranked(100_000))[0]).toBe('b');
    expect(names(made.ranked(100_002))[0]).toBe('a');
  });

  it('dials two of the first region and one of each other at first', () => {
    const list = ['a', 'b', 'c'].map((name) => relay(name, { region: 'jp' }));
    const made = choice([
      ...list,
      relay('d', { region: 'us' }),
      relay('e', { region: 'us' }),
      relay('f', { region: 'eu' }),
    ]);
    const first = names(made.first(0));
    expect(first).toHaveLength(4);
    expect(first.filter((name) => 'abc'.includes(name))).toHaveLength(2);
    expect(first.filter((name) => 'de'.includes(name))).toHaveLength(1);
  });

  it('keeps what it knows when the list is learned anew', () => {
    const made = choice([relay('a'), relay('b')]);
    made.opened(url('b'), 5, 7);
    made.learn([relay('b', { load: 1 }), relay('c')]);
    expect(made.measuredMs(url('b'))).toBe(7);
    expect(made.size).toBe(2);
  });

  it('spreads clients over relays that are as near by what is left of them, each client always alike', () => {
    const relays = [relay('r1', { load: 0 }), relay('r2', { load: 0.5 }), relay('r3', { load: 1 })];
    const counts: Record<string, number> = { r1: 0, r2: 0, r3: 0 };
    const clients = 6000;
    for (let n = 0; n < clients; n += 1) {
      const made = choice(relays, (n + 0.5) / clients);
      const [first] = names(made.ranked(0));
      expect(names(made.ranked(5000))[0]).toBe(first);
      counts[first!]! += 1;
    }
    // In the ratio of 1 to 0.5 to 0.05, the least share: 3871, 1935, 194. Four standard deviations of each.
    expect(Math.abs(counts['r1']! - 3871)).toBeLessThan(150);
    expect(Math.abs(counts['r2']! - 1935)).toBeLessThan(145);
    expect(Math.abs(counts['r3']! - 194)).toBeLessThan(55);
  });

  it('goes where the fleet placed it, whatever the load, but not across an ocean for it', () => {
    for (let n = 0; n < 20; n += 1) {
      const made = choice(
        [
          relay('a', { region: 'jp', load: 0 }),
          relay('b', { region: 'jp', load: 0.9, placed: true }),
          relay('c', { region: 'us' }),
        ],
        n / 20,
      );
      expect(names(made.ranked(0))[0]).toBe('b');
      expect(names(made.first(0))).toEqual(['b', 'c']);
      made.failed(url('b'), 0);
      expect(names(made.ranked(1))[0]).toBe('a');
      const far = choice([relay('a', { region: 'jp' }), relay('c', { region: 'us', placed: true })], n / 20);
      far.opened(url('a'), 10, 0);
      far.opened(url('c'), 150, 0);
      expect(names(far.ranked(1))[0]).toBe('a');
    }
  });
});
