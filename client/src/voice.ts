/**
 * Sound of a viewer, without the network: for pages and their audio worklets, which import nothing else.
 * @module @hayate/client/voice
 */
export { VoiceBuffer, type VoiceCounts } from '../watch/voice-buffer.ts';
export { type PlacedPacket, VoiceTrack } from '../watch/voice-track.ts';
