import { type Logger, type LoggerOptions, pino } from 'pino';

/** What may wait for whoever reads the log, bytes. */
const MOST_BYTES = 1 << 20;
const WARN = 40;

interface Lines {
  /** Bytes that were written and not taken yet. */
  readonly writableLength: number;
  write(text: string): unknown;
}

/**
 * Whoever reads a log may stand still (journald under load, a stopped `less`), and must not make the relay do so. Lines that
 * come while `mostBytes` wait are left out and counted; the next one that finds room comes after a line with their number.
 */
export function boundedLines(
  to: Lines,
  mostBytes = MOST_BYTES,
  nowMs: () => number = Date.now,
): { write(line: string): void } {
  let dropped = 0;
  return {
    write(line) {
      if (to.writableLength > mostBytes) {
        dropped += 1;
        return;
      }
      if (dropped > 0) {
        to.write(
          `${JSON.stringify({ level: WARN, time: nowMs(), dropped, msg: 'log lines that nobody read in time' })}\n`,
        );
        dropped = 0;
      }
      to.write(line);
    },
  };
}

/**
 * On standard error: standard output is a program's answer, and who reads that no more ends it. A pipe or socket is written
 * without waiting, a file or terminal at once. To be opened after child processes: libuv lets standard error block again where
 * it hands it to one.
 */
export function openLog(options: LoggerOptions): Logger {
  const { _handle: handle } = process.stderr as { _handle?: { setBlocking?(blocking: boolean): number } };
  handle?.setBlocking?.(false);
  return pino(options, boundedLines(process.stderr));
}
