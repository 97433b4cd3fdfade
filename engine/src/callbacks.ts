/** Runs what a user gave us: what it throws becomes an uncaught exception, but never stops the events after it. */
export function callUser(f: () => void): void {
  try {
    f();
  } catch (error) {
    throwLater(error);
  }
}

export function throwLater(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}

/** A promise whose rejection nobody has to handle. */
export function quiet<T>(): PromiseWithResolvers<T> {
  const p = Promise.withResolvers<T>();
  p.promise.catch(() => {});
  return p;
}
