import { ARKIT_CHANNELS } from '@hayate/codec/motion';

export type ChannelName = (typeof ARKIT_CHANNELS)[number];

export const CHANNEL_COUNT = ARKIT_CHANNELS.length;
/** The first of them are shares (0..1); the rest are angles in rad. */
export const BLENDSHAPE_COUNT = 52;
/** Where each channel sits in `MotionFrame.values`. */
export const CH = Object.fromEntries(ARKIT_CHANNELS.map((name, index) => [name, index])) as Readonly<
  Record<ChannelName, number>
>;
