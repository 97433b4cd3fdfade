import { hash } from 'node:crypto';
import { closeSync, constants, fsyncSync, openSync, readSync, writeSync } from 'node:fs';
import { CHECKSUM_BYTES, sameBytes } from '../checksum.ts';

const MAGIC = 'HGW1';
const HEAD_BYTES = 4 + 8 + 8 + CHECKSUM_BYTES;
const BYTES = HEAD_BYTES + 8;

/** The last record; id 0 for an empty ledger. */
export interface Head {
  id: number;
  checksum: Uint8Array;
}

/** What was durable. */
export interface Witnessed extends Head {
  /** Of the last durable transaction that wrote no record. */
  mark: number;
}

/**
 * A file beside the ledger that names the last durable record and mark. SQLite takes a damaged end of its log for an interrupted
 * write and drops it in silence; a ledger that ends before its witness has lost gifts.
 *
 * Written after each commit and never synced: after a power cut it may be old or torn, which reads as "knows less", but
 * it never names what was not durable, so it raises no false alarm.
 */
export class Witness {
  readonly #fd: number;
  readonly #bytes = Buffer.alloc(BYTES);

  /** @throws what node:fs throws */
  constructor(path: string) {
    this.#fd = openSync(path, constants.O_RDWR | constants.O_CREAT, 0o600);
  }

  /** Undefined when there is nothing whole to read. */
  read(): Witnessed | undefined {
    return readFrom(this.#fd);
  }

  write({ id, checksum, mark }: Witnessed): void {
    this.#bytes.write(MAGIC, 'latin1');
    this.#bytes.writeBigUInt64LE(BigInt(id), 4);
    this.#bytes.writeBigUInt64LE(BigInt(mark), 12);
    this.#bytes.set(checksum, 20);
    this.#bytes.set(sealOf(this.#bytes), HEAD_BYTES);
    writeSync(this.#fd, this.#bytes, 0, BYTES, 0);
  }

  close(): void {
    closeSync(this.#fd);
  }
}

/** For who only reads: undefined when there is no file, or nothing whole in it. @throws what node:fs throws */
export function readWitness(path: string): Witnessed | undefined {
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    return readFrom(fd);
  } finally {
    closeSync(fd);
  }
}

function readFrom(fd: number): Witnessed | undefined {
  const bytes = Buffer.alloc(BYTES);
  if (readSync(fd, bytes, 0, BYTES, 0) !== BYTES || bytes.toString('latin1', 0, 4) !== MAGIC) return undefined;
  if (!sameBytes(bytes.subarray(HEAD_BYTES), sealOf(bytes))) return undefined;
  const [id, mark] = [bytes.readBigUInt64LE(4), bytes.readBigUInt64LE(12)].map(Number) as [number, number];
  return { id, mark, checksum: bytes.subarray(20, HEAD_BYTES) };
}

function sealOf(bytes: Buffer): Uint8Array {
  return hash('sha256', bytes.subarray(0, HEAD_BYTES), 'buffer').subarray(0, BYTES - HEAD_BYTES);
}

/** Makes the names in a folder durable: a synced file without its name is lost. */
export function syncFolder(path: string): void {
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
