import { CONSONANTS, PHRASES, type Phrase, VOWELS } from './phonemes.ts';
import { createRandom } from './random.ts';

/** Control rate of every track: one value each 5 ms. */
export const STEP_US = 5000;

interface Syllable {
  startUs: number;
  endUs: number;
  text: string;
}

/** Voice tracks drive the synthesiser, mouth tracks the face; both come from the same syllables. */
interface SpeechTracks {
  voicing: Float32Array;
  aspiration: Float32Array;
  frication: Float32Array;
  fricationHz: Float32Array;
  nasal: Float32Array;
  pitchHz: Float32Array;
  formant1: Float32Array;
  formant2: Float32Array;
  formant3: Float32Array;
  open: Float32Array;
  wide: Float32Array;
  round: Float32Array;
  lips: Float32Array;
  tongue: Float32Array;
  smile: Float32Array;
  brow: Float32Array;
  /** 1 while a phrase runs, with soft edges. */
  talking: Float32Array;
  /** Emphasis of the syllable: moves head and brows. */
  accent: Float32Array;
}

/** A loop of speech: everything repeats after `loopUs`. */
export interface Speech {
  readonly seed: number;
  readonly loopUs: number;
  readonly syllables: readonly Syllable[];
  readonly tracks: Readonly<SpeechTracks>;
}

interface Sound {
  consonant: string;
  vowel: string;
  startUs: number;
  endUs: number;
  pitch: number;
  accent: number;
}

const BASE_PITCH_HZ = 235;

function splitMora(mora: string): [consonant: string, vowel: string] {
  const vowel = mora.at(-1)!;
  if (!(vowel in VOWELS)) return [mora, ''];
  const head = mora.slice(0, -1);
  if (head.length > 1 && head.endsWith('y')) return [head.slice(0, -1), vowel];
  return [head, vowel];
}

/** Places a phrase's sounds from `fromUs` on; returns its end. */
function placePhrase(phrase: Phrase, fromUs: number, random: () => number, sounds: Sound[]): number {
  const morae = phrase.morae.split(' ');
  const first = sounds.length;
  let atUs = fromUs;
  for (const [index, mora] of morae.entries()) {
    const progress = index / morae.length;
    if (mora === ',') {
      atUs += 160_000;
      continue;
    }
    const last = sounds.at(-1);
    if (mora === '-' && last && sounds.length > first) {
      last.endUs += 120_000;
      atUs = last.endUs;
      continue;
    }
    const [consonant, vowel] = splitMora(mora);
    const accent = index % 3 === 1 ? 0.6 + 0.4 * random() : 0.25 * random();
    const final = index === morae.length - 1;
    let lengthUs = 118_000 + 36_000 * random() + (final ? 110_000 : 0);
    if (vowel === '') lengthUs = consonant === 'N' ? 105_000 : 85_000;
    const rise = phrase.question && progress > 0.75 ? 1 + 0.32 * ((progress - 0.75) * 4) : 1;
    const pitch = BASE_PITCH_HZ * (1.1 - 0.2 * progress) * (1 + 0.13 * accent) * rise;
    sounds.push({ consonant, vowel, startUs: atUs, endUs: atUs + lengthUs, pitch, accent });
    atUs += lengthUs;
  }
  return atUs;
}

function newTracks(steps: number): SpeechTracks {
  const track = () => new Float32Array(steps);
  return {
    voicing: track(),
    aspiration: track(),
    frication: track(),
    fricationHz: track().fill(4000),
    nasal: track(),
    pitchHz: track().fill(BASE_PITCH_HZ),
    formant1: track().fill(550),
    formant2: track().fill(1500),
    formant3: track().fill(2800),
    open: track(),
    wide: track(),
    round: track(),
    lips: track(),
    tongue: track(),
    smile: track(),
    brow: track(),
    talking: track(),
    accent: track(),
  };
}

function writeSound(tracks: SpeechTracks, sound: Sound): void {
  const syllabicNasal = sound.consonant === 'N';
  const consonant = CONSONANTS[syllabicNasal ? '' : sound.consonant] ?? CONSONANTS['']!;
  const vowel = VOWELS[sound.vowel];
  const shape = vowel ?? VOWELS['u']!;
  const glide = consonant.from ? VOWELS[consonant.from]! : shape;
  const steps = tracks.voicing.length;
  const from = Math.round(sound.startUs / STEP_US);
  const to = Math.min(steps, Math.round(sound.endUs / STEP_US));
  const closureEnd = from + Math.round((consonant.closureMs * 1000) / STEP_US);
  const noiseEnd = closureEnd + Math.round((consonant.noiseMs * 1000) / STEP_US);
  for (let step = from; step < to; step += 1) {
    const inConsonant = step < noiseEnd;
    const noisy = step >= closureEnd && inConsonant;
    const source = inConsonant ? glide : shape;
    tracks.formant1[step] = source.formants[0];
    tracks.formant2[step] = source.formants[1];
    tracks.formant3[step] = source.formants[2];
    tracks.pitchHz[step] = sound.pitch;
    tracks.accent[step] = sound.accent;
    tracks.fricationHz[step] = consonant.fricationHz;
    tracks.frication[step] = noisy ? consonant.frication : 0;
    tracks.aspiration[step] = noisy ? consonant.aspiration : 0;
    tracks.tongue[step] = inConsonant ? consonant.tongue : 0;
    tracks.lips[step] = inConsonant ? consonant.lips : 0;
    if (inConsonant) {
      tracks.voicing[step] = consonant.voicing * shape.gain;
      tracks.nasal[step] = consonant.nasal;
      tracks.open[step] = shape.open * consonant.jaw;
      tracks.wide[step] = shape.wide * 0.6;
      tracks.round[step] = Math.max(consonant.round, shape.round * 0.6);
    } else if (vowel) {
      tracks.voicing[step] = vowel.gain * (0.85 + 0.25 * sound.accent);
      tracks.open[step] = Math.min(1, vowel.open * (0.85 + 0.3 * sound.accent));
      tracks.wide[step] = vowel.wide;
      tracks.round[step] = vowel.round;
    } else if (syllabicNasal) {
      tracks.voicing[step] = 0.35;
      tracks.nasal[step] = 1;
      tracks.open[step] = 0.08;
    }
  }
}

/** Circular raised-cosine mean over `widthMs` on both sides: no delay, so lips and voice keep their common centre. */
function smooth(track: Float32Array, widthMs: number): void {
  const radius = Math.max(1, Math.round((widthMs * 1000) / STEP_US));
  const kernel = Float64Array.from(
    { length: 2 * radius + 1 },
    (_, i) => 1 + Math.cos((Math.PI * (i - radius)) / (radius + 1)),
  );
  const total = kernel.reduce((sum, weight) => sum + weight, 0);
  const source = Float32Array.from(track);
  for (let step = 0; step < track.length; step += 1) {
    let sum = 0;
    for (let k = -radius; k <= radius; k += 1) {
      sum += kernel[k + radius]! * source[(step + k + track.length) % track.length]!;
    }
    track[step] = sum / total;
  }
}

const SMOOTHING_MS: Readonly<Record<keyof SpeechTracks, number>> = {
  voicing: 12,
  aspiration: 10,
  frication: 7,
  fricationHz: 5,
  nasal: 12,
  pitchHz: 60,
  formant1: 25,
  formant2: 25,
  formant3: 25,
  open: 55,
  wide: 55,
  round: 55,
  lips: 40,
  tongue: 25,
  smile: 260,
  brow: 160,
  talking: 120,
  accent: 60,
};

/**
 * Writes about `loopUs` of speech: phrases in a seeded order with pauses between, silence at both ends, so that the loop
 * closes without a seam. `loopUs` must be a multiple of 20 ms (whole Opus packets).
 */
export function composeSpeech(seed: number, loopUs: number): Speech {
  if (loopUs < 4_000_000 || loopUs % 20_000 !== 0) {
    throw new RangeError('loopUs must be a multiple of 20 000 and at least 4 000 000');
  }
  const random = createRandom(seed);
  const tracks = newTracks(loopUs / STEP_US);
  const sounds: Sound[] = [];
  const deck = [...PHRASES.keys()];
  for (let i = deck.length - 1; i > 0; i -= 1) {
    const j = Math.floor(random() * (i + 1));
    [deck[i], deck[j]] = [deck[j]!, deck[i]!];
  }
  let atUs = 400_000;
  for (let turn = 0; ; turn += 1) {
    const phrase = PHRASES[deck[turn % deck.length]!]!;
    const placed: Sound[] = [];
    const endUs = placePhrase(phrase, atUs, random, placed);
    if (endUs > loopUs - 500_000) break;
    sounds.push(...placed);
    const from = Math.round(atUs / STEP_US);
    const to = Math.round(endUs / STEP_US);
    tracks.talking.fill(1, from, to);
    tracks.brow.fill(phrase.brow, from, to);
    const pauseUs = 450_000 + 700_000 * random();
    tracks.smile.fill(phrase.smile, from, Math.min(tracks.smile.length, to + Math.round(pauseUs / STEP_US)));
    atUs = endUs + pauseUs;
  }
  for (const sound of sounds) writeSound(tracks, sound);
  for (const name of Object.keys(SMOOTHING_MS) as (keyof SpeechTracks)[]) smooth(tracks[name], SMOOTHING_MS[name]);
  const syllables = sounds.map(({ startUs, endUs, consonant, vowel }) => ({ startUs, endUs, text: consonant + vowel }));
  return { seed, loopUs, syllables, tracks };
}

/** Value of a track at an instant, linear between its steps. */
export function sampleTrack(track: Float32Array, tUs: number): number {
  const position = tUs / STEP_US;
  const step = Math.floor(position);
  const share = position - step;
  const length = track.length;
  const low = track[((step % length) + length) % length]!;
  const high = track[(((step + 1) % length) + length) % length]!;
  return low + (high - low) * share;
}
