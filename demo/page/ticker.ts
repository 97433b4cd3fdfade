const WORKER =
  'let id; onmessage = (e) => { clearInterval(id); if (e.data) id = setInterval(() => postMessage(0), e.data); };';

/** Calls `onTick` about every `intervalMs`, in hidden pages too (a page's own timers stop there). Returns the way to stop. */
export function startTicker(intervalMs: number, onTick: () => void): () => void {
  const url = URL.createObjectURL(new Blob([WORKER], { type: 'text/javascript' }));
  const worker = new Worker(url);
  URL.revokeObjectURL(url);
  worker.onmessage = onTick;
  worker.postMessage(intervalMs);
  return () => worker.terminate();
}
