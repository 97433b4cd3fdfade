/** Longest unit of face-1: 55 channels, 6 overlaps, 32 extras and the face, 16 bits each at most, and the end. */
export const MAX_UNIT_BYTES = 192;
