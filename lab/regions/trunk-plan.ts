import type { DeliveryClass } from '@hayate/engine';

/** The link between two relays, and how it is used. */
export interface Hop {
  oceanMs: number;
  jitterMs: number;
  /** Share of time in which all is lost, in bursts of so many ms in the mean. */
  loss: number;
  burstMs: number;
  /** 0: CUBIC. */
  ceilingKbps: number;
  queueBytes: number;
  flushMs: number;
}

export type Class = Pick<DeliveryClass, 'repair' | 'spacingMs'>;

export interface Place {
  port: number;
  hash: string;
}

/** What the children of the bench are asked. */
export interface RelayQuestion {
  /** Answers with a Place. */
  listen: { rooms: number; firstAlias: number; livers: boolean; hop: Hop };
  dial: Place & { hop: Hop; seed: number };
  listening: { on: boolean };
}

export interface LoaderQuestion {
  /** A liver a room; viewers of either relay. */
  connect: { near: Place; far: Place; rooms: number; nearViewers: number; farViewers: number };
  load: { seconds: number; withinMs: number };
}

export interface Heard {
  /** Bundles and units that the livers sent. */
  units: number;
  /** Share of the frames that one viewer of each room could show exactly so long after their capture. */
  motion_exact: number;
  /** The same of voice packets. */
  voice_exact: number;
  /** Capture to the viewer's socket, ms; of units that came. */
  lag_ms: { p50: number; p99: number };
}

export const FRAME_MS = 1000 / 30;
export const VOICE_MS = 20;
export const KEY_INTERVAL = 8;
/** Payloads of a face-1 stream and of Opus at 24 kbit/s, in the mean. */
export const MOTION_BYTES = 25;
export const VOICE_BYTES = 75;
