import { randomFillSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Random } from './random.ts';
import type { DiskEvent } from './trace.ts';

const SECTOR = 512;

type Change = Extract<DiskEvent, { type: 'write' | 'truncate' }>;

interface FileState {
  /** What a sync made sure. */
  synced: Buffer;
  /** Since then: the disk may hold any of it. */
  pending: Change[];
}

/** How a power cut treats what was not synced. */
const FATES = ['none', 'all', 'some', 'torn', 'front'] as const;

/** A disk that can lose its power: what was synced stays, of the rest any part. */
export class Disk {
  readonly #files = new Map<number, FileState>();
  /** Names as the last sync of the folder left them. */
  readonly #names = new Map<string, number>();
  /** What each name has pointed to since. */
  readonly #renamed = new Map<string, (number | undefined)[]>();

  take(event: DiskEvent): void {
    switch (event.type) {
      case 'create':
        this.#files.set(event.inode, { synced: Buffer.alloc(0), pending: [] });
        this.#rename(event.name, event.inode);
        break;
      case 'unlink':
        this.#rename(event.name, undefined);
        break;
      case 'write':
      case 'truncate':
        this.#files.get(event.inode)?.pending.push(event);
        break;
      case 'sync': {
        const file = this.#files.get(event.inode);
        if (!file) break;
        file.synced = apply(file.synced, file.pending);
        file.pending = [];
        break;
      }
      case 'syncFolder':
        for (const [name, states] of this.#renamed) this.#point(name, states.at(-1));
        this.#renamed.clear();
        break;
      case 'answer':
        break;
    }
  }

  /** The files as after a power cut at this moment. */
  afterPowerCut(random: Random): Map<string, Buffer> {
    const names = new Map(this.#names);
    for (const [name, states] of this.#renamed) {
      const inode = random.pick([this.#names.get(name), ...states]);
      if (inode === undefined) names.delete(name);
      else names.set(name, inode);
    }
    const files = new Map<string, Buffer>();
    for (const [name, inode] of names) files.set(name, survivor(this.#files.get(inode)!, random));
    return files;
  }

  /** The files as every process sees them. */
  asSeen(): Map<string, Buffer> {
    const names = new Map<string, number | undefined>(this.#names);
    for (const [name, states] of this.#renamed) names.set(name, states.at(-1));
    const files = new Map<string, Buffer>();
    for (const [name, inode] of names) {
      const file = inode === undefined ? undefined : this.#files.get(inode);
      if (file) files.set(name, apply(file.synced, file.pending));
    }
    return files;
  }

  #rename(name: string, inode: number | undefined): void {
    this.#renamed.set(name, [...(this.#renamed.get(name) ?? []), inode]);
  }

  #point(name: string, inode: number | undefined): void {
    if (inode === undefined) this.#names.delete(name);
    else this.#names.set(name, inode);
  }
}

/** One file's bytes, each change since its last sync kept, dropped or torn. */
function survivor({ synced, pending }: FileState, random: Random): Buffer {
  const fate = random.pick(FATES);
  const front = random.below(pending.length + 1);
  const kept = pending.flatMap((change, n): Change[] => {
    if (fate === 'none' || (fate === 'some' && random.chance(0.5)) || (fate === 'front' && n > front)) return [];
    const torn = change.type === 'write' && (fate === 'torn' || (fate === 'front' && n === front));
    return torn ? sectors(change).filter(() => random.chance(0.5)) : [change];
  });
  return apply(synced, kept);
}

/** A write cut where the disk's sectors meet. */
function sectors(write: Extract<Change, { type: 'write' }>): Change[] {
  const parts: Change[] = [];
  for (let at = 0; at < write.data.length; ) {
    const end = Math.min(write.data.length, at + SECTOR - ((write.offset + at) % SECTOR));
    parts.push({ ...write, offset: write.offset + at, data: write.data.subarray(at, end) });
    at = end;
  }
  return parts;
}

/** A copy of `bytes` with changes in their order; what no write reached is zero. */
function apply(bytes: Buffer, changes: readonly Change[]): Buffer {
  if (changes.length === 0) return bytes;
  const ends = changes.map((each) => (each.type === 'write' ? each.offset + each.data.length : each.size));
  const out = Buffer.alloc(Math.max(bytes.length, ...ends));
  bytes.copy(out);
  let size = bytes.length;
  for (const change of changes) {
    if (change.type === 'truncate') {
      if (change.size < size) out.fill(0, change.size, size);
      size = change.size;
    } else {
      change.data.copy(out, change.offset);
      size = Math.max(size, change.offset + change.data.length);
    }
  }
  return out.subarray(0, size);
}

/** Writes files into a folder, beside a shared-memory index as a crash may leave it. */
export function putFiles(folder: string, files: Map<string, Buffer>, index: string, random: Random): void {
  for (const [name, bytes] of files) writeFileSync(join(folder, name), bytes);
  if (random.chance(0.5)) writeFileSync(join(folder, index), randomFillSync(Buffer.alloc(32_768)));
}
