import type { BodySpace } from '../draw/body.ts';
import type { HeadSpace, Point2 } from '../draw/space.ts';
import type { Rig } from '../rig.ts';
import { FixedStep, passedIn, STEP_S, type Turn } from './fixed-step.ts';
import { Hair } from './hair.ts';
import { createLife, lifeAt, Stillness } from './life.ts';
import { Ribbons } from './ribbons.ts';

const GAZE_PULL = 26;
const GAZE_DAMPING = 0.18;
/** How far a highlight in the eye is thrown, head half-widths for a gaze from one corner to the other. */
const SPARK = 0.022;

/** Everything that moves by itself or lags behind. Pure: the clock is an argument, and there is no chance in it. */
export class AvatarMotion {
  readonly hair = new Hair();
  readonly ribbons = new Ribbons();
  readonly life = createLife();
  /** Share of the pose that the body has by itself, since no data comes. */
  idle = 0;
  /** Where the highlights of the eyes are thrown. */
  readonly spark: Point2 = [0, 0];
  readonly #seed: number;
  readonly #clock = new FixedStep();
  readonly #stillness = new Stillness();
  readonly #gaze = new Follower();
  readonly #values: Float32Array;
  #turn: Turn = { steps: 0, share: 1, rest: true };
  #seconds = 0;

  /** @param channels of the values that `begin` gets */
  constructor(seed: number, channels: number) {
    this.#seed = seed;
    this.#values = new Float32Array(channels);
  }

  /** A frame: what came, and when. Says how the body is by itself (`life`, `idle`). */
  begin(values: Float32Array, nowMs: number): void {
    this.#turn = this.#clock.advance(nowMs);
    this.#seconds = nowMs / 1000;
    lifeAt(this.life, this.#seed, this.#seconds);
    const changed = values.some((value, i) => value !== this.#values[i]);
    this.#values.set(values);
    this.idle = this.#stillness.step(passedIn(this.#turn), changed);
  }

  /** Moves all that hangs there, now that head and body are placed. */
  follow(rig: Rig, head: HeadSpace, body: BodySpace): void {
    const { hair, ribbons } = this;
    const [left, right] = rig.eyes;
    const gaze: Point2 = [(left.gazeX + right.gazeX) / 2, (left.gazeY + right.gazeY) / 2];
    hair.aim(head);
    ribbons.aim(body.unit);
    if (this.#turn.rest) {
      hair.rest();
      ribbons.rest();
      this.#gaze.rest(gaze);
    }
    const { steps } = this.#turn;
    for (let n = steps; n > 0; n -= 1) {
      const share = 1 - (n - 1) / steps;
      const windX = windAt(this.#seconds - n * STEP_S);
      hair.step(STEP_S, windX, share);
      ribbons.step(STEP_S, windX, share);
      this.#gaze.step(STEP_S, gaze);
    }
    hair.show(this.#turn.share);
    ribbons.show(this.#turn.share);
    for (const axis of [0, 1] as const) this.spark[axis] = (this.#gaze.at[axis] - gaze[axis]) * SPARK;
  }
}

/** Light gusts, as an acceleration: head half-widths/s². */
function windAt(seconds: number): number {
  const gust = 0.5 + 0.5 * Math.sin(seconds * 0.53) * Math.sin(seconds * 0.31 + 1);
  return gust * (1.1 * Math.sin(seconds * 1.13) + 0.6 * Math.sin(seconds * 2.71 + 0.4));
}

/** A point on a spring. */
class Follower {
  readonly at: Point2 = [0, 0];
  readonly #speed: Point2 = [0, 0];

  rest(target: Point2): void {
    for (const axis of [0, 1] as const) {
      this.at[axis] = target[axis];
      this.#speed[axis] = 0;
    }
  }

  step(dt: number, target: Point2): void {
    for (const axis of [0, 1] as const) {
      const pull = GAZE_PULL * GAZE_PULL * (target[axis] - this.at[axis]);
      this.#speed[axis] += (pull - 2 * GAZE_DAMPING * GAZE_PULL * this.#speed[axis]) * dt;
      this.at[axis] += this.#speed[axis] * dt;
    }
  }
}
