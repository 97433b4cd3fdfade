import { ARKIT_CHANNELS, BLENDSHAPE_COUNT, type MotionFrame } from '@hayate/codec/motion';

const DEGREES = 180 / Math.PI;
const NAMES = ARKIT_CHANNELS.slice(0, BLENDSHAPE_COUNT).map((name) =>
  // jawLeft, mouthRight and the like are directions, not sides.
  /^(jaw|mouth)(Left|Right)$/.test(name) ? name : name.replace(/Left$/, '_L').replace(/Right$/, '_R'),
);

/** The shortest decimal that reads back as the same float32, as Swift prints a Float. */
export function shortestFloat(value: number): string {
  const wanted = Math.fround(value);
  for (let digits = 1; digits <= 9; digits++) {
    const text = String(Number(wanted.toPrecision(digits)));
    if (Math.fround(Number(text)) === wanted) return text.includes('.') || text.includes('e') ? text : `${text}.0`;
  }
  return String(wanted);
}

/**
 * What iFacialMocap sends over UDP for a frame (ifacialmocap.com/for-developer): `name-percent|` of 52 shapes, then
 * `=head#` pitch, yaw, roll in degrees and the position, `rightEye#` and `leftEye#` angles. The position, which the
 * recordings lack, stands as zeros.
 */
export function ifacialmocapText(frame: MotionFrame): Uint8Array {
  const { values } = frame;
  const angles = (yaw: number) => [values[yaw + 1]!, values[yaw]!, values[yaw + 2]!].map((rad) => rad * DEGREES);
  const list = (numbers: number[]) => numbers.map(shortestFloat).join(',');
  const shapes = NAMES.map((name, channel) => `${name}-${Math.round(100 * values[channel]!)}|`).join('');
  const head = list([...angles(ARKIT_CHANNELS.indexOf('headYaw')), 0, 0, 0]);
  const right = list(angles(ARKIT_CHANNELS.indexOf('rightEyeYaw')));
  const left = list(angles(ARKIT_CHANNELS.indexOf('leftEyeYaw')));
  return new TextEncoder().encode(`${shapes}=head#${head}|rightEye#${right}|leftEye#${left}|`);
}
