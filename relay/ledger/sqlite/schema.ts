import type { DatabaseSync } from 'node:sqlite';
import { ledgerError } from '../errors.ts';

/** "HGL1" in the file's header: tells a ledger from any other SQLite file. */
const APPLICATION_ID = 0x48474c31;

/**
 * What changes in place cannot be chained: each such row carries a sum modulo a prime, which integrity_check compares by
 * the table's CHECK. Any one flipped bit changes it.
 */
export function outboxSeal(id: string, attempts: string, nextAtMs: string, dead: string): string {
  return `(${id} * 3 + ${attempts} * 5 + ${nextAtMs} * 7 + ${dead} * 11) % 1000003`;
}
export function deliverySeal(id: string, atMs: string): string {
  return `(${id} * 3 + ${atMs} * 7) % 1000003`;
}
export function cursorSeal(id: string): string {
  return `(${id} * 3) % 1000003`;
}

/** Step n takes a file of version n to n + 1. Steps are only ever added. */
const STEPS = [
  `CREATE TABLE records (
     id INTEGER PRIMARY KEY,
     room TEXT NOT NULL,
     sequence INTEGER NOT NULL,
     kind TEXT NOT NULL,
     key TEXT NOT NULL,
     at_ms INTEGER NOT NULL,
     sender TEXT NOT NULL,
     liver TEXT NOT NULL,
     item TEXT NOT NULL,
     currency TEXT NOT NULL,
     reg TEXT NOT NULL,
     amount INTEGER NOT NULL,
     shown_at_ms INTEGER,
     gift TEXT,
     reason TEXT,
     checksum BLOB NOT NULL
   ) STRICT;
   CREATE UNIQUE INDEX records_room ON records (room, sequence);
   CREATE UNIQUE INDEX records_key ON records (kind, key);
   CREATE INDEX records_time ON records (at_ms);
   CREATE INDEX records_gift ON records (gift) WHERE gift IS NOT NULL;
   CREATE TRIGGER records_stay BEFORE UPDATE ON records BEGIN SELECT raise(ABORT, 'records never change'); END;
   CREATE TRIGGER records_remain BEFORE DELETE ON records BEGIN SELECT raise(ABORT, 'records never go'); END;
   CREATE TABLE outbox (
     id INTEGER PRIMARY KEY,
     attempts INTEGER NOT NULL,
     next_at_ms INTEGER NOT NULL,
     dead INTEGER NOT NULL CHECK (dead IN (0, 1)),
     seal INTEGER NOT NULL CHECK (seal = ${outboxSeal('id', 'attempts', 'next_at_ms', 'dead')})
   ) STRICT;
   CREATE TABLE deliveries (
     id INTEGER PRIMARY KEY,
     at_ms INTEGER NOT NULL,
     seal INTEGER NOT NULL CHECK (seal = ${deliverySeal('id', 'at_ms')})
   ) STRICT;
   CREATE TABLE cursors (
     name TEXT PRIMARY KEY,
     id INTEGER NOT NULL,
     seal INTEGER NOT NULL CHECK (seal = ${cursorSeal('id')})
   ) STRICT, WITHOUT ROWID;
   CREATE TABLE marks (one INTEGER PRIMARY KEY CHECK (one = 1), mark INTEGER NOT NULL) STRICT;
   INSERT INTO marks VALUES (1, 0);`,
];

const SCHEMA_VERSION: number = STEPS.length;

function pragma(db: DatabaseSync, name: string): number {
  return Object.values(db.prepare(`PRAGMA ${name}`).get() ?? {})[0] as number;
}

/**
 * For who only reads. @throws HayateError `ledger_corrupt` for a file that is no ledger, `ledger_version` for one of another
 * version: opening it to write takes an older one to this
 */
export function checkVersion(db: DatabaseSync): void {
  if (pragma(db, 'application_id') !== APPLICATION_ID) throw ledgerError('ledger_corrupt', 'the file is not a ledger');
  const version = pragma(db, 'user_version');
  if (version !== SCHEMA_VERSION) {
    throw ledgerError('ledger_version', `the file has version ${version}, this program reads ${SCHEMA_VERSION}`);
  }
}

/**
 * Takes the file to this version in one transaction; an empty file becomes a ledger.
 * @throws HayateError `ledger_version` for a newer file, `ledger_corrupt` for one that is no ledger
 */
export function migrate(db: DatabaseSync): void {
  db.exec('BEGIN IMMEDIATE');
  try {
    const application = pragma(db, 'application_id');
    const version = pragma(db, 'user_version');
    const { tables } = db.prepare('SELECT count(*) AS tables FROM sqlite_schema').get() as { tables: number };
    const empty = application === 0 && version === 0 && tables === 0;
    if (!empty && application !== APPLICATION_ID) throw ledgerError('ledger_corrupt', 'the file is not a ledger');
    if (version > SCHEMA_VERSION) {
      throw ledgerError('ledger_version', `the file has version ${version}, this program knows ${SCHEMA_VERSION}`);
    }
    for (const step of STEPS.slice(version)) db.exec(step);
    if (version < SCHEMA_VERSION) {
      db.exec(`PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${SCHEMA_VERSION}`);
    }
    db.exec('COMMIT');
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK');
    throw error;
  }
}
