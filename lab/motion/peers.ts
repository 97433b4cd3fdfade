import type { MotionFrame } from '@hayate/codec/motion';
import { ifacialmocapText } from './formats/ifacialmocap.ts';
import { liveLinkPacket } from './formats/live-link-packet.ts';
import { cborFrame, float32Frame, u8Frame } from './formats/plain.ts';
import { encodeSnapshot, quantised } from './formats/snapshot.ts';
import { vmcBundle } from './formats/vmc.ts';
import { trainDictionary, zstdMissing, zstdPacket } from './formats/zstd-dictionary.ts';

export interface PeerRecording {
  name: string;
  frames: readonly MotionFrame[];
}

export interface PeerRow {
  peer: string;
  /** Mean over the recording's frames with a face, payload only: no UDP or IP header. */
  bytes_per_frame: Record<string, number>;
  /** Mean over the recordings. */
  mean: number;
  /** Whether the values are rounded beyond float32, or left out. */
  lossy: boolean;
  note: string;
}

interface Peer {
  peer: string;
  lossy: boolean;
  note: string;
  /** Why it cannot be measured on this machine. */
  missing?(): string | undefined;
  /** A new sender; `others` are the recordings that it does not send. */
  start(others: readonly PeerRecording[]): (frame: MotionFrame) => Uint8Array;
}

const stateless = (encode: (frame: MotionFrame) => Uint8Array) => () => encode;

/** The change from the frame before, modulo 256. */
function u8Deltas(): (frame: MotionFrame) => Uint8Array {
  let last: Uint8Array = new Uint8Array(61);
  return (frame) => {
    const now = u8Frame(frame);
    const delta = now.map((value, channel) => value - last[channel]!);
    last = now;
    return delta;
  };
}

const PEERS: readonly Peer[] = [
  {
    peer: 'VMC/OSC bundle',
    lossy: true,
    note: '52 Blend/Val, Blend/Apply, head bone; no eye angles',
    start: stateless(vmcBundle),
  },
  {
    peer: 'CBOR object',
    lossy: false,
    note: '{name: float32} by cbor-x',
    start: stateless(cborFrame),
  },
  {
    peer: 'iFacialMocap text',
    lossy: true,
    note: 'shapes in 1/100, angles in full; position as zeros',
    start: stateless(ifacialmocapText),
  },
  {
    peer: 'Live Link Face packet',
    lossy: false,
    note: 'version 6, device id of 36 and name of 6 characters',
    start: () => {
      let frameNumber = 0;
      return (frame) => liveLinkPacket(frame, frameNumber++, 60);
    },
  },
  { peer: 'float32', lossy: false, note: '61 values, nothing else', start: stateless(float32Frame) },
  { peer: 'u8', lossy: true, note: '61 bytes: 1/127 and 1/80 rad', start: stateless(u8Frame) },
  {
    peer: 'zstd-19 with a trained dictionary',
    lossy: true,
    note: 'u8 changes from the frame before, a packet a frame, 16 kB dictionary of the other recordings; needs every packet',
    missing: zstdMissing,
    start: (others) => {
      const samples = others.map(({ frames }) => Buffer.concat(withFace(frames).map(u8Deltas())));
      const dictionary = trainDictionary(samples, 61);
      const delta = u8Deltas();
      return (frame) => zstdPacket(delta(frame), dictionary);
    },
  },
  {
    peer: 'snapshot bit-packing',
    lossy: true,
    note: 'against the frame before, as if its acknowledgement took no time; 1/127 and 0.005 rad',
    start: () => {
      let baseline: Int16Array = new Int16Array(61);
      return (frame) => {
        const values = quantised(frame);
        const bytes = encodeSnapshot(values, baseline);
        baseline = values;
        return bytes;
      };
    },
  },
];

function withFace(frames: readonly MotionFrame[]): MotionFrame[] {
  return frames.filter((frame) => frame.face);
}

/** What each peer sends for the frames with a face of each recording, encoded for real; `skipped` says what could not. */
export function peerSizes(recordings: readonly PeerRecording[]): { rows: PeerRow[]; skipped: string[] } {
  const rows: PeerRow[] = [];
  const skipped: string[] = [];
  for (const { peer, lossy, note, missing, start } of PEERS) {
    const reason = missing?.();
    if (reason !== undefined) {
      skipped.push(`${peer}: ${reason}`);
      continue;
    }
    const means = recordings.map((recording): [string, number] => {
      const frames = withFace(recording.frames);
      const encode = start(recordings.filter((other) => other !== recording));
      return [recording.name, frames.reduce((sum, frame) => sum + encode(frame).length, 0) / frames.length];
    });
    const mean = means.reduce((sum, [, bytes]) => sum + bytes, 0) / means.length;
    rows.push({ peer, bytes_per_frame: Object.fromEntries(means), mean, lossy, note });
  }
  return { rows, skipped };
}
