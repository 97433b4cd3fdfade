import fc from 'fast-check';
import { expect, test } from 'vitest';
import { CH, CHANNEL_COUNT } from './channels.ts';
import { createRig, poseRig } from './rig.ts';

function mouthOf(values: Float32Array) {
  const rig = createRig();
  poseRig(rig, values);
  return rig.mouth;
}

test('the lower lip is never above the upper one, whatever the tracker says', () => {
  const channel = fc.double({ min: 0, max: 1, noNaN: true });
  fc.assert(
    fc.property(fc.array(channel, { minLength: CHANNEL_COUNT, maxLength: CHANNEL_COUNT }), (values) => {
      const { upperY, lowerY } = mouthOf(Float32Array.from(values));
      expect(lowerY).toBeGreaterThanOrEqual(upperY);
    }),
    { seed: 7 },
  );
});

test('lips that are shrugged and rolled in while closed touch', () => {
  const values = new Float32Array(CHANNEL_COUNT);
  values[CH.mouthShrugLower] = 1;
  values[CH.mouthRollLower] = 1;
  const { upperY, lowerY } = mouthOf(values);
  expect(lowerY).toBe(upperY);
});
