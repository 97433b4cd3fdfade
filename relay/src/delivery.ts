import type { Session } from '@hayate/transport';
import type { MediaRoom, MemberStats } from '../media/plane.ts';
import { type LoadCounts, RelayLoad } from '../policy/load.ts';
import type { RoomDelivery } from '../policy/room.ts';
import type { Decision } from '../policy/viewer.ts';
import type { Room } from '../room/room.ts';
import type { SessionKey } from '../room/types.ts';

/** Each viewer is decided for so often, unless there are more than the ticks can take, */
const ROUND_MS = 500;
/** and half as often where nothing has stirred for so long. */
const CALM_MS = 10_000;
const TICK_MS = 50;
const LOAD_MS = 1000;
/** Viewers a tick; a room asked counts as one. Bounds how long JavaScript is away from control. */
const PER_TICK = 300;
/** Spare times go into the histogram once in so many decisions: thousands of viewers need no more. */
const SPARE_EVERY = 10;

export interface DeliveryTarget {
  room: Room;
  media: MediaRoom;
  delivery: RoomDelivery;
}

export interface DeliveryLoopOptions {
  targets: () => Iterable<DeliveryTarget>;
  keyOf: (session: Session) => SessionKey | undefined;
  nowMs: () => number;
  /** Undefined: the media plane does not know its load. */
  load: () => Promise<LoadCounts | undefined>;
  onChange: (decision: Decision) => void;
  onSpareMs: (ms: number) => void;
  onRepairBytes: (bytes: number) => void;
}

interface Cursor {
  target: DeliveryTarget;
  rows: MemberStats[];
  next: number;
}

/**
 * Carries the delivery policy out: asks rooms for their members' paths by turns, decides for each viewer, and sets the
 * classes that changed. So many viewers a tick at most; with more of them a round takes longer, and nothing else does.
 */
export class DeliveryLoop {
  readonly #options: DeliveryLoopOptions;
  readonly #timer: ReturnType<typeof setInterval>;
  #queue: Iterator<DeliveryTarget> | undefined;
  #roundMs = Number.NEGATIVE_INFINITY;
  #cursor: Cursor | undefined;
  #busy = false;
  #decisions = 0;
  /** When something last stirred in a room, and whether the last round passed it by. */
  readonly #calm = new WeakMap<DeliveryTarget, { sinceMs: number; passed: boolean }>();
  readonly #load = new RelayLoad();
  #loadMs = Number.NEGATIVE_INFINITY;

  constructor(options: DeliveryLoopOptions) {
    this.#options = options;
    this.#timer = setInterval(() => void this.tick(), TICK_MS);
  }

  close(): void {
    clearInterval(this.#timer);
    this.#cursor = undefined;
    this.#queue = undefined;
  }

  /** One tick's work. Gives how many viewers were decided for. */
  async tick(): Promise<number> {
    if (this.#busy) return 0;
    this.#busy = true;
    try {
      return await this.#work();
    } finally {
      this.#busy = false;
    }
  }

  /** Whether the relay itself is the bottleneck. */
  get busy(): boolean {
    return this.#load.level > 0;
  }

  async #work(): Promise<number> {
    let decided = 0;
    await this.#weigh();
    for (let left = PER_TICK; left > 0; ) {
      this.#cursor ??= await this.#nextRoom();
      if (!this.#cursor) break;
      const { target, rows, next } = this.#cursor;
      const end = Math.min(rows.length, next + left);
      for (let at = next; at < end; at++) this.#decide(target, rows[at]!);
      decided += end - next;
      left -= end - next + 1;
      this.#cursor = end < rows.length ? { target, rows, next: end } : undefined;
    }
    return decided;
  }

  async #weigh(): Promise<void> {
    const now = this.#options.nowMs();
    if (now - this.#loadMs < LOAD_MS) return;
    this.#loadMs = now;
    const counts = await this.#options.load();
    if (counts) this.#load.update(counts, now);
  }

  /** The next room of the round with members; undefined when the round is over. */
  async #nextRoom(): Promise<Cursor | undefined> {
    for (;;) {
      const target = this.#nextTarget();
      if (!target) return undefined;
      const { room, media, delivery } = target;
      if (room.viewerCount === 0 || this.#passes(target)) continue;
      try {
        const rows = await media.memberStats();
        if (delivery.trafficDue(this.#options.nowMs())) await this.#traffic(target);
        return { target, rows, next: 0 };
      } catch {
        // The room closed while it was asked.
      }
    }
  }

  /** Every other time in a calm room. */
  #passes(target: DeliveryTarget): boolean {
    const now = this.#options.nowMs();
    const calm = this.#calm.get(target) ?? { sinceMs: now, passed: false };
    this.#calm.set(target, calm);
    const calmMs = now - Math.max(calm.sinceMs, target.room.activeMs);
    calm.passed = calmMs >= CALM_MS && !calm.passed;
    return calm.passed;
  }

  async #traffic({ media, delivery }: DeliveryTarget): Promise<void> {
    const flat = await media.stats();
    const traffic = {
      members: flat['members'] ?? 0,
      bytesOut: flat['bytes_out'] ?? 0,
      repairBytesOut: flat['repair_bytes_out'] ?? 0,
    };
    this.#options.onRepairBytes(delivery.traffic(traffic, this.#options.nowMs()));
  }

  #nextTarget(): DeliveryTarget | undefined {
    const now = this.#options.nowMs();
    if (!this.#queue) {
      if (now - this.#roundMs < ROUND_MS) return undefined;
      this.#roundMs = now;
      this.#queue = [...this.#options.targets()][Symbol.iterator]();
    }
    const { done, value } = this.#queue.next();
    if (!done) return value;
    this.#queue = undefined;
    return undefined;
  }

  #decide(target: DeliveryTarget, row: MemberStats): void {
    const { room, media, delivery } = target;
    const { keyOf, nowMs, onChange, onSpareMs } = this.#options;
    const session = keyOf(row.session);
    if (session === undefined) return;
    const now = nowMs();
    const result = delivery.decide(
      session,
      row,
      { conversing: room.conversing(session, now), busy: this.#load.level },
      now,
    );
    if (!result) return;
    const { decision, changed, stirs } = result;
    const calm = this.#calm.get(target);
    if (stirs && calm) calm.sinceMs = now;
    this.#decisions += 1;
    if (this.#decisions % SPARE_EVERY === 0 && !Number.isNaN(decision.spareMs)) onSpareMs(decision.spareMs);
    if (!changed) return;
    media.setClass(row.session, decision.delivery);
    onChange(decision);
  }
}
