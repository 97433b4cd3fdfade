/** Stops by signals: the first one asks, the second one ends the process at once. */
export interface Interrupt {
  readonly signal: AbortSignal;
  /** Resolves at the first SIGINT or SIGTERM, or after so many seconds. */
  wait(seconds?: number): Promise<void>;
  /** No more of it: the next signal kills as usual. */
  dispose(): void;
}

export function onInterrupt(): Interrupt {
  const abort = new AbortController();
  const asked = Promise.withResolvers<void>();
  const handle = (signal: NodeJS.Signals) => {
    if (abort.signal.aborted) process.exit(signal === 'SIGINT' ? 130 : 143);
    abort.abort(signal);
    asked.resolve();
  };
  process.on('SIGINT', handle);
  process.on('SIGTERM', handle);
  return {
    signal: abort.signal,
    wait: async (seconds) => {
      const limit = seconds === undefined ? undefined : setTimeout(asked.resolve, seconds * 1000);
      await asked.promise;
      clearTimeout(limit);
    },
    dispose: () => {
      process.off('SIGINT', handle);
      process.off('SIGTERM', handle);
    },
  };
}
