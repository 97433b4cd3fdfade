import type { SentUnit } from '@hayate/client';
import { MAX_UPLINK_BUNDLE_BYTES, packBundles, type TimedUnit, UNIT_KIND, UnitSender } from '@hayate/codec/bundle';
import { createFaceEncoder, faceConfig, type MotionFrame } from '@hayate/codec/motion';
import type { Engine } from '@hayate/engine';
import { RawSession } from '../lib/raw-session.ts';
import { bothWays, FPS, OPUS_LOOKAHEAD_MS, type RoomPlan, SHARED_SOCKETS, VOICE_MS } from './stream-plan.ts';

/** A face coded once, for as many livers as there are. */
export interface CodedFace {
  frames: { key: boolean; data: Uint8Array }[];
  config: ReturnType<typeof faceConfig>;
  keys: number[];
}

export function codeFace(frames: readonly MotionFrame[]): CodedFace {
  const config = faceConfig({ fps: FPS });
  const encoder = createFaceEncoder(config);
  const coded = frames.map((frame) => {
    const { key, data } = encoder.encode(frame);
    return { key, data: data.slice() };
  });
  return { frames: coded, config, keys: coded.flatMap(({ key }, n) => (key ? [n] : [])) };
}

/**
 * A liver for loads of hundreds in one process: the same units in the same datagrams as the SDK's, coded beforehand. Motion
 * waits for voice as the relay asks; repeats are not sent.
 */
export async function openRawLiver(engine: Engine, plan: RoomPlan, index: number, face: CodedFace) {
  const to = { ...plan.to, token: plan.to.liverToken };
  const { lossy, back } = bothWays(plan.up, 1000 + 10 * index);
  // Shared sockets, and so links, where there is no jitter: see SHARED_SOCKETS.
  const still = { delayMs: plan.up.delayMs ?? 0 };
  const path = plan.up.jitterMs
    ? { link: { tx: lossy, rx: back } }
    : { link: { tx: still, rx: still }, socketGroup: 1 + (index % SHARED_SOCKETS) };
  const raw = await RawSession.open(engine, to, path, () => {});
  raw.send({
    t: 'publish',
    id: 1,
    motion: face.config,
    voice: { codec: 'opus', sampleRate: 48_000, channels: 1, frameMs: VOICE_MS },
  });
  const { slot, gen: generation } = await raw.answer('publishing');
  const sender = new UnitSender();
  let holdMs = 0;
  let held: TimedUnit[] = [];
  let heldUntilUs = Number.POSITIVE_INFINITY;
  let at = face.keys[(index * 7) % face.keys.length]!;
  let handler: (unit: SentUnit) => void = () => {};

  const listen = async () => {
    for (;;) {
      const message = await raw.next();
      if (message.t === 'uplink') holdMs = message.holdMs ?? 0;
    }
  };
  listen().catch(() => {});

  const flush = (units: TimedUnit[]) => {
    heldUntilUs = Number.POSITIVE_INFINITY;
    for (const datagram of packBundles(units, { maxBytes: MAX_UPLINK_BUNDLE_BYTES })) {
      raw.session.datagrams.send(datagram);
    }
    for (const { kind, sequence, captureUs, key, payload } of units) {
      const name = kind === UNIT_KIND.motion ? 'motion' : 'voice';
      handler({ slot, generation, kind: name, sequence, captureUs, key, bytes: payload.length });
    }
  };
  const take = () => {
    const units = held;
    held = [];
    return units;
  };
  return {
    slot,
    /** The next coded frame, whatever is given. */
    motion: (_frame: MotionFrame, captureUs: number) => {
      const { key, data } = face.frames[at]!;
      at = (at + 1) % face.frames.length;
      const unit = sender.unit(UNIT_KIND.motion, data, captureUs, key);
      if (holdMs === 0) return flush([...take(), unit]);
      if (held.length === 0) heldUntilUs = captureUs + holdMs * 1000;
      held.push(unit);
    },
    voice: (packet: Uint8Array, captureUs: number) => {
      flush([...take(), sender.unit(UNIT_KIND.voice, packet, Math.round(captureUs - OPUS_LOOKAHEAD_MS * 1000))]);
    },
    /** Sends what waited for voice long enough. Gives when the next will have. */
    turn: (nowUs: number) => {
      if (nowUs >= heldUntilUs) flush(take());
      return heldUntilUs;
    },
    onSent: (f: (unit: SentUnit) => void) => {
      handler = f;
    },
    close: async () => {
      raw.session.close();
      await raw.session.closed;
    },
  };
}
