// Child of the comparison of browsers: the Node client, playing as the page does.
import { type PlayoutStats, type Watcher, watch } from '@hayate/client';
import { PAGE_PLAYOUT } from '../../demo/page/playout.ts';
import { SAMPLE_MS, type Window } from '../lag/window.ts';
import type { RelayAddress } from '../lib/raw-session.ts';

let watcher: Watcher | undefined;
let face: number[] = [];
let voice: number[] = [];

const stats = (): PlayoutStats | undefined => watcher?.stats().slots.values().next().value?.playout;

async function open(to: RelayAddress): Promise<void> {
  const { url, hash, token } = to;
  watcher = watch({ url, certificateHashes: [hash], token }, { playout: PAGE_PLAYOUT });
  await watcher.ready;
  setInterval(() => {
    const now = stats();
    if (!now) return;
    face.push(now.delayMs);
    voice.push(now.voiceDelayMs);
  }, SAMPLE_MS);
}

/** What was sampled since the last call. */
function take(): Window | undefined {
  const now = stats();
  if (!now) return undefined;
  const out = { face, voice, counts: { motion: now.motion, voice: now.voice } };
  face = [];
  voice = [];
  return out;
}

process.on('message', async (m: { ask: string; to: RelayAddress }) => {
  if (m.ask === 'open') {
    await open(m.to);
    process.send?.({ answer: 'open', value: null });
  }
  if (m.ask === 'take') process.send?.({ answer: 'take', value: take() });
});
