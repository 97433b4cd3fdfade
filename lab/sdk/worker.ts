import { type RelayTarget, watch } from '@hayate/client';

/** The SDK in a dedicated worker: tells the page how many frames it showed, and what it is. */
addEventListener('message', ({ data }: MessageEvent<RelayTarget>) => {
  const watcher = watch(data);
  let frames = 0;
  watcher.onFrame(({ frame, lagMs }) => {
    frames += 1;
    postMessage({ frames, channels: frame.values.length, lagMs, document: typeof document });
  });
  watcher.ready.then(
    () => postMessage({ frames, ready: true }),
    ({ code }: { code: string }) => postMessage({ frames, failed: code }),
  );
});
