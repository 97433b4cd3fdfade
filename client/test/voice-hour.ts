import { PlayoutSchedule } from '../watch/schedule.ts';
import { VoiceBuffer } from '../watch/voice-buffer.ts';
import { VoiceTrack } from '../watch/voice-track.ts';

/** Samples a second: fewer than a voice has, so that an hour of them takes a second. */
const RATE = 4000;
const PACKET = RATE / 50;
const BLOCK = RATE / 100;
/** As the page: its block is read ahead of the ear. */
const RESERVE_MS = 14;

export interface Hour {
  seconds: number;
  /** The liver's crystal and the viewer's sound card against their monotonic clocks, ppm. */
  micPpm: number;
  cardPpm: number;
  oneWayMs: number;
  jitterMs: number;
  /** Does the viewer take its positions from where the run is, or from a first guess? The second is the control. */
  follow?: boolean;
  reserveMs?: number;
}

function chance(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/**
 * A voice from the microphone to the sound card in simulated time, as the page does it: anchors each 50 ms, blocks of 10 ms.
 */
export function listen({ seconds, micPpm, cardPpm, oneWayMs, jitterMs, follow = true, reserveMs = RESERVE_MS }: Hour) {
  const random = chance(7);
  const schedule = new PlayoutSchedule({ budgetMs: 100, voiceReserveMs: reserveMs });
  const track = new VoiceTrack(RATE);
  const buffer = new VoiceBuffer(RATE);
  const packet = new Float32Array(PACKET).fill(0.25);
  const block = new Float32Array(BLOCK);
  const inFlight: { sequence: number; captureMs: number; receivedMs: number }[] = [];
  let sequence = 0;
  let first: number | undefined;
  let missed = 0;
  let anchor = { at: Number.NaN, cardSeconds: 0, pace: 1 };
  let leastMs = Number.POSITIVE_INFINITY;
  let mostMs = Number.NEGATIVE_INFINITY;
  // The card's blocks are the clock of this loop.
  for (let blocks = 0; ; blocks++) {
    const cardSeconds = (blocks * BLOCK) / RATE;
    const nowMs = (cardSeconds * 1000) / (1 + cardPpm / 1e6);
    if (nowMs > seconds * 1000) break;
    for (;;) {
      const captureMs = (sequence * 20) / (1 + micPpm / 1e6);
      if (captureMs + 20 > nowMs) break;
      inFlight.push({ sequence, captureMs, receivedMs: captureMs + 20 + oneWayMs + random() * jitterMs });
      sequence += 1;
    }
    for (let i = 0; i < inFlight.length; i++) {
      const unit = inFlight[i]!;
      if (unit.receivedMs > nowMs) continue;
      inFlight.splice(i--, 1);
      // The wire has times in 1/16 ms.
      const captureMs = Math.floor(unit.captureMs * 16) / 16;
      const due = schedule.arrive('voice', { ...unit, captureMs });
      if (due === undefined) {
        missed += 1;
        continue;
      }
      const at = track.place({ sequence: unit.sequence, captureMs, samples: PACKET });
      first ??= at;
      buffer.write(follow ? at : first + unit.sequence * PACKET, packet);
    }
    if (first !== undefined && blocks % 5 === 0) {
      const captureMs = nowMs - schedule.voiceDelayMs;
      const at = follow ? track.positionAt(captureMs) : first + (captureMs / 1000) * RATE;
      anchor = { at, cardSeconds, pace: follow ? 1 + track.drift : 1 };
    }
    if (Number.isNaN(anchor.at)) continue;
    const target = anchor.at + (cardSeconds - anchor.cardSeconds) * RATE * anchor.pace;
    buffer.read(block, target, anchor.pace);
    if (nowMs < 10_000) continue;
    const offMs = ((target - buffer.position) / RATE) * 1000;
    leastMs = Math.min(leastMs, offMs);
    mostMs = Math.max(mostMs, offMs);
  }
  const { counts } = buffer;
  return {
    gapRatio: counts.concealed / (counts.concealed + counts.played),
    missed: missed / sequence,
    counts,
    offMs: Math.max(-leastMs, mostMs),
    drift: track.drift,
  };
}
