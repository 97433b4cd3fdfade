import { spawnChild } from '../bench/stream-child.ts';
import type { RoomPlan, Sent } from '../bench/stream-plan.ts';
import type { Summary } from '../bench/stream-present.ts';
import { StreamViewers } from '../bench/stream-viewers.ts';
import { askChild, prefer } from '../lib/children.ts';
import { REGIONS, type Region } from './plan.ts';

/** By where the liver is, then by where the viewer is. */
export type SeenByPath = Record<Region, Record<Region, Summary>>;

export interface MediaRun {
  seen: SeenByPath;
  motion: string;
  seconds: number;
  liversLateMs: number;
}

export interface MediaHooks {
  /** Beside the media that counts. */
  during?(seconds: number): Promise<void>;
}

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const nowUs = () => Number(process.hrtime.bigint() / 1000n);

/** Livers in two turns (who comes first gives its room a home), viewers, and media for `warmSeconds` and then `seconds`. */
export async function playMedia(
  livers: RoomPlan[][],
  viewers: RoomPlan[],
  { warmSeconds, seconds, during }: { warmSeconds: number; seconds: number } & MediaHooks,
  log: (text: string) => void,
): Promise<MediaRun> {
  const mouths = spawnChild('stream-livers.ts');
  const eyes = new StreamViewers();
  prefer(mouths.pid ?? 0, -20);
  eyes.goFirst();
  const groups = [...REGIONS];
  try {
    let motion = '';
    for (const [turn, plans] of livers.entries()) {
      log(`livers: ${plans.length} ${turn === 0 ? 'at home' : 'across the ocean'}`);
      ({ motion } = await askChild<{ motion: string }>(mouths, 'open', { plans }));
    }
    log(`viewers: ${viewers.reduce((n, plan) => n + plan.viewers, 0)}`);
    await eyes.open(viewers);
    log(`media: ${warmSeconds} s, then ${seconds} s that count`);
    const playing = askChild<{ late_us_p99: number }>(mouths, 'play', {
      groups,
      seconds: warmSeconds + seconds + 0.5,
      dtx: false,
    });
    await sleep(1000 * Math.max(0, warmSeconds - 5));
    await eyes.record(groups);
    await sleep(1000 * Math.min(5, warmSeconds));
    const fromUs = nowUs();
    await Promise.all([sleep(1000 * seconds), during?.(seconds)]);
    const toUs = nowUs();
    const { late_us_p99 } = await playing;
    await sleep(1000);
    await eyes.stop();
    const seen = {} as SeenByPath;
    for (const from of REGIONS) {
      const sent = await askChild<Sent[]>(mouths, 'sent', { groups: [from] });
      const analysed = await eyes.analyse({ groups, sent, fromUs, toUs, name: from });
      seen[from] = analysed as Record<Region, Summary>;
    }
    return { seen, motion, seconds: (toUs - fromUs) / 1e6, liversLateMs: late_us_p99 / 1000 };
  } finally {
    mouths.kill();
    eyes.kill();
  }
}
