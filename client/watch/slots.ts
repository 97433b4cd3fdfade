import { type ReceivedUnit, SequenceExtender, UNIT_KIND } from '@hayate/codec/bundle';
import { HayateError } from '@hayate/codec/errors';
import { createFaceDecoder } from '@hayate/codec/motion';
import type { Liver, WatchedFrame, WatchedVoice, WatchOptions } from '../src/types.ts';
import { MotionChain } from './chain.ts';
import { PlayoutClock } from './playout.ts';
import { KindStats } from './slot-stats.ts';

export interface Timing {
  captureMs: number;
  receivedMs: number;
  lagMs: number;
  uncertaintyMs: number;
  backlog: boolean;
}

export interface SlotState {
  generation: number;
  playout: PlayoutClock;
  chain: MotionChain<Timing> | undefined;
  motion: KindStats;
  voice: KindStats;
  /** By kind, where units come by more than one session: each is taken once. */
  taken: readonly SequenceExtender[] | undefined;
}

export interface SlotsOptions {
  budgetMs: number;
  playout: WatchOptions['playout'];
  /** Units come by more than one session, with the same numbers. */
  shared: boolean;
  onFrame(frame: WatchedFrame): void;
  /** `packet` is valid only during the call. */
  onVoice(voice: WatchedVoice): void;
  onDrop(reason: string): void;
}

/** What a viewer keeps of each liver, for as long as slots, generations and sequences mean the same. */
export class Slots {
  readonly #options: SlotsOptions;
  readonly #slots = new Map<number, SlotState>();
  /** Of the session that tells it. */
  livers: ReadonlyMap<number, Liver>;
  /** When the unit came that the decoder is working on. */
  #decodedMs = 0;

  constructor(livers: ReadonlyMap<number, Liver>, options: SlotsOptions) {
    this.livers = livers;
    this.#options = options;
  }

  [Symbol.iterator](): IterableIterator<[number, SlotState]> {
    return this.#slots.entries();
  }

  playout(slot: number): PlayoutClock | undefined {
    return this.#slots.get(slot)?.playout;
  }

  /** Of those that are live. */
  livePlayouts(): PlayoutClock[] {
    return [...this.#slots].filter(([slot]) => this.livers.has(slot)).map(([, { playout }]) => playout);
  }

  onLiver(liver: Liver): void {
    const state = this.#slot(liver.slot, liver.generation);
    if (state && liver.motion) state.playout.setFps(liver.motion.fps);
    if (!state || state.chain || !liver.motion) return;
    try {
      const decoder = createFaceDecoder(liver.motion);
      const { slot, generation } = liver;
      state.chain = new MotionChain(decoder, (sequence, frame, timing) => {
        const watched: WatchedFrame = { slot, generation, sequence, frame, decodedMs: this.#decodedMs, ...timing };
        state.playout.pushFrame(watched);
        this.#options.onFrame(watched);
      });
    } catch (error) {
      // A codec this client does not know: its voice is still good.
      if (!(error instanceof HayateError)) throw error;
      this.#options.onDrop('unknown_motion_codec');
    }
  }

  /** Returns false when the unit must wait: its codec is not known yet. */
  deliver(unit: ReceivedUnit, timing: Timing): boolean {
    const { onDrop } = this.#options;
    const state = this.#slot(unit.slot, unit.generation);
    if (!state) {
      onDrop('old_generation');
      return true;
    }
    if (unit.kind === UNIT_KIND.motion && !state.chain) {
      const liver = this.livers.get(unit.slot);
      // Told, and without a motion codec that this client knows.
      const told = liver?.generation === unit.generation;
      if (told) onDrop('unknown_motion_codec');
      return told;
    }
    const verdict = state.taken?.[unit.kind]?.offer(unit.sequence, true, Math.floor(timing.captureMs * 1000));
    if (verdict && verdict !== 'new') {
      onDrop(verdict);
      return true;
    }
    if (unit.kind === UNIT_KIND.motion) {
      state.motion.record(unit.sequence, timing);
      this.#decodedMs = timing.receivedMs;
      state.chain?.push(unit.sequence, unit.key, unit.payload, timing);
    } else if (unit.kind === UNIT_KIND.voice) {
      state.voice.record(unit.sequence, timing);
      const playMs = state.playout.voiceTime({ ...timing, sequence: unit.sequence }, timing.receivedMs);
      const { slot, generation, sequence, payload } = unit;
      this.#options.onVoice({ slot, generation, sequence, packet: payload, playMs, ...timing });
    }
    return true;
  }

  /** The state of this generation; undefined for an older one. */
  #slot(slot: number, generation: number): SlotState | undefined {
    const state = this.#slots.get(slot);
    if (state?.generation === generation) return state;
    if (state && ((generation - state.generation) << 24) >> 24 < 0) return undefined;
    const fresh = {
      generation,
      playout: this.#newPlayout(slot, generation),
      chain: undefined,
      motion: new KindStats(),
      voice: new KindStats(),
      taken: this.#options.shared ? [new SequenceExtender(), new SequenceExtender()] : undefined,
    };
    this.#slots.set(slot, fresh);
    return fresh;
  }

  #newPlayout(slot: number, generation: number): PlayoutClock {
    const { budgetMs, playout } = this.#options;
    const liver = this.livers.get(slot);
    const fps = liver?.generation === generation ? liver.motion?.fps : undefined;
    return new PlayoutClock({ budgetMs, ...(fps !== undefined && { fps }), ...playout });
  }
}
