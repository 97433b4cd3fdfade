import { type Publisher, publish, type RelayTarget } from '@hayate/client';
import { createPerformer } from '@hayate/demo/performer';
import { createNodeVoice } from '@hayate/demo/voice';
import type { Connector } from '@hayate/transport';
import { Pacer } from './pacer.ts';

/** Opus packets of a silence that DTX leaves out. */
const MAX_SILENT_BYTES = 2;

export interface PerformanceOptions {
  connector: Connector;
  /** Who performs. */
  seed: number;
  fps: number;
  /** Silence is left out. */
  dtx: boolean;
  onWarning?(error: { code: string; message: string }): void;
}

export interface RunningPerformance {
  stop(): Promise<void>;
}

/** The procedural performer as a liver, by the SDK. Resolves once it is live. */
export async function perform(target: RelayTarget, options: PerformanceOptions): Promise<RunningPerformance> {
  const { connector, seed, fps, dtx, onWarning } = options;
  const performer = createPerformer({ seed, fps });
  const voice = await createNodeVoice(performer);
  const publisher: Publisher = publish(target, {
    ...{ connector, motion: { fps } },
    voice: { channels: 1, frameMs: voice.frameMs },
  });
  if (onWarning) publisher.on('warning', onWarning);
  await publisher.ready;
  const beginUs = publisher.room.nowUs();
  const atFrame = (n: number) => beginUs + Math.round(n * performer.frameUs);
  const atPacket = (n: number) => beginUs + n * voice.frameMs * 1000;
  let frame = 0;
  let packet = 0;
  const pacer = new Pacer([
    {
      nextUs: () => atFrame(frame),
      fire: (dueUs) => {
        publisher.motion(performer.frame(dueUs - beginUs), dueUs);
        frame += 1;
      },
    },
    {
      // A packet can leave when its last sample was spoken.
      nextUs: () => atPacket(packet + 1),
      fire: () => {
        const data = voice.packet(packet);
        if (!dtx || data.length > MAX_SILENT_BYTES) publisher.voice(data, atPacket(packet));
        packet += 1;
      },
    },
  ]);
  const running = pacer.run();
  return {
    async stop() {
      pacer.stop();
      await running;
      await publisher.close();
    },
  };
}
