import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { LedgerStore } from '@hayate/relay/ledger/store';
import { allRecords, FILE } from './power-cut.ts';
import { Random } from './random.ts';
import { memoryFolder } from './scratch.ts';

export interface FlipResult {
  flips: number;
  /** The ledger did not open, or a read said so. */
  refused: Record<string, number>;
  /** In bytes that hold nothing any more: what was acked reads as before. */
  harmless: number;
  /** Something acked reads otherwise, and nobody said so. */
  unnoticed: number;
  /** Flips by file. */
  files: Record<string, number>;
}

interface Content {
  records: unknown[];
  outbox: unknown[];
  delivered: unknown[];
  cursor: number;
}

/** Flips one bit of one file at a time and opens the ledger. */
export function flipBits(
  killed: Map<string, Buffer>,
  acked: ReadonlySet<string>,
  flips: number,
  seed: number,
  log: (text: string) => void,
): FlipResult {
  const random = new Random(seed);
  const scratch = memoryFolder('hayate-flip-');
  const result: FlipResult = { flips: 0, refused: {}, harmless: 0, unnoticed: 0, files: {} };
  const open = (files: Map<string, Buffer>): LedgerStore => {
    const folder = join(scratch, 'ledger');
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder);
    for (const [name, bytes] of files) writeFileSync(join(folder, name), bytes);
    return new LedgerStore(join(folder, FILE));
  };
  try {
    const whole = contentOf(open(killed));
    while (result.flips < flips) {
      // The file, its log and the witness alike, however long.
      const name = random.pick([...killed.keys()].filter((each) => killed.get(each)!.length > 0));
      const bytes = Buffer.from(killed.get(name)!);
      const bit = random.below(bytes.length * 8);
      bytes.writeUInt8(bytes.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
      result.flips++;
      result.files[name] = (result.files[name] ?? 0) + 1;
      try {
        const content = contentOf(open(new Map(killed).set(name, bytes)));
        if (sameAcked(content, whole, acked)) result.harmless++;
        else result.unnoticed++;
      } catch (error) {
        const { code } = error as { code: string };
        result.refused[code] = (result.refused[code] ?? 0) + 1;
      }
      if (result.flips % 200 === 0) log(`${result.flips} flipped bits: ${JSON.stringify(result)}`);
    }
    return result;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

function contentOf(store: LedgerStore): Content {
  try {
    const records = allRecords(store);
    return {
      records,
      outbox: store.outbox(Number.MAX_SAFE_INTEGER, records.length + 1),
      delivered: store.read({ fromMs: 0, toMs: Number.MAX_SAFE_INTEGER }, undefined, records.length + 1).records,
      cursor: store.cursor('backend'),
    };
  } finally {
    store.close();
  }
}

/** What was written and never acked may be missing, at the end. */
function sameAcked(content: Content, whole: Content, acked: ReadonlySet<string>): boolean {
  if (isDeepStrictEqual(content, whole)) return true;
  const count = content.records.length;
  const rest = whole.records.slice(count) as { key: string }[];
  return (
    isDeepStrictEqual(content.records, whole.records.slice(0, count)) &&
    rest.every(({ key }) => !acked.has(key)) &&
    rest.length > 0
  );
}

/** The same files after a day's work: half of it delivered, some to be tried again, a cursor moved. */
export function worked(files: Map<string, Buffer>, read: (folder: string) => Map<string, Buffer>): Map<string, Buffer> {
  const scratch = memoryFolder('hayate-worked-');
  try {
    for (const [name, bytes] of files) writeFileSync(join(scratch, name), bytes);
    const store = new LedgerStore(join(scratch, FILE));
    store.begin();
    const ids = allRecords(store).map(({ id }) => id);
    store.settle(
      ids.map((id) => {
        if (id % 2 === 0) return { id, outcome: 'delivered', atMs: 1_790_000_000_000 + id };
        return id % 3 === 0 ? { id, outcome: 'dead' } : { id, outcome: 'retry', nextAtMs: 1_790_000_100_000 + id };
      }),
    );
    store.moveCursor('backend', ids.length);
    store.commit();
    // Not closed: the log is as long as it gets.
    const after = read(scratch);
    store.close();
    return after;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}
