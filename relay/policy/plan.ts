import type { RepairKind } from '@hayate/codec/messages';
import type { DeliveryClass } from '../media/plane.ts';
import type { Tuning } from './tuning.ts';

export type Voice = DeliveryClass['voice'];

/** How many voice packets share a datagram, and when a repeat comes: one choice, because both spend the same time. */
export interface Plan {
  voice: Voice;
  repair: DeliveryClass['repair'];
  spacingMs: number;
}

export interface PlanInput {
  spareMs: number;
  frameMs: number;
  repair: RepairKind;
  /** From a datagram's loss to its repair when the viewer asks for it, ms; undefined: it may not. */
  requestMs: number | undefined;
  /** Before a datagram can be known to be lost, ms. */
  leastRttMs: number;
  /** Original, hold and repair must fit together; else repair alone and hold alone. */
  strict: boolean;
  bursty: boolean;
  atMost: Voice;
}

const SPACING_STEP_MS = 4;
/** A viewer waits so long for what should have come. */
const NOTICE_MS = 4;
/** Of a frame, that voice may be late. */
const HELD_SHARE = 0.3;
const NUMBERS: readonly Voice[] = [4, 3, 2];

/**
 * The most voice packets a datagram for which all fits. One always does: sending at once waits for nothing. A repeat on
 * request costs a few bytes where an unasked one costs as much as the media, so it is preferred where it fits as well.
 */
export function plan(input: PlanInput, tuning: Tuning): Plan {
  const { spareMs, frameMs, repair, requestMs } = input;
  const unasked = most(input, (voice) => (repair === 'none' ? 0 : voice * frameMs));
  if (repair !== 'none' && requestMs !== undefined && requestMs <= spareMs) {
    const asked = most(input, () => requestMs);
    if (asked >= unasked) return { voice: asked, repair: 'request', spacingMs: stepsOf(input.leastRttMs) };
  }
  return { voice: unasked, repair, spacingMs: spacing(unasked, (unasked - 1) * frameMs, input, tuning) };
}

/** Sooner after it was sent nobody can know that it is lost. In few values: viewers of one class share their payloads. */
function stepsOf(rttMs: number): number {
  return SPACING_STEP_MS * Math.round((rttMs + NOTICE_MS) / SPACING_STEP_MS);
}

function most(input: PlanInput, repairMs: (voice: Voice) => number): Voice {
  const { spareMs, frameMs, repair, strict, atMost } = input;
  for (const voice of NUMBERS) {
    if (voice > atMost) continue;
    const holdMs = (voice - 1) * frameMs;
    const needMs = repair === 'none' || strict ? holdMs + repairMs(voice) : Math.max(holdMs, repairMs(voice));
    if (needMs <= spareMs) return voice;
  }
  return 1;
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
  return voice === 1 ? 0 : Math.round((voice + HELD_SHARE) * frameMs);
}

/** Longest wait of units that ride along: the next voice packet of the others is at most a frame away, and its jitter. */
export function rideMs(frameMs: number): number {
  return Math.round((1 + HELD_SHARE) * frameMs);
}
