/** Runs in a worker: draws the avatars, so that the page's thread has its time for media. */
import { Avatar } from '../avatar/avatar.ts';
import { CHANNEL_COUNT } from '../avatar/channels.ts';
import type { Surroundings } from '../avatar/scene/light.ts';
import { type FromDrawWorker, readPoses, sharedNowMs, type ToDrawWorker } from './drawing/sheet.ts';

const avatars = new Map<number, Avatar>();
const values = new Float32Array(CHANNEL_COUNT);
let surroundings: Surroundings | undefined;

function say(message: FromDrawWorker, transfer: Transferable[] = []): void {
  (globalThis as unknown as Worker).postMessage(message, transfer);
}

function take(message: ToDrawWorker): void {
  if (message.type === 'add') {
    const avatar = new Avatar(message.canvas, message.slot);
    if (surroundings) avatar.light(surroundings);
    avatars.set(message.id, avatar);
  } else if (message.type === 'size') {
    avatars.get(message.id)?.resize(message.width, message.height);
  } else if (message.type === 'scene') {
    avatars.get(message.id)?.choose(message.scene);
  } else if (message.type === 'light') {
    surroundings = message.surroundings;
    for (const avatar of avatars.values()) avatar.light(surroundings);
  } else if (message.type === 'remove') {
    avatars.delete(message.id);
  } else {
    const { sheet, rows } = message;
    const beganMs = performance.now();
    const nowMs = sheet[0]!;
    try {
      readPoses(sheet, rows, values, (id, awake) => avatars.get(id)?.draw(values, nowMs, awake));
    } finally {
      // Whatever happens, else the page would wait for its sheets for ever.
      const tookMs = performance.now() - beganMs;
      say({ type: 'drawn', sheet, atMs: sharedNowMs(), tookMs }, [sheet.buffer]);
    }
  }
}

globalThis.onmessage = ({ data }: MessageEvent<ToDrawWorker>) => take(data);

/** Some browsers have the canvas in workers without a 2D context for it. */
const able = typeof OffscreenCanvas === 'function' && new OffscreenCanvas(1, 1).getContext('2d') !== null;
say({ type: 'able', able });
