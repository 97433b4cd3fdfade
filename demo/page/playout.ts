/** Decoding, the hop to the audio thread and its block: what the playout keeps free before a packet is due. */
const AUDIO_RESERVE_MS = 14;

/**
 * How the viewer's page plays. Half a refresh is what a pose waits for on average. A page far away is better late than empty:
 * it says how late.
 */
export const PAGE_PLAYOUT = { voiceReserveMs: AUDIO_RESERVE_MS, displayMs: 8, maxLagMs: 1000 };
