import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import type { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { CSV_HEAD, csvLine, type DeliveryStatus, exportRecord, type SnapshotRecord } from '@hayate/relay/books';
import { Command, Option } from 'commander';
import {
  addLedgerOptions,
  addTimeOptions,
  type LedgerOptions,
  plain,
  printJson,
  progress,
  type TimeOptions,
  timeQuery,
  withSnapshot,
} from '../gifts-ledger.ts';
import { numberFrom } from '../usage.ts';

type ReadOptions = LedgerOptions & TimeOptions & { status?: DeliveryStatus };

const STATUSES: DeliveryStatus[] = ['delivered', 'waiting', 'dead'];
const PROGRESS_RECORDS = 1000;

function statusOption(): Option {
  return new Option('--status <status>', 'only what is there on its way to the backend').choices(STATUSES);
}

export function listCommand(): Command {
  const command = new Command('list')
    .description('Records by time, with where they are on their way to the backend.')
    .addOption(statusOption())
    .option('--limit <n>', 'so many at most', numberFrom(1, 1e9), 50)
    .action(list);
  return addLedgerOptions(addTimeOptions(command));
}

async function list(options: ReadOptions & { limit: number }): Promise<void> {
  const { status, limit, json } = options;
  const { query } = timeQuery(options);
  await withSnapshot(options, (snapshot) => {
    let shown = 0;
    let more = false;
    for (const record of snapshot.records({ ...query, ...(status && { status }) })) {
      if (shown === limit) {
        more = true;
        break;
      }
      shown++;
      if (json) printJson(exportRecord(record));
      else process.stdout.write(`${lineOf(record)}\n`);
    }
    if (!json) process.stderr.write(more ? `the first ${shown}; --limit gives more\n` : `${shown} records\n`);
  });
}

export function lineOf(record: SnapshotRecord): string {
  const { id, atMs, kind, amount, currency, sender, liver, item, room, key, gift, status } = record;
  const signed = kind === 'gift' ? String(amount) : `-${amount}`;
  const what = gift === null ? key : `${key} of ${gift}`;
  const words = [
    id,
    new Date(atMs).toISOString(),
    kind,
    `${signed} ${currency}`,
    `${sender} to ${liver}`,
    item,
    room,
    what,
    status,
  ];
  return words.map((word) => plain(String(word))).join('  ');
}

export function exportCommand(): Command {
  const command = new Command('export')
    .description('Records by time as CSV or JSON lines, of one moment, record by record.')
    .addOption(statusOption())
    .addOption(
      new Option('--format <name>', 'jsonl gives every text as it is').choices(['jsonl', 'csv']).default('jsonl'),
    )
    .option('--out <file>', 'a new file (default: standard output)')
    .action(write);
  return addLedgerOptions(addTimeOptions(command));
}

async function write(options: ReadOptions & { format: 'jsonl' | 'csv'; out?: string }): Promise<void> {
  const { status, format, out, json } = options;
  const { query } = timeQuery(options);
  // 0600: it says who paid what. Never over another file.
  const file = out === undefined ? undefined : createWriteStream(out, { flags: 'wx', mode: 0o600 });
  if (file) await once(file, 'open');
  const sink: Writable = file ?? process.stdout;
  const shown = progress();
  const records = await withSnapshot(options, async (snapshot) => {
    let count = 0;
    if (format === 'csv') sink.write(CSV_HEAD);
    for (const record of snapshot.records({ ...query, ...(status && { status }) })) {
      const line = exportRecord(record);
      // One record in memory at a time, however slow the reader is.
      if (!sink.write(format === 'csv' ? csvLine(line) : `${JSON.stringify(line)}\n`) && file)
        await once(file, 'drain');
      if (++count % PROGRESS_RECORDS === 0) shown.tell(`${count} records`);
    }
    return count;
  });
  shown.end();
  if (!file) return;
  file.end();
  await finished(file);
  if (json) printJson({ records, file: out });
  else process.stderr.write(`${records} records in ${out}\n`);
}
