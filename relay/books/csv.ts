import type { SnapshotRecord } from '../ledger/sqlite/snapshot.ts';
import { idempotencyKey } from '../webhook/event.ts';

const COLUMNS = [
  'idempotencyKey',
  'id',
  'room',
  'sequence',
  'kind',
  'key',
  'atMs',
  'sender',
  'liver',
  'item',
  'amount',
  'currency',
  'reg',
  'shownAtMs',
  'gift',
  'reason',
  'deliveredAtMs',
  'status',
] as const;

export type ExportRecord = { idempotencyKey: string } & Omit<SnapshotRecord, 'attempts'>;

export function exportRecord({ attempts: _, ...record }: SnapshotRecord): ExportRecord {
  return { idempotencyKey: idempotencyKey(record), ...record };
}

/** RFC 4180, with its line end. */
export const CSV_HEAD = `${COLUMNS.join(',')}\r\n`;

export function csvLine(record: ExportRecord): string {
  return `${COLUMNS.map((column) => cell(record[column])).join(',')}\r\n`;
}

/**
 * Names come from users: a spreadsheet runs a text that begins like a formula. Such a one gets an apostrophe in front, so only
 * JSON lines give every text back as it was.
 */
function cell(value: string | number | null): string {
  if (value === null) return '';
  if (typeof value === 'number') return String(value);
  const text = /^[\s=+\-@|%]/.test(value) ? `'${value}` : value;
  return /[",\r\n;]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** The cells of one line. Cells do not hold line ends. */
export function parseCsvLine(line: string): string[] {
  const cells: string[] = [];
  let at = 0;
  for (;;) {
    let text = '';
    if (line[at] === '"') {
      at++;
      for (; at < line.length; at++) {
        if (line[at] !== '"') text += line[at];
        else if (line[at + 1] === '"') text += line[at++];
        else break;
      }
      at++;
    } else {
      const end = line.indexOf(',', at);
      text = line.slice(at, end === -1 ? line.length : end);
      at += text.length;
    }
    cells.push(text);
    if (line[at] !== ',') return cells;
    at++;
  }
}
