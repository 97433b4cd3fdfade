// In the browser: draws the avatar with one channel after the other, and counts what each changes.
import { Avatar } from '../demo/avatar/avatar.ts';
import { BLENDSHAPE_COUNT, CH, CHANNEL_COUNT } from '../demo/avatar/channels.ts';

const WIDTH = 480;
const HEIGHT = 600;
/** Less than the time after which a face that does not move begins to move by itself. */
const FRAMES = 20;
const SEEN = 24;

function picture(values: Float32Array): Uint8ClampedArray {
  const canvas = new OffscreenCanvas(WIDTH, HEIGHT);
  const avatar = new Avatar(canvas, 0);
  avatar.resize(WIDTH, HEIGHT);
  for (let n = 0; n < FRAMES; n += 1) avatar.draw(values, 1000 + (n * 1000) / 60, true);
  return canvas.getContext('2d')!.getImageData(0, 0, WIDTH, HEIGHT).data;
}

/** Pixels that look different. */
function changed(a: Uint8ClampedArray, b: Uint8ClampedArray): number {
  let count = 0;
  for (let at = 0; at < a.length; at += 4) {
    const far = Math.max(...[0, 1, 2].map((i) => Math.abs(a[at + i]! - b[at + i]!)));
    if (far >= SEEN) count += 1;
  }
  return count;
}

/** By channel: full for a blendshape, 0.3 rad for an angle; `nothing` is the face at rest once more. */
export function seen(): Record<string, number> {
  const values = new Float32Array(CHANNEL_COUNT);
  const rest = picture(values);
  const counts: Record<string, number> = { nothing: changed(rest, picture(values)) };
  for (const [name, index] of Object.entries(CH)) {
    values[index] = index < BLENDSHAPE_COUNT ? 1 : 0.3;
    counts[name] = changed(rest, picture(values));
    values[index] = 0;
  }
  return counts;
}

Object.assign(globalThis, { seen });
