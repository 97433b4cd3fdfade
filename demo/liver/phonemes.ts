/** What the mouth and the vocal tract do for each sound. Formants in Hz (a light, high voice), mouth shapes 0..1. */
export interface Vowel {
  formants: readonly [number, number, number];
  /** Loudness against `a`. */
  gain: number;
  open: number;
  wide: number;
  round: number;
}

export const VOWELS: Readonly<Record<string, Vowel>> = {
  a: { formants: [850, 1350, 2850], gain: 1, open: 0.78, wide: 0.12, round: 0 },
  i: { formants: [340, 2650, 3350], gain: 0.52, open: 0.2, wide: 0.8, round: 0 },
  u: { formants: [380, 1300, 2600], gain: 0.5, open: 0.2, wide: 0, round: 0.75 },
  e: { formants: [560, 2200, 2950], gain: 0.75, open: 0.46, wide: 0.5, round: 0 },
  o: { formants: [540, 930, 2750], gain: 0.8, open: 0.52, wide: 0, round: 0.7 },
};

export interface Consonant {
  /** Silence or murmur before the release, ms. */
  closureMs: number;
  /** Length of what follows the closure, ms. */
  noiseMs: number;
  /** Voicing during all of it, against a full vowel. */
  voicing: number;
  frication: number;
  fricationHz: number;
  /** Noise through the vowel's formants, as in `h`. */
  aspiration: number;
  nasal: number;
  /** 1: the lips meet. */
  lips: number;
  /** How open the jaw stays, against the vowel that follows. */
  jaw: number;
  round: number;
  tongue: number;
  /** Starts from this vowel's formants (glides). */
  from?: string;
}

const base: Consonant = {
  closureMs: 0,
  noiseMs: 0,
  voicing: 0,
  frication: 0,
  fricationHz: 4000,
  aspiration: 0,
  nasal: 0,
  lips: 0,
  jaw: 0.5,
  round: 0,
  tongue: 0,
};

export const CONSONANTS: Readonly<Record<string, Consonant>> = {
  '': base,
  k: { ...base, closureMs: 45, noiseMs: 22, frication: 0.5, fricationHz: 2000, jaw: 0.45 },
  g: { ...base, closureMs: 35, noiseMs: 14, voicing: 0.25, frication: 0.25, fricationHz: 1900, jaw: 0.45 },
  t: { ...base, closureMs: 42, noiseMs: 18, frication: 0.5, fricationHz: 4600, jaw: 0.25, tongue: 0.5 },
  d: { ...base, closureMs: 32, noiseMs: 10, voicing: 0.25, frication: 0.25, fricationHz: 4200, jaw: 0.25, tongue: 0.5 },
  p: { ...base, closureMs: 55, noiseMs: 14, frication: 0.35, fricationHz: 1100, lips: 1, jaw: 0.1 },
  b: { ...base, closureMs: 45, noiseMs: 8, voicing: 0.25, frication: 0.15, fricationHz: 1000, lips: 1, jaw: 0.1 },
  ch: { ...base, closureMs: 32, noiseMs: 62, frication: 0.7, fricationHz: 3700, jaw: 0.12, round: 0.3 },
  ts: { ...base, closureMs: 32, noiseMs: 55, frication: 0.6, fricationHz: 6500, jaw: 0.1 },
  s: { ...base, noiseMs: 88, frication: 0.6, fricationHz: 6800, jaw: 0.1 },
  sh: { ...base, noiseMs: 88, frication: 0.7, fricationHz: 3600, jaw: 0.12, round: 0.35 },
  z: { ...base, noiseMs: 70, voicing: 0.35, frication: 0.35, fricationHz: 6500, jaw: 0.12 },
  j: { ...base, closureMs: 20, noiseMs: 45, voicing: 0.35, frication: 0.4, fricationHz: 3500, jaw: 0.15, round: 0.3 },
  h: { ...base, noiseMs: 60, aspiration: 0.7, jaw: 0.8 },
  f: { ...base, noiseMs: 65, aspiration: 0.2, frication: 0.25, fricationHz: 1500, jaw: 0.25, lips: 0.35, round: 0.3 },
  n: { ...base, noiseMs: 58, voicing: 0.5, nasal: 1, jaw: 0.3, tongue: 0.4 },
  m: { ...base, noiseMs: 66, voicing: 0.5, nasal: 1, lips: 1, jaw: 0.05 },
  r: { ...base, noiseMs: 26, voicing: 0.4, jaw: 0.45, tongue: 0.7 },
  w: { ...base, noiseMs: 58, voicing: 0.6, jaw: 0.3, round: 0.9, from: 'u' },
  y: { ...base, noiseMs: 58, voicing: 0.6, jaw: 0.4, from: 'i' },
};

/** One line of speech: morae parted by spaces, `-` lengthens, `,` pauses, `N` is the syllabic n. */
export interface Phrase {
  morae: string;
  smile: number;
  brow: number;
  /** Rises at its end. */
  question?: boolean;
}

export const PHRASES: readonly Phrase[] = [
  { morae: 'ko N ni chi wa , ha ya te de su', smile: 0.6, brow: 0.3 },
  { morae: 'kyo - mo ki te ku re te , a ri ga to -', smile: 0.85, brow: 0.45 },
  { morae: 'ki ko e te i ma su ka', smile: 0.25, brow: 0.65, question: true },
  { morae: 'ya - , o mo shi ro i ne', smile: 0.9, brow: 0.35 },
  { morae: 'yu k ku ri , shi te i t te ne', smile: 0.5, brow: 0.15 },
  { morae: 'e - , ho N to - ni', smile: 0.15, brow: 0.85, question: true },
  { morae: 'ko me N to mo , ma t te ma su', smile: 0.65, brow: 0.3 },
  { morae: 'ka ze no yo - ni , ha ya ku to do ku yo', smile: 0.4, brow: 0.2 },
  { morae: 'fu fu , na N de mo na i', smile: 0.95, brow: 0.2 },
  { morae: 'so re ja a , hi to tsu u ta o', smile: 0.55, brow: 0.4 },
];
