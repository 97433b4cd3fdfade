// Runs in Node and in a page.

import type { ConnectionOptions, RelayTarget } from '@hayate/client';
import type { Entry } from '@hayate/client/internal';

/** What a viewer's person sees and hears; times are ms since it began to dial. */
export interface Seen {
  /** By which way each session was, and when. */
  ways: { way: string; atMs: number }[];
  /** When the first of each came: a frame shown, a packet heard, the own comment and the own gift in the room. */
  first: { motion?: number; voice?: number; comment?: number; gift?: number };
  /** Shown or heard for the first time since the last `reset`. */
  frames: number;
  packets: number;
  /** Age at that instant, ms, of the oldest, and at the 99th percentile. */
  oldestMs: { motion: number; voice: number };
  p99Ms: { motion: number; voice: number };
  /** Longest time between two new frames, ms. */
  frozenMs: number;
  ended: string | undefined;
}

export interface ViewerOptions extends ConnectionOptions {
  /** A ticket to give; without one no gift is waited for. */
  ticket?: string;
}

export interface NetworkViewer {
  seen(): Seen;
  /** Ages and counts begin anew; ways and first times stay. */
  reset(): void;
  comment(text: string): Promise<boolean>;
  close(): void;
}

const SAMPLE_MS = 8;

/** Watches, comments and gives once, as an application would. */
export function view({ watch }: Pick<Entry, 'watch'>, target: RelayTarget, options: ViewerOptions): NetworkViewer {
  const { ticket, ...connection } = options;
  const watcher = watch(target, connection);
  const { room } = watcher;
  const nowMs = () => room.nowUs() / 1000;
  const beganMs = nowMs();
  const since = () => nowMs() - beganMs;
  const ways: Seen['ways'] = [];
  const first: Seen['first'] = {};
  let ended: string | undefined;
  const ages = { motion: [] as number[], voice: [] as number[] };
  const shownMs = new Map<number, number>();
  let lastNewMs = Number.NaN;
  let frozenMs = 0;
  const mark = (what: keyof Seen['first']) => {
    first[what] ??= since();
  };
  room.on('state', ({ state, error }) => {
    if (state === 'open') ways.push({ way: room.way ?? room.reliability ?? '', atMs: since() });
    if (state === 'closed') ended = error?.code ?? 'closed';
  });
  room.on('moved', () => ways.push({ way: room.way ?? '', atMs: since() }));
  watcher.onVoice(({ playMs, captureMs, backlog }) => {
    if (playMs === undefined || backlog) return;
    mark('voice');
    ages.voice.push(Math.max(playMs, nowMs()) - captureMs);
  });
  const timer = setInterval(() => {
    for (const slot of room.livers.keys()) {
      const pose = watcher.playout(slot)?.sample(nowMs());
      if (!pose || shownMs.get(slot) === pose.captureMs) continue;
      const known = shownMs.has(slot);
      shownMs.set(slot, pose.captureMs);
      // The first one is what the relay kept for joiners.
      if (!known) continue;
      mark('motion');
      ages.motion.push(pose.lagMs);
      const atMs = nowMs();
      if (!Number.isNaN(lastNewMs)) frozenMs = Math.max(frozenMs, atMs - lastNewMs);
      lastNewMs = atMs;
    }
  }, SAMPLE_MS);
  const text = `hello ${Math.random()}`;
  room.on('comment', (comment) => {
    if (comment.text === text) mark('comment');
  });
  room.on('gift', () => mark('gift'));
  room.ready.then(
    () => {
      room.comment(text).catch(() => {});
      if (ticket !== undefined) room.gift(ticket).catch(() => {});
    },
    () => {},
  );
  const of = (values: number[], share: number) => {
    const sorted = values.toSorted((a, b) => a - b);
    return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
  };
  return {
    seen: () => ({
      ...{ ways, first, frozenMs, ended },
      frames: ages.motion.length,
      packets: ages.voice.length,
      oldestMs: { motion: of(ages.motion, 1), voice: of(ages.voice, 1) },
      p99Ms: { motion: of(ages.motion, 0.99), voice: of(ages.voice, 0.99) },
    }),
    reset() {
      ages.motion = [];
      ages.voice = [];
      lastNewMs = Number.NaN;
      frozenMs = 0;
    },
    comment: (words) =>
      room.comment(words).then(
        () => true,
        () => false,
      ),
    close() {
      clearInterval(timer);
      watcher.close();
    },
  };
}
