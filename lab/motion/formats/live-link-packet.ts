import { ARKIT_CHANNELS, type MotionFrame } from '@hayate/codec/motion';

/** A device's UUID, and the name that its user gives it. */
const DEVICE = '6B4B3F4E-5A3C-4F0B-9C1D-2E7A8D9F0A1B';
const SUBJECT = 'iPhone';

/**
 * What the Live Link Face app sends over UDP for a frame, version 6, big-endian: u8 version, device id and subject name
 * as i32 length + UTF-8, frame time (i32 frame, f32 subframe, i32 numerator, i32 denominator), u8 count, 61 f32.
 * Layout as in github.com/think-biq/LLV, src/llv/gesicht.py, which receives the app's packets.
 */
export function liveLinkPacket(frame: MotionFrame, frameNumber: number, fps: number): Uint8Array {
  const count = ARKIT_CHANNELS.length;
  const device = new TextEncoder().encode(DEVICE);
  const subject = new TextEncoder().encode(SUBJECT);
  const bytes = new Uint8Array(1 + 4 + device.length + 4 + subject.length + 16 + 1 + 4 * count);
  const view = new DataView(bytes.buffer);
  let at = 0;
  const u8 = (value: number) => view.setUint8(at++, value);
  const i32 = (value: number) => {
    view.setInt32(at, value);
    at += 4;
  };
  const f32 = (value: number) => {
    view.setFloat32(at, value);
    at += 4;
  };
  const text = (value: Uint8Array) => {
    i32(value.length);
    bytes.set(value, at);
    at += value.length;
  };
  u8(6);
  text(device);
  text(subject);
  i32(frameNumber);
  f32(0);
  i32(fps);
  i32(1);
  u8(count);
  for (let channel = 0; channel < count; channel++) f32(frame.values[channel]!);
  return bytes;
}
