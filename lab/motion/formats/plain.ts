import { ARKIT_CHANNELS, BLENDSHAPE_COUNT, type MotionFrame } from '@hayate/codec/motion';
import { Encoder, FLOAT32_OPTIONS } from 'cbor-x';

const CHANNELS = ARKIT_CHANNELS.length;
export const U8_BLENDSHAPE_STEP = 1 / 127;
/** +-1.6 rad, more than a head or an eye turns. */
export const U8_ANGLE_STEP = 1 / 80;

export function float32Frame(frame: MotionFrame): Uint8Array {
  const bytes = new Uint8Array(4 * CHANNELS);
  const view = new DataView(bytes.buffer);
  for (let channel = 0; channel < CHANNELS; channel++) view.setFloat32(4 * channel, frame.values[channel]!, true);
  return bytes;
}

/** A byte a channel: blendshapes 0..2 in 1/127, angles around 128 in 1/80 rad, clamped. */
export function u8Frame(frame: MotionFrame): Uint8Array {
  return Uint8Array.from({ length: CHANNELS }, (_, channel) => {
    const value = frame.values[channel]!;
    const code = channel < BLENDSHAPE_COUNT ? value / U8_BLENDSHAPE_STEP : 128 + value / U8_ANGLE_STEP;
    return Math.min(255, Math.max(0, Math.round(code)));
  });
}

/** RFC 8949, a map of 61 names; float32, where cbor-x by itself writes a double. */
const cbor = new Encoder({ useRecords: false, useFloat32: FLOAT32_OPTIONS.ALWAYS });

export function cborFrame(frame: MotionFrame): Uint8Array {
  return cbor.encode(Object.fromEntries(ARKIT_CHANNELS.map((name, channel) => [name, frame.values[channel]!])));
}
