import { spawnSync } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { basename, dirname } from 'node:path';
import { createInterface } from 'node:readline';
import type { ChildLine } from './ledger-child.ts';

/** What a ledger did to its files, in the order in which the kernel saw it; `inode` tells files of one name apart. */
export type DiskEvent =
  | { type: 'create'; name: string; inode: number }
  | { type: 'unlink'; name: string }
  | { type: 'write'; inode: number; offset: number; data: Buffer }
  | { type: 'truncate'; inode: number; size: number }
  /** Completed: what was written to the file before is on the disk. */
  | { type: 'sync'; inode: number }
  /** Completed: the folder's names are on the disk. */
  | { type: 'syncFolder' }
  /** Given to whoever sent the gift. */
  | { type: 'answer'; line: ChildLine };

const CALLS =
  'openat,pwrite64,write,ftruncate,fsync,fdatasync,unlink,rename,fallocate,pwritev,sendfile,copy_file_range';

/** strace's arguments: all strings whole and in hex, each descriptor with its path. */
export function straceArguments(output: string): string[] {
  return ['-f', '-y', '-xx', '-s', '2000000', '-o', output, '-e', `trace=${CALLS}`, '-e', 'signal=none'];
}

/** Whether strace is here and allowed to trace. */
export function haveStrace(): boolean {
  return spawnSync('strace', ['-f', '-o', '/dev/null', 'true']).status === 0;
}

const LINE = /^(\d+) +(?:<\.\.\. \w+ resumed>|(\w+)\()(.*)$/s;
const UNFINISHED = /<unfinished \.\.\.>$/;
const RESULT = /\)\s+= (-?\d+)(?:<([^>]*)>)?(?: .*)?$/;

const text = (hex: string) => Buffer.from(hex.replaceAll('\\x', ''), 'hex');
const hexOf = (argument: string) => text(/"([^"]*)"/.exec(argument)?.[1] ?? '');
const pathOf = (argument: string) => text(/^\d+<([^>]*)>/.exec(argument)?.[1] ?? '').toString();

/** Reads the traces of processes that held one ledger file after each other. */
export class DiskTrace {
  readonly events: DiskEvent[] = [];
  readonly #folder: string;
  readonly #names: (name: string) => boolean;
  readonly #inodes = new Map<string, number>();
  #nextInode = 1;
  #interrupted: DiskEvent | undefined;

  /** @param names which files of the folder count; the shared-memory index is rebuilt from nothing after a crash. */
  constructor(folder: string, names: (name: string) => boolean) {
    this.#folder = folder;
    this.#names = names;
  }

  /** Resolves with the write that a kill interrupted, if one: the kernel may have done it or not. */
  async read(file: string): Promise<DiskEvent | undefined> {
    const open = new Map<string, { call: string; start: string }>();
    for await (const line of createInterface({ input: createReadStream(file, 'latin1'), crlfDelay: Infinity })) {
      const [, pid = '', named, rest = ''] = LINE.exec(line) ?? [];
      const begun = named === undefined ? open.get(pid) : { call: named, start: '' };
      if (!begun) continue;
      if (UNFINISHED.test(rest)) {
        open.set(pid, { call: begun.call, start: rest.replace(UNFINISHED, '') });
        continue;
      }
      open.delete(pid);
      this.#take(begun.call, begun.start + rest);
    }
    for (const { call, start } of open.values()) {
      if (call === 'pwrite64') this.#interrupted = this.#write(start);
    }
    const interrupted = this.#interrupted;
    this.#interrupted = undefined;
    return interrupted;
  }

  #take(call: string, all: string): void {
    const result = RESULT.exec(all);
    // `= ?`: the process died in it.
    if (!result) {
      if (call === 'pwrite64') this.#interrupted = this.#write(all);
      return;
    }
    const value = Number(result[1]);
    if (value < 0) return;
    switch (call) {
      case 'openat':
        this.#opened(text(result[2] ?? '').toString(), all);
        break;
      case 'pwrite64':
        this.#write(all, value);
        break;
      case 'write':
        this.#said(all);
        break;
      case 'ftruncate': {
        const inode = this.#inodeOf(pathOf(all));
        const size = Number(/, (\d+)\)\s+= /.exec(all)?.[1]);
        if (inode !== undefined) this.events.push({ type: 'truncate', inode, size });
        break;
      }
      case 'fsync':
      case 'fdatasync': {
        const path = pathOf(all);
        const inode = this.#inodeOf(path);
        if (path === this.#folder) this.events.push({ type: 'syncFolder' });
        else if (inode !== undefined) this.events.push({ type: 'sync', inode });
        break;
      }
      case 'unlink': {
        const name = this.#nameOf(hexOf(all).toString());
        if (name === undefined) break;
        this.#inodes.delete(name);
        this.events.push({ type: 'unlink', name });
        break;
      }
      default:
        if (all.includes(Buffer.from(this.#folder).toString('hex').replace(/../g, '\\x$&'))) {
          throw new Error(`${call} on the ledger's files: the recorder does not know what it does`);
        }
    }
  }

  #nameOf(path: string): string | undefined {
    const name = basename(path);
    return dirname(path) === this.#folder && this.#names(name) ? name : undefined;
  }

  #inodeOf(path: string): number | undefined {
    const name = this.#nameOf(path);
    return name === undefined ? undefined : this.#inodes.get(name);
  }

  #opened(path: string, all: string): void {
    const name = this.#nameOf(path);
    if (name === undefined || this.#inodes.has(name) || !all.includes('O_CREAT')) return;
    const inode = this.#nextInode++;
    this.#inodes.set(name, inode);
    this.events.push({ type: 'create', name, inode });
  }

  #write(all: string, written?: number): DiskEvent | undefined {
    const inode = this.#inodeOf(pathOf(all));
    if (inode === undefined) return undefined;
    const data = hexOf(all);
    const offset = Number(/", \d+, (\d+)/.exec(all)?.[1]);
    const event: DiskEvent = { type: 'write', inode, offset, data: data.subarray(0, written) };
    this.events.push(event);
    return event;
  }

  /** Answers go to descriptor 1, one write each. */
  #said(all: string): void {
    if (!all.startsWith('1<')) return;
    this.events.push({ type: 'answer', line: JSON.parse(hexOf(all).toString()) as ChildLine });
  }
}
