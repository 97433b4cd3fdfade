import { ARKIT_CHANNELS, BLENDSHAPE_COUNT, type MotionFrame } from '@hayate/codec/motion';

/** An OSC string: UTF-8, one zero at least, to a multiple of 4 (opensoundcontrol.org, OSC 1.0). */
function oscString(text: string): Buffer {
  const bytes = Buffer.from(text, 'utf8');
  return Buffer.concat([bytes, Buffer.alloc(4 - (bytes.length % 4))]);
}

function oscMessage(address: string, args: readonly (string | number)[]): Buffer {
  const tags = `,${args.map((arg) => (typeof arg === 'string' ? 's' : 'f')).join('')}`;
  const data = args.map((arg) => {
    if (typeof arg === 'string') return oscString(arg);
    const bytes = Buffer.alloc(4);
    bytes.writeFloatBE(arg);
    return bytes;
  });
  return Buffer.concat([oscString(address), oscString(tags), ...data]);
}

/** `#bundle`, the time tag that means at once, then each message after its size. */
function oscBundle(messages: readonly Buffer[]): Buffer {
  const header = Buffer.concat([oscString('#bundle'), Buffer.from([0, 0, 0, 0, 0, 0, 0, 1])]);
  const sized = messages.flatMap((message) => {
    const size = Buffer.alloc(4);
    size.writeUInt32BE(message.length);
    return [size, message];
  });
  return Buffer.concat([header, ...sized]);
}

const NAMES = ARKIT_CHANNELS.slice(0, BLENDSHAPE_COUNT).map((name) => name[0]!.toUpperCase() + name.slice(1));
const HEAD_YAW = ARKIT_CHANNELS.indexOf('headYaw');

/** x, y, z, w of Ry(yaw) Rx(pitch) Rz(roll). */
function quaternion(yaw: number, pitch: number, roll: number): number[] {
  const [sy, cy, sp, cp, sr, cr] = [yaw, pitch, roll].flatMap((angle) => [Math.sin(angle / 2), Math.cos(angle / 2)]);
  return [
    cy! * sp! * cr! + sy! * cp! * sr!,
    sy! * cp! * cr! - cy! * sp! * sr!,
    cy! * cp! * sr! - sy! * sp! * cr!,
    cy! * cp! * cr! + sy! * sp! * sr!,
  ];
}

/**
 * A frame as a VMC performer sends a face that has all 52 shapes: a Blend/Val each, Blend/Apply, the head bone
 * (protocol.vmc.info/english). One bundle; senders cut it at 1500 bytes, which costs 16 more a cut. The eyes' angles
 * are not sent.
 */
export function vmcBundle(frame: MotionFrame): Uint8Array {
  const [yaw, pitch, roll] = frame.values.subarray(HEAD_YAW);
  return oscBundle([
    ...NAMES.map((name, channel) => oscMessage('/VMC/Ext/Blend/Val', [name, frame.values[channel]!])),
    oscMessage('/VMC/Ext/Blend/Apply', []),
    oscMessage('/VMC/Ext/Bone/Pos', ['Head', 0, 0, 0, ...quaternion(yaw!, pitch!, roll!)]),
  ]);
}
