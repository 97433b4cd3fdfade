import type { RepairKind } from '@hayate/codec/messages';
import type { DeliveryClass } from '../media/plane.ts';
import type { Tuning } from './tuning.ts';

export type Voice = DeliveryClass['voice'];

/** How many voice packets share a datagram, and when a repeat comes: one choice, because both spend the same time. */
export interface Plan {
  voice: Voice;
  spacingMs: number;
}

export interface PlanInput {
  spareMs: number;
  frameMs: number;
  repair: RepairKind;
  /** Original, hold and repair must fit together; else repair alone and hold alone. */
  strict: boolean;
  bursty: boolean;
  atMost: Voice;
}

const NUMBERS: readonly Voice[] = [4, 3, 2];

/** The most voice packets a datagram for which all fits. One always does: sending at once waits for nothing. */
export function plan(input: PlanInput, tuning: Tuning): Plan {
  const { spareMs, frameMs, repair, strict } = input;
  for (const voice of NUMBERS) {
    if (voice > input.atMost) continue;
    const holdMs = (voice - 1) * frameMs;
    const repeatMs = voice * frameMs;
    const needMs = repair === 'none' ? holdMs : strict ? holdMs + repeatMs : repeatMs;
    if (needMs <= spareMs) return { voice, spacingMs: spacing(voice, holdMs, input, tuning) };
  }
  return { voice: 1, spacingMs: spacing(1, 0, input, tuning) };
}

/**
 * A repeat leaves with the next datagram, or against bursts with a later one, where that comes in time. Half a frame is
 * taken off, so that a datagram that leaves a little early takes the repeats along.
 */
function spacing(voice: Voice, holdMs: number, input: PlanInput, tuning: Tuning): number {
  const { spareMs, frameMs, repair, bursty } = input;
  if (repair === 'none') return 0;
  const stepMs = voice * frameMs;
  const most = Math.max(1, Math.floor(tuning.maxSpacingMs / stepMs));
  const steps = bursty && holdMs + most * stepMs <= spareMs ? most : 1;
  return steps * stepMs - frameMs / 2;
}

/**
 * Longest wait of the first unit. A pause in the voice must not stall motion; but motion that came just after a flush waits
 * for all the voice packets, which costs no lag, since it is younger than voice by a packet's length and the codec's
 * look-ahead. That look-ahead is left for voice that the uplink's jitter delays.
 */
export function holdMs(voice: Voice, frameMs: number): number {
  return voice === 1 ? 0 : Math.round((voice + 0.3) * frameMs);
}
