import { createHash, timingSafeEqual } from 'node:crypto';
import { DatabaseSync } from 'node:sqlite';

/** Why a machine is not let in. */
export type Refusal = 'unknown' | 'late' | 'foreign' | 'replayed' | 'revoked';

export interface Issued {
  /** Relay id, which is the machine's label without the cluster's name. */
  id: string;
  region: string;
  /** The only address that may use it; undefined: any, as its machine is not made yet. */
  address?: string;
  /** Earlier ones of the same id stay good until one is used: of a create that had no answer it is not known which one its machine has. */
  keepEarlier?: boolean;
}

export interface Redemption {
  token: string;
  id: string;
  /** SHA-256 of the public key that the machine wants a certificate for. */
  keyHash: Uint8Array;
  address: string;
}

export type Redeemed = { region: string } | { refused: Refusal };

/** Longer than a boot, shorter than anyone needs to find it in a log. */
const LIFE_MS = 10 * 60_000;
/** What is over is kept so long, so that a replay is told from a guess. */
const KEPT_MS = 30 * 24 * 3600_000;
const TOKEN_BYTES = 32;

const SCHEMA = `
CREATE TABLE IF NOT EXISTS tokens (
  hash BLOB PRIMARY KEY,
  id TEXT NOT NULL,
  region TEXT NOT NULL,
  address TEXT,
  ends_ms INTEGER NOT NULL,
  used_ms INTEGER,
  key_hash BLOB
) STRICT;
CREATE TABLE IF NOT EXISTS machines (
  id TEXT PRIMARY KEY,
  region TEXT NOT NULL,
  address TEXT NOT NULL,
  key_hash BLOB NOT NULL,
  enrolled_ms INTEGER NOT NULL,
  revoked_ms INTEGER
) STRICT;`;

const sha256 = (text: string | Uint8Array) => createHash('sha256').update(text).digest();

export interface Machine {
  id: string;
  region: string;
  address: string;
  enrolledMs: number;
  revoked: boolean;
}

/**
 * Tokens that let one machine in once, and the machines that came. On disk: a token is used up before its answer leaves, whatever dies. Of a
 * token only the SHA-256 is kept. Two processes may have the same file open: one that serves, and the command that issues.
 */
export class EnrolmentTokens {
  readonly #db: DatabaseSync;
  readonly #nowMs: () => number;
  readonly #randomBytes: (count: number) => Uint8Array;

  /** @throws Error when the file cannot be opened or is no database */
  constructor(file: string, { nowMs, randomBytes }: { nowMs(): number; randomBytes(count: number): Uint8Array }) {
    this.#nowMs = nowMs;
    this.#randomBytes = randomBytes;
    this.#db = new DatabaseSync(file, { timeout: 5000 });
    this.#db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;');
    this.#db.exec(SCHEMA);
  }

  /** A token for one machine, good for ten minutes and once. Earlier ones of the same id that nobody used end here, or else with the first that is used. */
  issue({ id, region, address, keepEarlier = false }: Issued): string {
    const token = Buffer.from(this.#randomBytes(TOKEN_BYTES)).toString('base64url');
    const nowMs = this.#nowMs();
    this.#all(() => {
      this.#db.prepare('DELETE FROM tokens WHERE ends_ms < ?').run(nowMs - KEPT_MS);
      if (!keepEarlier) this.#endUnused(id);
      this.#db
        .prepare('INSERT INTO tokens (hash, id, region, address, ends_ms) VALUES (?, ?, ?, ?, ?)')
        .run(sha256(token), id, region, address ?? null, nowMs + LIFE_MS);
      // Whoever is let in anew is welcome under this name again.
      this.#db.prepare('DELETE FROM machines WHERE id = ? AND revoked_ms IS NOT NULL').run(id);
    });
    return token;
  }

  /**
   * Uses a token up. The same key may ask again while the token's time lasts: its answer may have been lost on the way, and no
   * other machine can use what is answered.
   */
  redeem({ token, id, keyHash, address }: Redemption): Redeemed {
    const nowMs = this.#nowMs();
    return this.#all(() => {
      const row = this.#db.prepare('SELECT * FROM tokens WHERE hash = ?').get(sha256(token));
      if (!row) return { refused: 'unknown' };
      const used = row['key_hash'] as Uint8Array | null;
      if (used && !same(used, keyHash)) return { refused: 'replayed' };
      if ((row['ends_ms'] as number) <= nowMs) return { refused: 'late' };
      const foreign = row['id'] !== id || (row['address'] !== null && row['address'] !== address);
      if (foreign) return { refused: 'foreign' };
      const region = row['region'] as string;
      this.#db
        .prepare('UPDATE tokens SET used_ms = coalesce(used_ms, ?), key_hash = ? WHERE hash = ?')
        .run(nowMs, keyHash, sha256(token));
      this.#endUnused(id);
      this.#db
        .prepare(
          'INSERT INTO machines (id, region, address, key_hash, enrolled_ms) VALUES (?, ?, ?, ?, ?) ' +
            'ON CONFLICT (id) DO UPDATE SET region = excluded.region, address = excluded.address, ' +
            'key_hash = excluded.key_hash, enrolled_ms = excluded.enrolled_ms, revoked_ms = NULL',
        )
        .run(id, region, address, keyHash, nowMs);
      return { region };
    });
  }

  /** What a machine that shows its certificate may still have; it goes by the key it enrolled with. */
  member(id: string, keyHash: Uint8Array): Machine | { refused: Refusal } {
    const row = this.#db.prepare('SELECT * FROM machines WHERE id = ?').get(id);
    if (!row) return { refused: 'unknown' };
    if (row['revoked_ms'] !== null) return { refused: 'revoked' };
    // Another machine has this name by now.
    if (!same(row['key_hash'] as Uint8Array, keyHash)) return { refused: 'foreign' };
    return machineOf(row);
  }

  machines(): Machine[] {
    return this.#db.prepare('SELECT * FROM machines ORDER BY id').all().map(machineOf);
  }

  /** @returns whether there was such a machine */
  revoke(id: string): boolean {
    const { changes } = this.#db
      .prepare('UPDATE machines SET revoked_ms = ? WHERE id = ? AND revoked_ms IS NULL')
      .run(this.#nowMs(), id);
    return changes > 0;
  }

  close(): void {
    this.#db.close();
  }

  #endUnused(id: string): void {
    this.#db.prepare('UPDATE tokens SET ends_ms = 0 WHERE id = ? AND used_ms IS NULL').run(id);
  }

  #all<T>(work: () => T): T {
    this.#db.exec('BEGIN IMMEDIATE');
    try {
      const result = work();
      this.#db.exec('COMMIT');
      return result;
    } catch (error) {
      this.#db.exec('ROLLBACK');
      throw error;
    }
  }
}

function machineOf(row: Record<string, unknown>): Machine {
  const { id, region, address } = row as { id: string; region: string; address: string };
  return { id, region, address, enrolledMs: row['enrolled_ms'] as number, revoked: row['revoked_ms'] !== null };
}

const same = (a: Uint8Array, b: Uint8Array) => a.length === b.length && timingSafeEqual(a, b);
