import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { LedgerStore } from '@hayate/relay/ledger/store';
import { type Audit, audit } from './audit.ts';
import type { ChildLine } from './ledger-child.ts';
import { LedgerProcess } from './ledger-process.ts';
import { allRecords, FILE } from './power-cut.ts';
import { Random } from './random.ts';
import { ackedOf, Senders } from './senders.ts';

interface Case {
  name: string;
  /** The file whose calls fail, and how: strace's words. */
  file: string;
  inject: string;
  /** What the ledger must say. */
  code: string;
  /** Whether it must do so before it takes a gift. */
  atOpen: boolean;
  /** On a file that is not there yet. */
  fresh?: boolean;
  /** Whether the same process must take everything once the disk is well again. */
  recovers: boolean;
}

const CASES: Case[] = [
  {
    name: 'disk full for a while',
    file: `${FILE}-wal`,
    inject: 'pwrite64:error=ENOSPC:when=12..30',
    code: 'ledger_full',
    atOpen: false,
    recovers: true,
  },
  {
    name: 'disk full when the file is made',
    file: FILE,
    inject: 'pwrite64:error=ENOSPC',
    code: 'ledger_full',
    atOpen: true,
    fresh: true,
    recovers: false,
  },
  {
    name: 'disk full while the log is moved into the file',
    file: FILE,
    inject: 'pwrite64:error=ENOSPC',
    code: 'none',
    atOpen: false,
    recovers: true,
  },
  {
    name: 'read-only disk',
    file: FILE,
    inject: 'openat:error=EROFS:when=1',
    code: 'ledger_read_only',
    atOpen: true,
    recovers: false,
  },
  {
    name: 'no disk',
    file: FILE,
    inject: 'openat:error=EROFS',
    code: 'ledger_read_only',
    atOpen: true,
    recovers: false,
  },
  {
    name: 'read-only from a moment on',
    file: `${FILE}-wal`,
    inject: 'pwrite64:error=EROFS:when=40+',
    code: 'ledger_failed',
    atOpen: false,
    recovers: false,
  },
  {
    name: 'one sync fails',
    file: `${FILE}-wal`,
    inject: 'fsync,fdatasync:error=EIO:when=5',
    code: 'ledger_failed',
    atOpen: false,
    recovers: false,
  },
];

export interface DiskFaultResult extends Audit {
  passed: boolean;
  /** Errors by code, while the disk was ill. */
  errors: Record<string, number>;
  acked_beside_the_fault: number;
  acked: number;
}

/** A ledger whose disk refuses: it says so by a code, loses nothing acked, and takes everything once the disk is well. */
export async function diskFaults(seed: number, log: (text: string) => void): Promise<Record<string, DiskFaultResult>> {
  const results: Record<string, DiskFaultResult> = {};
  for (const each of CASES) {
    results[each.name] = await runCase(each, seed);
    log(`${each.name}: ${JSON.stringify(results[each.name])}`);
  }
  return results;
}

async function runCase({ file, inject, code, atOpen, fresh, recovers }: Case, seed: number): Promise<DiskFaultResult> {
  const folder = mkdtempSync(join(tmpdir(), 'hayate-disk-'));
  const path = join(folder, FILE);
  const senders = new Senders(new Random(seed), 10);
  const errors: Record<string, number> = {};
  const onLine = (line: Exclude<ChildLine, { type: 'ready' }>) => {
    if (line.type === 'answer') senders.answered(line.jti, line.receipt);
    else errors[line.code] = (errors[line.code] ?? 0) + 1;
  };
  const run = async (strace: string[] | undefined, gifts: number, rounds: number) => {
    const ledger = new LedgerProcess({ path, onLine, ...(strace ? { strace } : {}) });
    await ledger.ready;
    for (let n = 0; n < gifts; n++) {
      ledger.send(senders.next());
      if (n % 4 === 3) await sleep(10);
    }
    for (let round = 0; round < rounds; round++) {
      await sleep(50);
      for (const ticket of senders.unanswered()) ledger.send(ticket);
    }
    await ledger.finish();
  };
  try {
    if (!fresh) await run(undefined, 40, 0);
    const before = senders.acked;
    // -P alone would trace all calls on the path; only the injected one is of interest.
    await run(['-f', '-o', '/dev/null', '-P', join(folder, file), '-e', `inject=${inject}`], 60, 20);
    const beside = senders.acked - before;
    const open = senders.unanswered().length;
    await run(undefined, 10, 20);
    const store = new LedgerStore(path);
    const found = audit(allRecords(store), ackedOf(senders));
    store.close();
    const said = code === 'none' ? Object.keys(errors).length === 0 : Object.keys(errors).join() === code;
    const doubled = found.doubled + senders.doubled;
    const passed =
      said &&
      found.lost === 0 &&
      doubled === 0 &&
      found.gaps === 0 &&
      senders.unanswered().length === 0 &&
      (atOpen ? beside === 0 : beside > 0) &&
      (open === 0) === recovers;
    return { passed, errors, acked_beside_the_fault: beside, acked: senders.acked, ...found, doubled };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
