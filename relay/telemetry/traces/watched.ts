import type { Logger } from 'pino';

interface Result {
  code: number;
  error?: Error;
}

interface Exporter<T> {
  export(items: T, done: (result: Result) => void): void;
}

/**
 * The same exporter; what comes of its exports is told, and when it stops or begins to work the log says so: the SDK drops what
 * cannot be exported without a word.
 * @param what in the log, as `spans`
 * @param to in the log, as `otlp`
 */
export function watched<T, E extends Exporter<T>>(
  exporter: E,
  { what, to, log }: { what: string; to: string; log: Logger },
  onResult: (items: T, sent: boolean) => void = () => {},
): E {
  const send = exporter.export.bind(exporter);
  let failing = false;
  exporter.export = (items, done) => {
    send(items, (result) => {
      const sent = result.code === 0;
      onResult(items, sent);
      if (failing === sent) {
        failing = !sent;
        if (failing) log.warn({ to, why: wordsOf(result.error) }, `${what} cannot be exported, and get lost`);
        else log.info({ to }, `${what} are exported again`);
      }
      done(result);
    });
  };
  return exporter;
}

/** Without address and headers: they may hold a key. An answer's text is the collector's own, and is left out. */
function wordsOf(error: (Error & { code?: unknown }) | undefined): string {
  if (error?.code !== undefined) return String(error.code);
  return error?.name ?? 'unknown';
}
