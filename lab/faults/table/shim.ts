import { execFile, execFileSync } from 'node:child_process';
import { closeSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Around } from '../../lib/relay-process.ts';

const SOURCE = fileURLToPath(new URL('shim.c', import.meta.url));
/** Of `struct faults`. */
const BYTES = 24;

export const ERRNO = { EIO: 5, EROFS: 30 } as const;

export interface Told {
  clockOffsetMs?: number;
  syncDelayMs?: number;
  syncErrno?: number;
  writeErrno?: number;
}

/** What a relay's C library tells it: see shim.c. */
export interface Shim {
  around: Around;
  /** From now on. */
  tell(told: Told): void;
  close(): void;
}

export function cannotShim(): string | undefined {
  if (process.platform !== 'linux') return 'LD_PRELOAD as it is used here is Linux';
  try {
    execFileSync('cc', ['--version'], { stdio: 'ignore' });
    return undefined;
  } catch {
    return 'no C compiler (cc)';
  }
}

/** @param folder holds what it needs; write errors are of files below it */
export async function openShim(folder: string): Promise<Shim> {
  const library = join(folder, 'shim.so');
  const file = join(folder, 'shim.faults');
  await promisify(execFile)('cc', ['-O1', '-shared', '-fPIC', '-o', library, SOURCE, '-ldl']);
  const fd = openSync(file, 'w');
  const tell = ({ clockOffsetMs = 0, syncDelayMs = 0, syncErrno = 0, writeErrno = 0 }: Told) => {
    const bytes = Buffer.alloc(BYTES);
    bytes.writeBigInt64LE(BigInt(clockOffsetMs) * 1000n, 0);
    bytes.writeInt32LE(syncDelayMs * 1000, 8);
    bytes.writeInt32LE(syncErrno, 12);
    bytes.writeInt32LE(writeErrno, 16);
    writeSync(fd, bytes, 0, BYTES, 0);
  };
  tell({});
  const env = { ...process.env, LD_PRELOAD: library, HAYATE_FAULT_FILE: file, HAYATE_FAULT_FOLDER: folder };
  return { around: { env }, tell, close: () => closeSync(fd) };
}
