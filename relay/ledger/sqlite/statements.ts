import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { PlacedRecord } from '../types.ts';
import { cursorSeal, deliverySeal, outboxSeal } from './schema.ts';

export const FIELDS = [
  'id, room, sequence, kind, key, at_ms AS atMs, sender, liver, item, currency, reg, amount',
  'shown_at_ms AS shownAtMs, gift, reason, checksum',
].join(', ');

/** A record as it lies on the disk. */
export type Row = PlacedRecord & { checksum: Uint8Array };

export type Statements = ReturnType<typeof prepareAll>;

/** Every statement of the ledger, prepared once a connection. */
export function prepareAll(db: DatabaseSync) {
  const prepare = (sql: string): StatementSync => db.prepare(sql);
  return {
    byKey: prepare(`SELECT ${FIELDS} FROM records WHERE kind = ? AND key = ?`),
    byId: prepare(`SELECT ${FIELDS} FROM records WHERE id = ?`),
    tail: prepare('SELECT id, checksum FROM records ORDER BY id DESC LIMIT 1'),
    head: prepare('SELECT sequence, checksum FROM records WHERE room = ? ORDER BY sequence DESC LIMIT 1'),
    checksumAt: prepare('SELECT checksum FROM records WHERE room = ? AND sequence = ?'),
    checksumOf: prepare('SELECT checksum FROM records WHERE id = ?'),
    taken: prepare('SELECT coalesce(sum(amount), 0) AS taken FROM records WHERE gift = ?'),
    append: prepare(`INSERT INTO records VALUES (${Array(16).fill('?').join(', ')})`),
    inRoom: prepare(`SELECT ${FIELDS} FROM records WHERE room = ? AND sequence > ? ORDER BY sequence LIMIT ?`),
    since: prepare(`SELECT ${FIELDS} FROM records WHERE id > ? ORDER BY id LIMIT ?`),
    byTime: prepare(
      `SELECT ${FIELDS}, (SELECT at_ms FROM deliveries WHERE deliveries.id = records.id) AS deliveredAtMs FROM records
       WHERE at_ms >= ?1 AND at_ms < ?2 AND (at_ms, id) > (?3, ?4) AND (?5 IS NULL OR liver = ?5)
       ORDER BY at_ms, id LIMIT ?6`,
    ),
    chain: prepare(`SELECT ${FIELDS} FROM records INDEXED BY records_room ORDER BY room, sequence`),
    ids: prepare('SELECT count(*) AS records, coalesce(max(id), 0) AS last FROM records'),
    undeliverable: prepare(
      `SELECT count(*) AS records FROM records
       WHERE id NOT IN (SELECT id FROM outbox) AND id NOT IN (SELECT id FROM deliveries)`,
    ),
    cursor: prepare('SELECT id FROM cursors WHERE name = ?'),
    moveCursor: prepare(
      `INSERT INTO cursors VALUES (?1, ?2, ${cursorSeal('?2')})
       ON CONFLICT DO UPDATE SET id = ?2, seal = ${cursorSeal('?2')} WHERE id < ?2`,
    ),
    due: prepare(
      `SELECT id, attempts, next_at_ms AS nextAtMs FROM outbox WHERE dead = 0 AND next_at_ms <= ? AND id > ?
       ORDER BY id LIMIT ?`,
    ),
    dead: prepare(
      'SELECT id, attempts, next_at_ms AS nextAtMs FROM outbox WHERE dead = 1 AND id > ? ORDER BY id LIMIT ?',
    ),
    enqueue: prepare(`INSERT OR REPLACE INTO outbox VALUES (?1, 0, 0, 0, ${outboxSeal('?1', '0', '0', '0')})`),
    dequeue: prepare('DELETE FROM outbox WHERE id = ?'),
    retry: prepare(
      `UPDATE outbox SET attempts = attempts + 1, next_at_ms = ?2,
       seal = ${outboxSeal('id', '(attempts + 1)', '?2', 'dead')} WHERE id = ?1`,
    ),
    bury: prepare(
      `UPDATE outbox SET attempts = attempts + 1, dead = 1,
       seal = ${outboxSeal('id', '(attempts + 1)', 'next_at_ms', '1')} WHERE id = ?1`,
    ),
    delivered: prepare(`INSERT OR REPLACE INTO deliveries VALUES (?1, ?2, ${deliverySeal('?1', '?2')})`),
    // Counts openings and transactions without a new record.
    mark: prepare('UPDATE marks SET mark = mark + 1 RETURNING mark'),
    marked: prepare('SELECT mark FROM marks'),
  };
}

/** The record of a row, without its checksum and whatever else was selected. */
export function recordOf(row: Row): PlacedRecord {
  const { id, room, sequence, kind, key, atMs, sender, liver, item, currency, reg, amount } = row;
  const { shownAtMs, gift, reason } = row;
  return { id, room, sequence, kind, key, atMs, sender, liver, item, currency, reg, amount, shownAtMs, gift, reason };
}
