import { setTimeout as sleep } from 'node:timers/promises';
import { openOffice } from '../lib/app-backend.ts';
import { askChild, prefer } from '../lib/children.ts';
import { readMetrics, total } from '../lib/metrics.ts';
import { rssKb } from '../lib/proc.ts';
import { FREE_FLAGS, type RoomLag, spawnLoad, withRelay } from './comments.ts';

export interface DeafOptions {
  /** Sessions that read nothing. */
  deaf: number;
  /** For how long. */
  seconds: number;
}

export interface DeafResult extends DeafOptions {
  comment_bytes: number;
  written_per_s: number;
  /** Of the relay: before they came, in the middle, at the end of their silence, kB. */
  rss_kb: { before: number; middle: number; end: number };
  /** Of the relay and each deaf session, kB. */
  rss_kb_per_deaf: number;
  /** Comments left out for them, all together. */
  dropped: number;
  /** Who reads, in the same room: motion and comments without and with the deaf. */
  others: { without: RoomLag; with: RoomLag };
  /** The room's count when they read again, and what each had got to two seconds later. */
  room_count: number;
  resumed: { seen: number; missed: number; at: number; faults: number }[];
}

const READERS = 10;
const PER_SECOND = 50;
/** As long as a comment may be: 20 a second are more than all buffers between relay and reader hold within a minute. */
const COMMENT = '😀'.repeat(500);

/** Sessions that open a room's comments and read nothing for a while; then they read again. */
export async function deafViewers(options: DeafOptions, log: (text: string) => void): Promise<DeafResult> {
  return withRelay(['--rooms-budget-ms', '20', ...FREE_FLAGS], async (relay, stateDir) => {
    const [here, writer, deaf] = [spawnLoad(), spawnLoad(), spawnLoad()];
    try {
      const office = await openOffice(stateDir);
      const to = await relay.tokens('deaf');
      const tokens = (name: string, count: number) =>
        Promise.all(
          Array.from({ length: count }, async (_, n) => ({ ...to, token: await office.token('deaf', `${name}-${n}`) })),
        );
      await askChild(here, 'watch', { to, viewers: READERS });
      // It stands in for phones with a processor of their own.
      prefer(here.pid ?? 0, -20);
      await askChild(writer, 'enter', { all: await tokens('writer', 1) });
      const write = (seconds: number) => askChild(writer, 'flood', { perSecond: PER_SECOND, seconds, text: COMMENT });
      const others = async (seconds: number) => {
        const [lag] = await Promise.all([askChild<RoomLag>(here, 'lag', { seconds }), write(seconds)]);
        return lag;
      };
      await others(5);
      const without = await others(10);
      const before = rssKb(relay.pid);
      log(`${options.deaf} read nothing for ${options.seconds} s`);
      await askChild(deaf, 'stall', { all: await tokens('deaf', options.deaf) });
      await others(options.seconds / 2);
      const middle = rssKb(relay.pid);
      const with_ = await others(options.seconds / 2);
      const end = rssKb(relay.pid);
      const dropped = total(await readMetrics(relay.metrics), 'hayate_comments_dropped_total');
      const [reading] = await Promise.all([askChild<DeafResult['resumed']>(deaf, 'resume', { seconds: 4 }), write(2)]);
      await sleep(500);
      const [count = 0] = await askChild<number[]>(here, 'at');
      return {
        ...options,
        comment_bytes: Buffer.byteLength(COMMENT),
        written_per_s: PER_SECOND,
        rss_kb: { before, middle, end },
        rss_kb_per_deaf: Math.round((end - before) / options.deaf),
        dropped,
        others: { without, with: with_ },
        room_count: count,
        resumed: reading,
      };
    } finally {
      for (const child of [here, writer, deaf]) child.kill();
    }
  });
}
