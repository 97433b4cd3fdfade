import { publish, type RelayTarget } from '@hayate/client';

const FRAME_MS = 20;
const FACE = 61;

export interface NetworkLiver {
  readonly frames: number;
  close(): Promise<void>;
}

/** A face at 50 frames a second and a voice: no sound that anybody would want to hear, in packets of the usual size. */
export async function perform(target: RelayTarget): Promise<NetworkLiver> {
  const publisher = publish(target, { motion: { fps: 50 }, voice: { channels: 1, frameMs: FRAME_MS } });
  await publisher.ready;
  let n = 0;
  const beganUs = publisher.room.nowUs();
  const packet = new Uint8Array(60).fill(0xaa);
  packet[0] = 248;
  const timer = setInterval(() => {
    // By the clock, not by the timer: a late one makes up for it.
    for (; beganUs + n * FRAME_MS * 1000 <= publisher.room.nowUs(); n += 1) {
      const captureUs = beganUs + n * FRAME_MS * 1000;
      const values = Float32Array.from({ length: FACE }, (_, i) => 0.5 + 0.4 * Math.sin(n / 7 + i));
      publisher.motion({ face: true, values }, captureUs);
      publisher.voice(packet, captureUs);
    }
  }, FRAME_MS);
  return {
    get frames() {
      return n;
    },
    async close() {
      clearInterval(timer);
      await publisher.close();
    },
  };
}
