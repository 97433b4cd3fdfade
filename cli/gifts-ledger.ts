import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { HayateError } from '@hayate/codec/errors';
import { Days, LedgerSnapshot, type SnapshotQuery } from '@hayate/relay/books';
import { openSqliteLedger, type SqliteLedger } from '@hayate/relay/ledger';
import { type Command, Option } from 'commander';
import { stateDirOption } from './target.ts';
import { UsageError } from './usage.ts';

export interface LedgerOptions {
  ledger?: string;
  stateDir: string;
  json?: true;
}

export interface TimeOptions {
  from?: string;
  to?: string;
  tz: string;
  liver?: string;
}

export function addLedgerOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--ledger <file>', 'the ledger (default: ledger.db in --state-dir)').env(
        'HAYATE_RELAY_GIFTS_LEDGER_FILE',
      ),
    )
    .addOption(stateDirOption())
    .option('--json', 'answers as JSON on standard output');
}

export function addTimeOptions(command: Command): Command {
  return command
    .option('--from <day>', 'first day (2026-01-31), or a time (2026-01-31T09:00:00Z)')
    .option('--to <day>', 'last day, with all of it; or a time, without it')
    .option('--tz <zone>', 'time zone of days, IANA', 'UTC')
    .option('--liver <id>', 'only of this liver');
}

export function ledgerFile({ ledger, stateDir }: LedgerOptions): string {
  return resolve(ledger ?? resolve(stateDir, 'ledger.db'));
}

/** Reads a ledger at one moment, beside a running relay. */
export async function withSnapshot<T>(
  options: LedgerOptions,
  use: (snapshot: LedgerSnapshot) => T | Promise<T>,
): Promise<T> {
  const snapshot = new LedgerSnapshot(ledgerFile(options));
  try {
    return await use(snapshot);
  } finally {
    snapshot.close();
  }
}

/** Opens a ledger to write, beside a running relay; checks all of it first. Never makes a new one. */
export async function withLedger<T>(options: LedgerOptions, use: (ledger: SqliteLedger) => Promise<T>): Promise<T> {
  const path = ledgerFile(options);
  if (!existsSync(path)) throw new HayateError('invalid_argument', `there is no ledger ${path}`);
  const ledger = await openSqliteLedger({ path });
  try {
    return await use(ledger);
  } finally {
    await ledger.close();
  }
}

/** @throws UsageError */
export function timeQuery({ from, to, tz, liver }: TimeOptions): { query: SnapshotQuery; days: Days } {
  const days = asUsage(() => new Days(tz));
  const fromMs = from === undefined ? undefined : instant(from, (day) => days.start(day));
  const toMs = to === undefined ? undefined : instant(to, (day) => days.end(day));
  if (fromMs !== undefined && toMs !== undefined && fromMs >= toMs) throw new UsageError('--from is not before --to');
  const query: SnapshotQuery = {};
  if (fromMs !== undefined) query.fromMs = fromMs;
  if (toMs !== undefined) query.toMs = toMs;
  if (liver !== undefined) query.liver = liver;
  return { query, days };
}

function instant(text: string, ofDay: (day: string) => number): number {
  if (!text.includes('T')) return asUsage(() => ofDay(text));
  // Without a zone it would be read in that of this machine.
  const ms = /(Z|[+-]\d\d:\d\d)$/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(ms) || ms < 0) throw new UsageError(`${text} is no time: write 2026-01-31T09:00:00Z or with +09:00`);
  return ms;
}

function asUsage<T>(parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (error instanceof HayateError && error.code === 'invalid_argument') throw new UsageError(error.message);
    throw error;
  }
}

/** A line of progress on standard error, where somebody looks at it; once a second at most. */
export function progress(): { tell(text: string): void; end(): void } {
  let lastMs = performance.now();
  let shown = false;
  return {
    tell(text) {
      const now = performance.now();
      if (!process.stderr.isTTY || now - lastMs < 1000) return;
      lastMs = now;
      shown = true;
      process.stderr.write(`\r${text}\u001b[K`);
    },
    end() {
      if (shown) process.stderr.write('\r\u001b[K');
    },
  };
}

export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

/** For terminals: names come from users. */
export function plain(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '?');
}
