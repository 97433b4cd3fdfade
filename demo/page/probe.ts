import type { PlayoutStats, UnitCounts } from '@hayate/client';
import type { DrawFigures, Painter } from './drawing/painter.ts';
import type { Reading } from './engineer/meter.ts';
import { Skew } from './skew.ts';

/** What tests, and the curious at the console, can read: `window.hayate`. */
export interface PageProbe {
  role: 'viewer' | 'liver' | 'moderator';
  /** Of the room, or of the page before there is one: `starting`, `failed`. */
  state: string;
  transport: string | undefined;
  /** Undefined before the page drew anything. */
  drawing: () => ({ where: Painter['where'] } & DrawFigures) | undefined;
  /** Decoded frames that reached the canvas. */
  framesShown: number;
  /** From the navigation to the first of them, ms; NaN before. */
  readonly firstPictureMs: number;
  /** Capture to presentation of what the canvas shows now, ms; NaN before the first frame. */
  lagMs: number;
  uncertaintyMs: number;
  voicePackets: number;
  /** Voice samples that the audio graph took, at 48 kHz. */
  samplesPlayed: number;
  /** Voice samples that came when their time had passed. */
  samplesLate: number;
  /** First liver: voice at its hand-off to the audio graph against the face as it is seen, ten times a second. */
  skew: Skew;
  /** For measurements: the voice of livers sounds so much later than it should, ms. */
  voiceExtraMs: number;
  slots: number[];
  sent: { motion: number; voice: number };
  /** Liver: from a block's last sample to its Opus packet on the way, ms, smoothed. */
  encodeMs: number;
  comments: number;
  /** Comments that were left out. */
  missed: number;
  /** Reactions of the room so far. */
  reactions: number;
  /** In the room, as the relay counts; 0 before it told. */
  people: number;
  /** Where this page's wish to speak stands. */
  speaking: string;
  /** Tokens that the relay took while a session ran. */
  refreshed: number;
  /** Sessions that opened, and the code that the room ended with. */
  sessions: number;
  ended: string | undefined;
  /** Gifts of this page that the relay said are durable. */
  giftsGiven: number;
  /** Numbers of the gifts that were shown, as they came. */
  giftsShown: number[];
  /** Viewer: of the first liver; undefined before there is one. */
  playout: () => PlayoutStats | undefined;
  /** Viewer: capture to arrival in this page, of the first liver's face. */
  arrival: () => UnitCounts['lagMs'] | undefined;
  /** Of the engineer's view, while it is open. */
  engineer: () => Reading | undefined;
  /** The VRM that is worn. */
  costume: { name: string; perfect: boolean } | undefined;
  errors: string[];
}

declare global {
  interface Window {
    hayate: PageProbe;
  }
}

export function createProbe(role: PageProbe['role']): PageProbe {
  let [framesShown, firstPictureMs] = [0, Number.NaN];
  const probe: PageProbe = {
    role,
    state: 'starting',
    transport: undefined,
    drawing: () => undefined,
    get framesShown() {
      return framesShown;
    },
    set framesShown(count) {
      if (framesShown === 0 && count > 0) firstPictureMs = performance.now();
      framesShown = count;
    },
    get firstPictureMs() {
      return firstPictureMs;
    },
    skew: new Skew(),
    voiceExtraMs: 0,
    lagMs: Number.NaN,
    uncertaintyMs: Number.NaN,
    voicePackets: 0,
    samplesPlayed: 0,
    samplesLate: 0,
    slots: [],
    sent: { motion: 0, voice: 0 },
    encodeMs: 0,
    comments: 0,
    missed: 0,
    reactions: 0,
    people: 0,
    speaking: 'idle',
    refreshed: 0,
    sessions: 0,
    ended: undefined,
    giftsGiven: 0,
    giftsShown: [],
    playout: () => undefined,
    arrival: () => undefined,
    engineer: () => undefined,
    costume: undefined,
    errors: [],
  };
  window.hayate = probe;
  return probe;
}

export function report(probe: PageProbe, error: unknown): void {
  const { code, message } = (error ?? {}) as { code?: string; message?: string };
  probe.errors.push([code, message ?? String(error)].filter(Boolean).join(': '));
  if (probe.errors.length > 50) probe.errors.shift();
}
