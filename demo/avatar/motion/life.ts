/** What a body does by itself, whether or not anybody tracks it. */
export interface Life {
  /** -1..1: out, in. */
  breath: number;
  /** Of the body, in head half-widths and rad. */
  swayX: number;
  swayRoll: number;
  /** Lids 0..1, for when no data says how they are. */
  blink: number;
  /** For when no data says where the head is, rad. */
  yaw: number;
  pitch: number;
  roll: number;
}

const BREATH_S = 3.9;
const BLINK_SLOT_S = 3.4;
const CLOSING_S = 0.08;
const OPENING_S = 0.16;

/** 0..1 from two whole numbers, the same every time. */
function chance(seed: number, index: number): number {
  let hash = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(index + 1, 0xc2b2ae35);
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return ((hash ^ (hash >>> 13)) >>> 0) / 2 ** 32;
}

function ease(share: number): number {
  const x = Math.min(1, Math.max(0, share));
  return x * x * (3 - 2 * x);
}

/** One blink in each slot of time, at another place in each. */
function blinkAt(seed: number, seconds: number): number {
  const slot = Math.floor(seconds / BLINK_SLOT_S);
  const begin = (slot + 0.1 + 0.75 * chance(seed, slot)) * BLINK_SLOT_S;
  const since = seconds - begin;
  if (since < 0 || since > CLOSING_S + OPENING_S) return 0;
  return since < CLOSING_S ? ease(since / CLOSING_S) : 1 - ease((since - CLOSING_S) / OPENING_S);
}

/** Writes into `life` how it is at a time of any clock, s. Pure: the same for the same time, also after a pause. */
export function lifeAt(life: Life, seed: number, seconds: number): void {
  const wave = (period: number, phase: number) => Math.sin((2 * Math.PI * seconds) / period + phase + seed);
  // In faster than out.
  const turn = (2 * Math.PI * seconds) / BREATH_S + seed;
  life.breath = Math.sin(turn + 0.35 * Math.sin(turn));
  life.swayX = 0.02 * wave(7.3, 0) + 0.008 * wave(3.1, 1);
  life.swayRoll = 0.012 * wave(8.9, 2) + 0.005 * wave(4.3, 0.5);
  life.blink = blinkAt(seed, seconds);
  life.yaw = 0.07 * wave(6.1, 1.3) + 0.04 * wave(2.7, 0.2);
  life.pitch = 0.03 * wave(5.3, 2.1) + 0.02 * life.breath;
  life.roll = 0.05 * wave(7.7, 0.7);
}

export function createLife(): Life {
  return { breath: 0, swayX: 0, swayRoll: 0, blink: 0, yaw: 0, pitch: 0, roll: 0 };
}

/** The same values for so long: nothing comes. */
const STILL_S = 0.45;
/** How fast the body takes over, and gives back, 1/s. */
const TAKE = 2.5;
const GIVE = 7;

/** How much of the pose the body itself has, 0..1: all of it a while after the data stopped. */
export class Stillness {
  #stillS = 0;
  #share = 0;

  step(dt: number, changed: boolean): number {
    this.#stillS = changed ? 0 : this.#stillS + dt;
    const to = this.#stillS > STILL_S ? 1 : 0;
    this.#share += (to - this.#share) * (1 - Math.exp(-dt * (to === 1 ? TAKE : GIVE)));
    return this.#share;
  }
}
