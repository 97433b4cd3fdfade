import type { Watcher } from '@hayate/client';
import type { LinkOptions } from '@hayate/engine';
import type { Tags } from '../metrics/registry.ts';
import { neededScope } from '../runner/vu.ts';
import { FullViewer, type Speech } from './full-viewer.ts';
import { LightViewer } from './light-viewer.ts';
import { type Rig, rigOf } from './rig.ts';
import type { Seat } from './seat.ts';
import type { ActOptions } from './stage.ts';

/** Of `sampled` viewers one in so many decodes, and the first of each room while there are few. */
const SAMPLE = 100;
const FIRST_OF_ROOMS = 20;

export interface WatchOptions {
  room: string;
  sub?: string;
  link?: LinkOptions;
  /** Where the viewer is: a tag of all its samples, as in `motion_lag{region:osaka}`. */
  region?: string;
  /**
   * `all`: the SDK's viewer, lag and exact frames measured; it may comment, give and speak. `none`: its connection acknowledges
   * and counts, nothing crosses into JavaScript. `sampled` (default): one in 100 as `all`, and the first of the first 20 rooms.
   */
  decode?: 'all' | 'sampled' | 'none';
}

export interface LoadViewer {
  /** Of a viewer that decodes. */
  readonly watcher: Watcher | undefined;
  /** Resolves when the comment is acknowledged; `comment_lag` is counted where this process's viewers see it. */
  comment(text: string): Promise<void>;
  /** A gift of `amount`; counts `gift_lag`, `gift_lost`, `gift_doubled`. */
  gift(options: { liver: string; item?: string; amount?: number; currency?: string }): Promise<void>;
  /**
   * Asks to speak, and performs once a liver (`publish` with `grants`) grants it; counts `speak_time`, from asking to
   * media. Rejects when it is denied or refused.
   */
  speak(act?: ActOptions): Promise<Speech>;
  /**
   * Another network from now on, as from Wi-Fi to a mobile one: the session dies, a new one is opened over `link`
   * (undefined: none emulated). Resolves when it is; counts `rejoin_time`. A port that only changes, as a NAT does, is
   * the link's `rebindEveryMs`.
   */
  switchNetwork(link: LinkOptions | undefined): Promise<void>;
  close(): void;
}

const seenRooms = new WeakMap<Rig, Set<string>>();
let sampledCount = 0;

function decodes({ decode = 'sampled', room }: WatchOptions, rig: Rig): boolean {
  if (decode !== 'sampled') return decode === 'all';
  const rooms = seenRooms.get(rig) ?? new Set();
  seenRooms.set(rig, rooms);
  const first = !rooms.has(room) && rooms.size < FIRST_OF_ROOMS;
  rooms.add(room);
  sampledCount += 1;
  return first || sampledCount % SAMPLE === 0;
}

const regions = new WeakMap<Tags, Map<string, Tags>>();

/** The same object for equal ones: series are found by it. */
function tagsOf(tags: Tags, region: string | undefined): Tags {
  if (region === undefined) return tags;
  const byRegion = regions.get(tags) ?? new Map<string, Tags>();
  regions.set(tags, byRegion);
  const found = byRegion.get(region) ?? { ...tags, region };
  byRegion.set(region, found);
  return found;
}

/** A viewer of `room` until it is closed or its iteration ends. Resolves when media flows; rejects with the relay's refusal. */
export async function watch(options: WatchOptions): Promise<LoadViewer> {
  const scope = neededScope('watch');
  const rig = rigOf(scope.run);
  const { room, link, region } = options;
  const vu = scope.vu?.id ?? 0;
  const sub = options.sub ?? `viewer-${vu}`;
  const token = await rig.target.token({ room, sub, roles: ['viewer'] });
  const tags = tagsOf(scope.tags, region);
  const seat: Seat = { room, sub, vu, tags, link, signal: scope.signal };
  const beganMs = performance.now();
  const viewer = decodes(options, rig) ? new FullViewer(rig, seat, token) : await LightViewer.open(rig, seat, token);
  let open = true;
  const close = () => {
    if (!open) return;
    open = false;
    rig.watching(-1, tags);
    viewer.close();
  };
  rig.watching(1, tags);
  scope.onEnd(close);
  try {
    await viewer.ready;
  } catch (error) {
    close();
    throw error;
  }
  rig.add('join_time', performance.now() - beganMs, tags);
  return {
    watcher: viewer instanceof FullViewer ? viewer.watcher : undefined,
    comment: (text) => full(viewer).comment(text),
    gift: (gift) => full(viewer).gift(gift),
    speak: (act = {}) => full(viewer).speak(act),
    switchNetwork: (to) => viewer.switchNetwork(to),
    close,
  };
}

function full(viewer: FullViewer | LightViewer): FullViewer {
  if (viewer instanceof FullViewer) return viewer;
  throw new Error("only a viewer with decode: 'all' can comment, give and speak");
}
