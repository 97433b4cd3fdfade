import { type Logger, pino } from 'pino';

/** A logger whose lines are kept, `info` and above. */
export function collectedLog(): { log: Logger; lines: Record<string, unknown>[]; codes(): unknown[] } {
  const lines: Record<string, unknown>[] = [];
  const log = pino({ level: 'info' }, { write: (line: string) => void lines.push(JSON.parse(line)) });
  return { log, lines, codes: () => lines.map(({ code }) => code).filter((code) => code !== undefined) };
}
