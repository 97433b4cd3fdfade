import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LedgerRecord } from '@hayate/relay/ledger';
import { LedgerStore } from '@hayate/relay/ledger/store';
import { type Acked, audit } from './audit.ts';
import { Disk, putFiles } from './disk.ts';
import { LedgerProcess } from './ledger-process.ts';
import { Random } from './random.ts';
import { memoryFolder } from './scratch.ts';
import { ackedOf, Senders, sameReceipt } from './senders.ts';
import { type DiskEvent, DiskTrace, straceArguments } from './trace.ts';

export const FILE = 'ledger.db';
const INDEX = `${FILE}-shm`;

export interface RecordOptions {
  /** Processes that hold the ledger after each other; all but every third are killed. */
  lives: number;
  giftsALife: number;
  rooms: number;
  seed: number;
}

export interface Recording {
  events: DiskEvent[];
  senders: Senders;
  /** The files when the last of them was killed. */
  killed: Map<string, Buffer>;
  /** What was acked by then. */
  ackedWhenKilled: ReadonlySet<string>;
}

/** Records all writes and syncs of ledger processes, and what they acked, in one order. */
export async function recordLedger(
  options: RecordOptions,
  noSync: boolean,
  log: (text: string) => void,
): Promise<Recording> {
  const folder = mkdtempSync(join(tmpdir(), 'hayate-power-'));
  const data = join(folder, 'data');
  const random = new Random(options.seed);
  const senders = new Senders(random, options.rooms);
  const trace = new DiskTrace(data, (name) => name.startsWith(FILE) && name !== INDEX);
  let killed = new Map<string, Buffer>();
  let ackedWhenKilled = new Set<string>();
  try {
    for (let life = 1; life <= options.lives + 1; life++) {
      const output = join(folder, `life-${life}`);
      const ledger = new LedgerProcess({
        path: join(data, FILE),
        noSync,
        strace: straceArguments(output),
        onLine: (line) => {
          if (line.type !== 'answer') throw new Error(`the ledger refused: ${line.code}`);
          senders.answered(line.jti, line.receipt);
        },
      });
      await ledger.ready;
      for (const ticket of [...senders.unanswered(), ...senders.someAnswered(10)]) ledger.send(ticket);
      for (let sent = 0; sent < options.giftsALife; ) {
        const together = 1 + random.below(4);
        for (let n = 0; n < together; n++, sent++) ledger.send(senders.next());
        await sleep(random.below(16));
      }
      if (life % 3 === 0 || life > options.lives) await ledger.finish();
      else await ledger.kill();
      const interrupted = await trace.read(output);
      rmSync(output);
      if (interrupted && !gives(trace.events, data)) trace.events.splice(trace.events.indexOf(interrupted), 1);
      // A recording that does not give the real files proves nothing.
      if (!gives(trace.events, data)) throw new Error('the recorded writes do not give the files');
      const seen = seenBy(trace.events);
      if (life === options.lives) {
        killed = seen;
        ackedWhenKilled = new Set(ackedOf(senders).map(({ ticket }) => ticket.jti));
      }
      log(`life ${life}: ${trace.events.length} events, ${senders.acked} acked`);
    }
    return { events: trace.events, senders, killed, ackedWhenKilled };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function seenBy(events: readonly DiskEvent[]): Map<string, Buffer> {
  const disk = new Disk();
  for (const event of events) disk.take(event);
  return disk.asSeen();
}

function gives(events: readonly DiskEvent[], folder: string): boolean {
  return [...seenBy(events)].every(([name, bytes]) => readFileSync(join(folder, name)).equals(bytes));
}

export interface CutResult {
  power_cuts: number;
  /** Acked before the cut and not there after it, over all cuts. */
  lost: number;
  doubled: number;
  /** Places without a record. */
  gaps: number;
  /** Cuts after which the ledger did not open, by code. */
  refused: Record<string, number>;
  /** Cuts that took something of the log, the file or a name with them. */
  cuts_with_unsynced_writes: number;
}

/** Rebuilds the files at random moments, opens each with the ledger and compares it with what was acked by then. */
export function cutPower(recording: Recording, cuts: number, seed: number, log: (text: string) => void): CutResult {
  const random = new Random(seed);
  const { events, senders } = recording;
  const moments = Array.from({ length: cuts }, () => random.below(events.length + 1)).sort((a, b) => a - b);
  const result: CutResult = { power_cuts: 0, lost: 0, doubled: 0, gaps: 0, refused: {}, cuts_with_unsynced_writes: 0 };
  const disk = new Disk();
  const acked = new Map<string, Acked>();
  const scratch = memoryFolder('hayate-cut-');
  let done = 0;
  try {
    for (const moment of moments) {
      for (; done < moment; done++) {
        const event = events[done]!;
        disk.take(event);
        if (event.type !== 'answer' || event.line.type !== 'answer') continue;
        const { jti, receipt } = event.line;
        const ticket = senders.sent.get(jti)!.ticket;
        if (!acked.has(jti)) acked.set(jti, { ticket, receipt });
      }
      const folder = mkdtempSync(join(scratch, 'cut-'));
      const files = disk.afterPowerCut(random);
      if (!sameFiles(files, disk.asSeen())) result.cuts_with_unsynced_writes++;
      putFiles(folder, files, INDEX, random);
      judge(join(folder, FILE), [...acked.values()], senders, result);
      rmSync(folder, { recursive: true });
      result.power_cuts++;
      if (result.power_cuts % 100 === 0) log(`${result.power_cuts} power cuts: ${JSON.stringify(result)}`);
    }
    return result;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

function sameFiles(a: Map<string, Buffer>, b: Map<string, Buffer>): boolean {
  return a.size === b.size && [...a].every(([name, bytes]) => b.get(name)?.equals(bytes));
}

/** After the power is back: what was acked is there, all is sent again and gets one place each. */
function judge(path: string, acked: Acked[], senders: Senders, result: CutResult): void {
  let store: LedgerStore;
  try {
    store = new LedgerStore(path);
  } catch (error) {
    const { code } = error as { code: string };
    result.refused[code] = (result.refused[code] ?? 0) + 1;
    return;
  }
  try {
    const found = audit(allRecords(store), acked);
    result.lost += found.lost;
    result.doubled += found.doubled;
    result.gaps += found.gaps;
    store.begin();
    const again = [...senders.sent.values()].map(({ ticket }) => ({ ticket, receipt: store.claim(ticket, 1) }));
    store.commit();
    const first = new Map(again.map(({ ticket, receipt }) => [ticket.jti, receipt]));
    // What was lost cannot get its place back: it is counted above already.
    if (found.lost === 0) {
      for (const { ticket, receipt } of acked) if (!sameReceipt(first.get(ticket.jti)!, receipt)) result.doubled++;
    }
    const after = audit(allRecords(store), again);
    result.doubled += after.doubled + after.lost;
    result.gaps += after.gaps;
  } finally {
    store.close();
  }
}

export function allRecords(store: LedgerStore): LedgerRecord[] {
  const records: LedgerRecord[] = [];
  for (let more = store.since(0, 1000); more.length > 0; more = store.since(records.length, 1000))
    records.push(...more);
  return records;
}
