// What a page does with the SDK: compiled with the browser's types alone, bundled, never run.
import { connectRoom, HayateError, type RelayTarget, watch } from '@hayate/client';
import { VoiceBuffer } from '@hayate/client/voice';

export function show(target: RelayTarget, canvas: HTMLCanvasElement): () => void {
  const context = canvas.getContext('2d');
  const room = connectRoom(target);
  const watcher = watch(room);
  const stop = watcher.onFrame(({ frame, lagMs, uncertaintyMs }) => {
    context?.fillText(`${frame.values[0]} ${lagMs} ± ${uncertaintyMs}`, 0, 0);
  });
  room.comment('hello').catch((error: unknown) => {
    if (error instanceof HayateError && error.retryable) context?.fillText(error.code, 0, 20);
  });
  return () => {
    stop();
    watcher.close();
    room.close();
  };
}

export { VoiceBuffer };
