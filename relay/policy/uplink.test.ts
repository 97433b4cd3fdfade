import { describe, expect, it } from 'vitest';
import { UplinkLag } from './lag.ts';
import { TUNING } from './tuning.ts';
import { type UplinkAsk, UplinkPolicy, type ViewersNeed } from './uplink.ts';

const NOBODY: ViewersNeed = { leastSpareMs: undefined, lowVoice: false };
const UNITS = 80;

const VOICE = 50 / UNITS;
/** Copies of a motion unit that ride along after the first, until the next key. */
const CHAIN = 6;

/** A publisher whose datagrams of one unit get lost evenly, and that repeats as asked, or not at all. */
class Publisher {
  readonly policy = new UplinkPolicy(TUNING);
  readonly counts = {
    received: 0,
    lost: 0,
    duplicate: 0,
    voice: { received: 0, duplicate: 0 },
    lagP99Ms: 27,
    uncertaintyMs: 5,
  };
  readonly #obeys: boolean;
  ask: UplinkAsk | undefined;
  #second = 0;

  constructor(obeys = true) {
    this.#obeys = obeys;
  }

  run(seconds: number, loss: number, viewers: ViewersNeed = NOBODY): UplinkAsk[] {
    const asks: UplinkAsk[] = [];
    for (let n = 0; n < seconds; n++) {
      this.step(loss);
      this.#second += 1;
      this.ask = this.policy.ask(structuredClone(this.counts), 20, viewers, 1000 * this.#second);
      asks.push(this.ask);
    }
    return asks;
  }

  /** A second of media, as was asked for. */
  step(loss: number): void {
    const twice = this.#obeys && this.ask !== undefined && this.ask.repair !== 'none';
    this.#units(VOICE * UNITS, loss, twice ? 2 : 1, this.counts.voice);
    this.#units((1 - VOICE) * UNITS, loss, !twice ? 1 : this.ask!.repair === 'since_key' ? CHAIN : 2);
  }

  /** `units` sent in so many copies each. */
  #units(units: number, loss: number, copies: number, also = { received: 0, duplicate: 0 }): void {
    const received = units * (1 - loss ** copies);
    const duplicate = units * copies * (1 - loss) - received;
    this.counts.lost += units - received;
    for (const counts of [this.counts, also]) {
      counts.received += received;
      counts.duplicate += duplicate;
    }
  }
}

const kinds = (asks: UplinkAsk[]) => asks.map(({ repair }) => repair);

describe('repair asked of a publisher', () => {
  it('comes with loss and stays although the repeats hide it', () => {
    const liver = new Publisher();
    expect(new Set(kinds(liver.run(30, 0)))).toEqual(new Set(['none']));
    liver.run(30, 0.015);
    expect(liver.ask).toMatchObject({ repair: 'repeat', spacingMs: 10 });
    expect(new Set(kinds(liver.run(600, 0.015)))).toEqual(new Set(['repeat']));
    expect(liver.policy.loss).toBeCloseTo(0.015, 3);
  });

  it('ends with the loss', () => {
    const liver = new Publisher();
    liver.run(60, 0.015);
    expect(liver.run(180, 0).at(-1)).toMatchObject({ repair: 'none', spacingMs: 0 });
  });

  it('is all since the key from 3 % on, and stays although it hides the loss', () => {
    const liver = new Publisher();
    expect(liver.run(60, 0.03).at(-1)!.repair).toBe('since_key');
    expect(new Set(kinds(liver.run(600, 0.03)))).toEqual(new Set(['since_key']));
    expect(liver.policy.loss).toBeCloseTo(0.03, 3);
  });

  it('control: with voice not counted apart it ends by patience and comes back', () => {
    const policy = new UplinkPolicy(TUNING);
    const liver = new Publisher();
    const blind = new Set<string>();
    for (let second = 1; second <= 120; second += 1) {
      const { voice: _, ...counts } = structuredClone(liver.counts);
      liver.ask = policy.ask(counts, 20, NOBODY, 1000 * second);
      if (second > 60) blind.add(liver.ask.repair);
      liver.step(0.03);
    }
    expect(blind).toEqual(new Set(['since_key', 'repeat']));
  });

  it('is asked of one that does not repeat by its plain loss', () => {
    const liver = new Publisher(false);
    expect(liver.run(60, 0.015).at(-1)!.repair).toBe('repeat');
    expect(liver.run(180, 0).at(-1)!.repair).toBe('none');
  });

  it('changes seldom, whatever the loss', () => {
    for (const loss of [0.001, 0.002, 0.003, 0.004, 0.015, 0.02, 0.025, 0.05, 0.1]) {
      const asks = kinds(new Publisher().run(1200, loss));
      const changes = asks.filter((kind, n) => n > 0 && kind !== asks[n - 1]).length;
      expect(changes, `loss ${loss}`).toBeLessThanOrEqual(16);
    }
  });
});

describe('motion that waits for voice', () => {
  const spare = (leastSpareMs: number): ViewersNeed => ({ leastSpareMs, lowVoice: false });

  it('waits while everybody has 20 ms, and again only 3 s after somebody had not', () => {
    const liver = new Publisher();
    expect(liver.run(5, 0).at(-1)!.holdMs).toBe(20);
    expect(liver.run(1, 0, spare(20))[0]!.holdMs).toBe(20);
    expect(liver.run(1, 0, spare(19.9))[0]!.holdMs).toBe(0);
    expect(liver.run(4, 0, spare(50)).map(({ holdMs }) => holdMs)).toEqual([0, 0, 20, 20]);
    expect(liver.run(1, 0, spare(Number.NaN))[0]!.holdMs).toBe(0);
  });

  it('does not wait for a voice that there is not', () => {
    const policy = new UplinkPolicy(TUNING);
    expect(policy.ask(new Publisher().counts, undefined, NOBODY, 10_000).holdMs).toBe(0);
  });
});

it('asks for low voice while most viewers need it, and some time longer', () => {
  const liver = new Publisher();
  expect(liver.run(1, 0)[0]).not.toHaveProperty('voiceBitrate');
  expect(liver.run(1, 0, { leastSpareMs: 50, lowVoice: true })[0]!.voiceBitrate).toBe(12_000);
  const after = liver.run(12, 0).map(({ voiceBitrate }) => voiceBitrate !== undefined);
  expect(after.filter(Boolean)).toHaveLength(9);
});

describe('lag of an uplink', () => {
  const lag = (...p99s: number[]) => {
    const out = new UplinkLag();
    for (const ms of p99s) out.add(ms, 1);
    return out.p99Ms;
  };

  it('follows a trend in four seconds and overlooks three bad ones', () => {
    expect(lag()).toBeUndefined();
    expect(lag(27)).toBe(27);
    expect(lag(27, 27, 90, 27, 27, 90, 27, 90, 27, 27)).toBe(27);
    expect(lag(27, 27, 27, 27, 27, 27, 60, 60, 60, 60)).toBe(60);
    expect(lag(60, 60, 60, ...Array.from({ length: 10 }, () => 27))).toBe(27);
  });
});
