import { CODED } from './layout.ts';

const ACTIVITY_LIMIT = 8;

/** What a chain unit is predicted from; a key sets it anew. */
export class History {
  readonly value = new Int32Array(CODED);
  readonly velocity = new Int32Array(CODED);
  readonly before = new Int32Array(CODED);
  /** Decaying mean of the size of the velocity, in 1/256 step. */
  readonly activity = new Int32Array(CODED);
  /** Chain units since the key. */
  length = 0;

  /** Starts from a key. `values`: the key's, or all 0 where it has no face. */
  restart(values: Int32Array): void {
    this.value.set(values);
    this.velocity.fill(0);
    this.before.fill(0);
    this.activity.fill(0);
    this.length = 0;
  }

  /** Moves on by the frame `values`. */
  push(values: Int32Array): void {
    for (let c = 0; c < CODED; c++) {
      const velocity = values[c]! - this.value[c]!;
      this.before[c] = this.velocity[c]!;
      this.velocity[c] = velocity;
      this.value[c] = values[c]!;
      const size = Math.min(velocity < 0 ? -velocity : velocity, ACTIVITY_LIMIT);
      this.activity[c] = (this.activity[c]! * 205 + size * 51 * 256) >> 8;
    }
    this.length++;
  }

  /** A unit without a face: the pose stays, and rests. */
  rest(): void {
    this.velocity.fill(0);
    this.before.fill(0);
    this.length++;
  }
}
