import { ARKIT_CHANNELS, type MotionFrame } from '@hayate/codec/motion';
import { decode } from 'cbor-x';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ifacialmocapText, shortestFloat } from './formats/ifacialmocap.ts';
import { liveLinkPacket } from './formats/live-link-packet.ts';
import { cborFrame, float32Frame, U8_ANGLE_STEP, U8_BLENDSHAPE_STEP, u8Frame } from './formats/plain.ts';
import { decodeSnapshot, encodeSnapshot, quantised } from './formats/snapshot.ts';
import { vmcBundle } from './formats/vmc.ts';
import { trainDictionary, unpackZstdPacket, zstdMissing, zstdPacket } from './formats/zstd-dictionary.ts';
import { type PeerRecording, peerSizes } from './peers.ts';

/** A face that moves: each channel a slow wave of its own. */
function frameAt(time: number): MotionFrame {
  const values = Float32Array.from(ARKIT_CHANNELS, (_, channel) => {
    const wave = Math.sin(time / 7 + channel * channel);
    return channel < 52 ? 0.3 + 0.3 * wave : 0.4 * wave;
  });
  return { face: true, values };
}

const frame = frameAt(3);
const { values } = frame;
const at = (name: (typeof ARKIT_CHANNELS)[number]) => values[ARKIT_CHANNELS.indexOf(name)]!;

it('float32 and u8 hold every channel', () => {
  const bytes = float32Frame(frame);
  expect(new Float32Array(bytes.buffer)).toEqual(values);
  for (const [channel, code] of u8Frame(frame).entries()) {
    const [value, step] =
      channel < 52 ? [code * U8_BLENDSHAPE_STEP, U8_BLENDSHAPE_STEP] : [(code - 128) * U8_ANGLE_STEP, U8_ANGLE_STEP];
    expect(Math.abs(value - values[channel]!)).toBeLessThanOrEqual(step / 2 + 1e-6);
  }
});

it('CBOR reads back as names and values', () => {
  const object = decode(cborFrame(frame)) as Record<string, number>;
  expect(Object.keys(object)).toEqual([...ARKIT_CHANNELS]);
  expect(Float32Array.from(Object.values(object))).toEqual(values);
});

it('a Live Link Face packet has its fields where receivers read them', () => {
  const bytes = liveLinkPacket(frame, 77, 60);
  const view = new DataView(bytes.buffer);
  let offset = 1;
  const text = () => {
    const length = view.getInt32(offset);
    offset += 4 + length;
    return new TextDecoder().decode(bytes.subarray(offset - length, offset));
  };
  expect(view.getUint8(0)).toBe(6);
  expect(text()).toMatch(/^[0-9A-F-]{36}$/);
  expect(text()).toBe('iPhone');
  const time = [
    view.getInt32(offset),
    view.getFloat32(offset + 4),
    view.getInt32(offset + 8),
    view.getInt32(offset + 12),
  ];
  expect(time).toEqual([77, 0, 60, 1]);
  offset += 16;
  expect(view.getUint8(offset++)).toBe(61);
  expect(Float32Array.from(ARKIT_CHANNELS, (_, channel) => view.getFloat32(offset + 4 * channel))).toEqual(values);
  expect(offset + 4 * 61).toBe(bytes.length);
});

describe('VMC', () => {
  type Message = [address: string, ...args: (string | number)[]];

  function readBundle(bytes: Uint8Array): Message[] {
    const buffer = Buffer.from(bytes);
    expect(buffer.subarray(0, 16).toString('latin1')).toBe('#bundle\0\0\0\0\0\0\0\0\x01');
    const messages: Message[] = [];
    let offset = 16;
    const text = () => {
      const end = buffer.indexOf(0, offset);
      const found = buffer.toString('utf8', offset, end);
      offset = end + 4 - (end % 4);
      return found;
    };
    while (offset < buffer.length) {
      const end = offset + 4 + buffer.readUInt32BE(offset);
      offset += 4;
      const message: Message = [text()];
      for (const tag of text().slice(1)) {
        if (tag === 's') message.push(text());
        else {
          message.push(buffer.readFloatBE(offset));
          offset += 4;
        }
      }
      expect(offset).toBe(end);
      messages.push(message);
    }
    return messages;
  }

  it('is an OSC bundle of 52 values, apply and the head', () => {
    const messages = readBundle(vmcBundle(frame));
    expect(messages).toHaveLength(54);
    expect(messages[0]).toEqual(['/VMC/Ext/Blend/Val', 'EyeBlinkLeft', values[0]]);
    expect(messages[51]).toEqual(['/VMC/Ext/Blend/Val', 'TongueOut', values[51]]);
    expect(messages[52]).toEqual(['/VMC/Ext/Blend/Apply']);
    expect(messages[53]!.slice(0, 5)).toEqual(['/VMC/Ext/Bone/Pos', 'Head', 0, 0, 0]);
    const [x, y, z, w] = messages[53]!.slice(5) as number[];
    expect(Math.hypot(x!, y!, z!, w!)).toBeCloseTo(1, 6);
    expect(Math.atan2(2 * (x! * z! + w! * y!), 1 - 2 * (x! * x! + y! * y!))).toBeCloseTo(at('headYaw'), 5);
    expect(Math.asin(2 * (w! * x! - y! * z!))).toBeCloseTo(at('headPitch'), 5);
  });

  it('encodes a message as the bytes of the specification', () => {
    const text = Buffer.from(vmcBundle(frame)).toString('latin1');
    expect(text).toContain('\0\0\0\x1c/VMC/Ext/Blend/Apply\0\0\0\0,\0\0\0');
    expect(text).toContain('/VMC/Ext/Blend/Val\0\0,sf\0JawOpen\0');
  });
});

describe('iFacialMocap text', () => {
  it('prints floats as Swift does', () => {
    const printed = [0, 1, -7.3032465, 0.1, 0.084120944, 19.067966].map(shortestFloat);
    expect(printed).toEqual(['0.0', '1.0', '-7.3032465', '0.1', '0.084120944', '19.067966']);
    const floats = fc.float({ noNaN: true, min: -360, max: 360 });
    const readBack = (value: number) => Math.fround(Number(shortestFloat(value))) === value;
    fc.assert(fc.property(floats, readBack), { seed: 1, numRuns: 500 });
  });

  it('has the app names, percents and angles', () => {
    const parts = new TextDecoder().decode(ifacialmocapText(frame)).split('|');
    expect(parts).toHaveLength(56);
    expect(parts[55]).toBe('');
    expect(parts[0]).toBe(`eyeBlink_L-${Math.round(100 * values[0]!)}`);
    for (const name of ['jawRight', 'jawLeft', 'mouthRight', 'mouthLeft', 'mouthSmile_R', 'browInnerUp', 'tongueOut']) {
      expect(parts.some((part) => part.startsWith(`${name}-`))).toBe(true);
    }
    const [head, right, left] = parts.slice(52, 55).map((part) => part.split('#'));
    expect([head![0], right![0], left![0]]).toEqual(['=head', 'rightEye', 'leftEye']);
    expect(head![1]!.split(',')).toHaveLength(6);
    expect(Number(head![1]!.split(',')[1])).toBeCloseTo((at('headYaw') * 180) / Math.PI, 4);
    expect(Number(left![1]!.split(',')[0])).toBeCloseTo((at('leftEyePitch') * 180) / Math.PI, 4);
    expect(Number(right![1]!.split(',')[2])).toBeCloseTo((at('rightEyeRoll') * 180) / Math.PI, 4);
  });
});

it('a snapshot is read back against the same baseline', () => {
  const wild = fc.array(fc.float({ noNaN: true, min: -4, max: 4 }), { minLength: 61, maxLength: 61 });
  fc.assert(
    fc.property(wild, wild, (now, before) => {
      const [to, from] = [now, before].map((list) => quantised({ face: true, values: Float32Array.from(list) }));
      expect(decodeSnapshot(encodeSnapshot(to!, from!), from!)).toEqual(to);
    }),
    { seed: 1, numRuns: 200 },
  );
  const [to, from] = [quantised(frameAt(4)), quantised(frameAt(3))];
  expect(decodeSnapshot(encodeSnapshot(to, from), from)).toEqual(to);
  expect(encodeSnapshot(from, from)).toEqual(new Uint8Array(8));
});

describe('with zstd', () => {
  const recording = (name: string, from: number): PeerRecording => ({
    name,
    frames: Array.from({ length: 300 }, (_, time) => frameAt(from + time)),
  });

  it('packs against a trained dictionary and unpacks', (context) => {
    const missing = zstdMissing();
    if (missing !== undefined) context.skip(missing);
    const samples = recording('a', 0).frames.map((_, time) => u8Frame(frameAt(time % 40)));
    const dictionary = trainDictionary([Buffer.concat(samples)], 61);
    const data = u8Frame(frameAt(7));
    const packet = zstdPacket(data, dictionary);
    expect(Buffer.from(unpackZstdPacket(packet, dictionary))).toEqual(Buffer.from(data));
    expect(packet.length).toBeLessThan(20);
    expect(() => unpackZstdPacket(packet, Buffer.alloc(0))).toThrow();
  });

  it('measures every peer over the frames with a face, or says why not', () => {
    const gap: MotionFrame = { face: false, values: new Float32Array(61) };
    const first = recording('a', 0);
    const { rows, skipped } = peerSizes([{ ...first, frames: [gap, ...first.frames, gap] }, recording('b', 900)]);
    expect(rows.length + skipped.length).toBe(8);
    for (const { bytes_per_frame, mean } of rows) {
      expect(Object.keys(bytes_per_frame)).toEqual(['a', 'b']);
      expect(mean).toBeCloseTo((bytes_per_frame['a']! + bytes_per_frame['b']!) / 2, 9);
    }
    const fixed = rows.filter(({ peer }) => peer === 'float32' || peer === 'u8' || peer.startsWith('Live'));
    expect(fixed.map(({ mean }) => mean)).toEqual([312, 244, 61]);
  });
});
