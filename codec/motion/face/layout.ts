import { ARKIT_CHANNELS, BLENDSHAPE_COUNT } from '../channels.ts';
import layout from './layout.json' with { type: 'json' };

/** hi: an iPhone's tracker through unharmed; std: what a viewer can tell apart; lo: for a congested path. */
export const PROFILES = ['hi', 'std', 'lo'] as const;
/** `hi`, `std` or `lo`: finer or fewer bytes. */
export type Profile = (typeof PROFILES)[number];

interface Channel {
  name: string;
  plus: string;
  minus?: string;
  kind: keyof typeof layout.maximum;
}

const channels = layout.channels as Channel[];
const index = (name: string): number => (ARKIT_CHANNELS as readonly string[]).indexOf(name);

/** Coded channels: each is one of the 61, or the difference of two that exclude each other. */
export const CODED = channels.length;
/** ARKit channel of a coded channel's value where it is positive. */
export const PLUS: Int32Array = Int32Array.from(channels, (channel) => index(channel.plus));
/** ARKit channel that takes the negative part, or -1. */
export const MINUS: Int32Array = Int32Array.from(channels, (channel) => (channel.minus ? index(channel.minus) : -1));
/** Coded channels that stand for two: their overlap is coded beside in the unmerged mode. */
export const MERGED: readonly number[] = [...MINUS.keys()].filter((channel) => MINUS[channel] !== -1);

export interface Quantiser {
  /** Natural units of a step, by coded channel. */
  readonly step: Float64Array;
  /** Least and greatest value in steps. */
  readonly low: Int32Array;
  readonly high: Int32Array;
  /** Step and greatest value of an extra parameter. */
  readonly extraStep: number;
  readonly extraHigh: number;
}

function quantiser(profile: Profile): Quantiser {
  const steps = layout.steps[profile];
  const step = Float64Array.from(channels, ({ kind }) => steps[kind]);
  const high = Int32Array.from(channels, ({ kind }) => Math.floor(layout.maximum[kind] / steps[kind]));
  const low = Int32Array.from(channels, (_, c) => (signed(c) ? -high[c]! : 0));
  return { step, low, high, extraStep: steps.fine, extraHigh: Math.floor(1 / steps.fine) };
}

function signed(channel: number): boolean {
  return MINUS[channel] !== -1 || PLUS[channel]! >= BLENDSHAPE_COUNT;
}

export const QUANTISERS: Readonly<Record<Profile, Quantiser>> = {
  hi: quantiser('hi'),
  std: quantiser('std'),
  lo: quantiser('lo'),
};

/** ARKit channels by what a person would name; for reports. */
export const FACE_CHANNEL_GROUPS: Readonly<Record<string, readonly number[]>> = group();

function group(): Record<string, number[]> {
  const groups: [string, RegExp][] = [
    ['eyes', /^eye/],
    ['brows', /^brow/],
    ['jaw_mouth', /^(jaw|mouth)/],
    ['cheeks_nose_tongue', /^(cheek|nose|tongue)/],
    ['head', /^head/],
    ['eye_angles', /^(left|right)Eye/],
  ];
  const found = groups.map(([name, pattern]): [string, number[]] => [
    name,
    [...ARKIT_CHANNELS.keys()].filter((channel) => pattern.test(ARKIT_CHANNELS[channel]!)),
  ]);
  return Object.fromEntries(found);
}
