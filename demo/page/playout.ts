/** Decoding, the hop to the audio thread and its block: what the playout keeps free before a packet is due. */
const AUDIO_RESERVE_MS = 14;

/**
 * How the viewer's page plays. Half a refresh is what a pose waits for on average. A page far away is better late than empty:
 * it says how late.
 */
export const PAGE_PLAYOUT = { voiceReserveMs: AUDIO_RESERVE_MS, displayMs: 8, maxLagMs: 1000 };

/**
 * The voice may come before the face by 20 ms. Of that half a frame at 60 Hz is the frame's own age, and a busy page draws a
 * frame late now and then.
 */
const MAX_LEAD_MS = 6;
/** A page that draws so slowly that the voice would wait longer has another trouble. */
const MAX_WAIT_MS = 60;

/** When the voice is due after capture, ms, beside a face that is seen `seenInMs` after it was drawn. */
export function voiceDelayBeside(
  { delayMs, voiceDelayMs }: { delayMs: number; voiceDelayMs: number },
  seenInMs: number,
): number {
  return Math.max(voiceDelayMs, Math.min(delayMs + seenInMs - MAX_LEAD_MS, voiceDelayMs + MAX_WAIT_MS));
}
