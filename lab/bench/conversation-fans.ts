// Child of the conversation bench: fans with the whole SDK who comment, and note when each packet of the answer sounds.
import { type ScheduleOptions, type Watcher, watch } from '@hayate/client';
import type { LinkProfile } from '@hayate/engine';
import { openEngine } from '@hayate/engine';
import { engineConnector } from '@hayate/transport/engine';
import { random } from '../../codec/bench/random.ts';
import { bothWays } from './stream-plan.ts';
import { BUDGET_MS } from './stream-present.ts';

/** The fans of one room who talk. */
export interface FanPlan {
  room: string;
  group: string;
  to: { url: string; hash: string; token: string };
  fans: number;
  down: LinkProfile;
}

/** One voice packet as it reached a fan; `playMs` undefined: too late to sound. Times of CLOCK_MONOTONIC. */
export interface HeardPacket {
  receivedMs: number;
  playMs: number | undefined;
}

export interface FanLog {
  room: string;
  group: string;
  /** Of its `welcome`. */
  session: string;
  /** Comments by their text. */
  comments: { text: string; sentUs: number }[];
  failed: number;
  /** By sequence. */
  voice: Map<number, HeardPacket>;
}

/** Between two comments of a fan, ms: not in step with frames, packets or each other. */
const PAUSE_MS = [1100, 2100] as const;

const engine = openEngine();
const nowUs = () => Number(process.hrtime.bigint() / 1000n);
const fans: { watcher: Watcher; log: FanLog; next: () => number }[] = [];

async function openFan({ room, group, to, down }: FanPlan, index: number): Promise<void> {
  const { lossy, back } = bothWays(down, 900_000 + 10 * index);
  // Of its own: without it the fans of a relay without a budget would be compared by another playout.
  const playout: ScheduleOptions = { budgetMs: BUDGET_MS };
  const watcher = watch(
    { url: to.url, certificateHashes: [to.hash], token: to.token },
    { connector: engineConnector(engine, { link: { rx: lossy, tx: back } }), playout },
  );
  await watcher.ready;
  const { session } = await watcher.room.ready;
  const log: FanLog = { room, group, session, comments: [], failed: 0, voice: new Map() };
  watcher.onVoice(({ sequence, receivedMs, playMs }) => {
    if (!log.voice.has(sequence)) log.voice.set(sequence, { receivedMs, playMs });
  });
  // Who talks also reads what the others say.
  watcher.room.on('comment', () => {});
  fans.push({ watcher, log, next: random(index + 1) });
}

async function openAll(plans: FanPlan[]): Promise<void> {
  let index = 0;
  for (const plan of plans) {
    for (let i = 0; i < plan.fans; i += 1) await openFan(plan, index++);
  }
}

/** Each fan comments again and again for so many seconds. */
function talk(seconds: number): Promise<void> {
  const endUs = nowUs() + seconds * 1e6;
  return new Promise((resolve) => {
    fans.forEach(({ watcher, log, next }, index) => {
      const again = () => {
        if (nowUs() >= endUs) return;
        const text = `${index}:${log.comments.length}`;
        log.comments.push({ text, sentUs: nowUs() });
        watcher.room.comment(text).catch(() => {
          log.failed += 1;
        });
        setTimeout(again, PAUSE_MS[0] + next() * (PAUSE_MS[1] - PAUSE_MS[0]));
      };
      setTimeout(again, next() * PAUSE_MS[1]);
    });
    setTimeout(resolve, seconds * 1000);
  });
}

interface Question {
  ask: string;
  plans: FanPlan[];
  seconds: number;
}

process.on('message', async (m: Question) => {
  const reply = (value: unknown) => process.send?.({ answer: m.ask, value });
  if (m.ask === 'open') {
    await openAll(m.plans);
    reply(null);
  }
  if (m.ask === 'talk') {
    await talk(m.seconds);
    reply(null);
  }
  if (m.ask === 'logs') reply(fans.map(({ log }) => log));
});
